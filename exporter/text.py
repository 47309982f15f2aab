"""Every rule about characters: control and invisible ones, one-line errors, redaction, JSON text.

The sets of characters are written once, as the inside of a character class, so that `re` and Arrow's regular
expressions (RE2) read the same rule: `f"[{CONTROL}]"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters (C0, DEL, C1), and the two characters of Unicode that end a line."""

DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that turn the direction of writing: what is shown is then not what is there."""

INVISIBLE = DIRECTION + "\u00ad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"
"""Characters that show nothing: direction marks, zero-width ones, the byte order mark, the soft hyphen."""

SURROGATE = "\ud800-\udfff"
"""Halves of surrogate pairs: no file format and no terminal can hold them. Not for RE2."""

LONGEST_ID = 256
"""Characters of a campaign ID; real ones have about 40."""

LONGEST_SEARCHED = 4000
"""Characters of a text that become a line at most: the search for tokens takes the square of its length at worst."""

TOKEN_HIDDEN = "[token hidden]"

_control = re.compile(f"[{CONTROL}]")
_control_in_prose = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_surrogate = re.compile(f"[{SURROGATE}]")
_invisible = re.compile(f"[{INVISIBLE}]+")
_trimmed = "".join(filter(str.isspace, map(chr, range(0x3001)))) + re.sub(
    "(.)-(.)", lambda ends: "".join(map(chr, range(ord(ends[1]), ord(ends[2]) + 1))), INVISIBLE
)
_unshown = re.compile(f"[{CONTROL}{INVISIBLE}{SURROGATE}]+")
_unsafe = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{DIRECTION}{SURROGATE}]+")
_visible_ascii = re.compile(r"[\x21-\x7e]*")
_token = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){2,4}")


def without_format_characters(text: str) -> str:
    """`text` without invisible characters, and with plain blanks in place of special ones; none at its ends."""
    return text.strip() if text.isascii() else " ".join(_invisible.sub("", text).split())


def has_control(text: str) -> bool:
    """Whether `text` holds a control character; tab and line breaks are control characters too."""
    return _control.search(text) is not None


def has_control_in_prose(text: str) -> bool:
    """Whether `text` holds a control character that a text of several lines does not: tab and line breaks are fine."""
    return _control_in_prose.search(text) is not None


def has_surrogate(text: str) -> bool:
    """Whether `text` holds half of a surrogate pair, so that it has no UTF-8 form."""
    return _surrogate.search(text) is not None


def is_visible_ascii(text: str) -> bool:
    """Whether `text` can be in a URL, an HTTP header or a token: visible ASCII characters, no blank."""
    return _visible_ascii.fullmatch(text) is not None


def trim_invisible(text: str) -> tuple[str, bool]:
    """`text` without white space and invisible characters at its ends, and whether there were any."""
    trimmed = text.strip(_trimmed)
    return trimmed, trimmed != text


def id_problem(campaign_id: str) -> str | None:
    """What keeps a (trimmed) text from being a campaign ID; None: nothing does."""
    if not campaign_id:
        return "a row without an ID"
    if has_control(campaign_id) or has_surrogate(campaign_id):
        return "an ID with control characters"
    if len(campaign_id) > LONGEST_ID:
        return f"an ID longer than {LONGEST_ID} characters"
    return None


def hide_tokens(text: str) -> str:
    """`text` with everything that looks like a signed token taken out: some servers echo what they got."""
    return _token.sub(TOKEN_HIDDEN, text)


def one_line(text: str, longest: int) -> str:
    """`text` fit for a log line: one line, no control characters, no tokens, at most `longest` characters."""
    flat = _unshown.sub(" ", hide_tokens(text[:LONGEST_SEARCHED])).strip()
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def error_line(error: BaseException) -> str:
    """What an error says, in one line: of the system its text alone, of a library what it says first."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return one_line((text.strip().splitlines() or [type(error).__name__])[0], 300).rstrip(".")


def escaped(text: str) -> str:
    """`text` with what is not printable escaped, so that it is seen."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def storable(text: str) -> str:
    """`text` with what has no UTF-8 form escaped: a file's name can hold any byte, a text in a file cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def excerpt(text: str, longest: int) -> str:
    """The beginning of `text` as a part of one line: invisible characters are escaped, so that they are seen."""
    beginning = hide_tokens(text[:longest]) + ("…" if len(text) > longest else "")
    return _unshown.sub(lambda match: match[0].encode("unicode_escape").decode(), beginning)


def terminal_safe(text: str) -> str:
    """`text` without what a terminal would act on: escape codes in a campaign's name stay text."""
    return _unsafe.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def terminal_cell(text: str) -> str:
    """`text` for a cell of a table on the terminal: harmless, and in one line."""
    return terminal_safe(text.replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")


# JSON

_decode = msgspec.json.Decoder().decode
_decode_exactly = msgspec.json.Decoder(float_hook=lambda digits: _exact_float(digits)).decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

_may_be_beyond_a_double = re.compile("[0-9.]{17}|[0-9][eE][+-]?[0-9]{3}")
"""More digits than the 15 that a double always holds, or an exponent that it may not."""


# A decoder of records is made when its module is imported, never where it is used: msgspec prepares a type when it is
# first decoded, and a second thread that decodes it meanwhile ends the whole process with a segmentation fault.

MSGSPEC_REFUSES = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises for a text that is not what it should be; also where it is not UTF-8, or nested without end."""


class NotJson(ValueError):
    """The text is not JSON (RFC 8259), and why. `NaN` and `Infinity` are not, nor is nesting without end."""


def loads(text: str | bytes) -> Any:
    """The value that `text` holds: dict, list, str, int, float, bool or None.

    A number too large for a double, or with more digits than Python reads, comes back as its own text. Of a key
    that is there twice the last counts. Raises `NotJson`.
    """
    try:
        return _decode(text)
    except MSGSPEC_REFUSES:
        return _loads_patiently(text, _float_or_text)


def loads_exactly(text: str) -> Any:
    """As `loads`, but a decimal that no double holds is a `msgspec.Raw`, which `dumps` writes as it was."""
    try:
        return _decode_exactly(text) if _may_be_beyond_a_double.search(text) else _decode(text)
    except MSGSPEC_REFUSES:
        return _loads_patiently(text, _exact_float)


def dumps(value: Any) -> str:
    """`value` as compact JSON text; keys keep their order."""
    return _encode(value).decode()


def dumps_sorted(value: Any) -> str:
    """`value` as compact JSON text, the keys of every object in order: one text for equal values."""
    return _encode_sorted(value).decode()


def _loads_patiently(text: str | bytes, parse_float: Callable[[str], Any]) -> Any:
    """What msgspec refuses and is yet good: a byte order mark, half a surrogate pair, a number beyond a double."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text.removeprefix("\ufeff"), parse_constant=_refuse, parse_float=parse_float, parse_int=_integer_or_text
        )
        return _without_lone_surrogates(value)
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("cut off or not JSON") from None


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"not JSON: it holds {constant}")


def _float_or_text(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


def _exact_float(digits: str) -> float | str | msgspec.Raw:
    number = _float_or_text(digits)
    if isinstance(number, str):
        return number
    try:
        return number if Decimal(repr(number)) == Decimal(digits) else msgspec.Raw(digits.encode())
    except ArithmeticError:
        return msgspec.Raw(digits.encode())


def _integer_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits  # beyond the digits that Python reads (sys.get_int_max_str_digits)


def _without_lone_surrogates(value: Any) -> Any:
    """Halves of pairs become U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value
