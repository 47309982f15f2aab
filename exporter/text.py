"""Every rule about characters: control and invisible ones, one-line errors, redaction, JSON text.

JSON as the service sends it is read fast where it is clean, patiently where it is odd.

msgspec reads what is well-formed. What it refuses gets a second reading by the standard library, because
some answers are odd and yet good: a byte order mark, a name cut in the middle of an emoji (half a surrogate
pair), a number beyond a double. Halves of pairs become U+FFFD, since no file format can hold them.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class NotJson(ValueError):
    """The text is not JSON (RFC 8259). `NaN` and `Infinity` are not, nor is nesting without end."""


def loads(text: str | bytes) -> Any:
    """The value that `text` holds: dict, list, str, int, float, bool or None.

    A number too large for a double, or with more digits than Python reads, comes back as its own text. Of a key
    that stands twice the last counts. Raises `NotJson`.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _loads_patiently(text)


def dumps(value: Any) -> str:
    """`value` as compact JSON text; keys keep their order."""
    return _encode(value).decode()


def _loads_patiently(text: str | bytes) -> Any:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text.removeprefix("\ufeff"), parse_constant=_refuse, parse_float=_float_or_text, parse_int=_integer_or_text
        )
        return _without_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not JSON: {type(error).__name__}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _float_or_text(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


def _integer_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits  # beyond the digits that Python reads (sys.get_int_max_str_digits)


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value


_TOKEN = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){2,4}")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


TOKEN_HIDDEN = "[token hidden]"


SEARCHED = 4000
"""Characters of a text that become a line at most: the search for tokens takes the square of its length at worst."""


def hide_tokens(text: str) -> str:
    """`text` with everything that looks like a signed token taken out: some servers echo what they got."""
    return _TOKEN.sub(TOKEN_HIDDEN, text)


def one_line(text: str, most: int) -> str:
    """`text` fit for a log line: one line, no control characters, no tokens, at most `most` characters."""
    flat = _CONTROL.sub(" ", hide_tokens(text[:SEARCHED])).strip()
    return flat if len(flat) <= most else flat[: most - 1] + "…"
