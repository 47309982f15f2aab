"""JSON text: the quick reader, the patient one for what it refuses, and writing.

`msgspec` reads what it can. What it refuses and is yet good (a byte order mark, half a surrogate pair, a number beyond
a double, a line break within a text) the standard library reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

_decode = msgspec.json.Decoder().decode
_decode_exactly = msgspec.json.Decoder(float_hook=lambda digits: _exact_float(digits)).decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

_may_be_beyond_a_double = re.compile("[0-9.]{16}|[0-9][eE][+-]?[0-9]{3}")
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
    """What msgspec refuses and is yet good: see above. Control characters within texts do no harm."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        text = text.removeprefix("\ufeff")
        value = json.loads(
            text, strict=False, parse_constant=_refuse, parse_float=parse_float, parse_int=_integer_or_text
        )
        return _without_lone_surrogates(value)
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("nested too deeply to be read") from None
    except json.JSONDecodeError as error:
        goes_on = error.msg == "Extra data" and error.doc.lstrip().startswith("{")
        raise NotJson("JSON with something else behind it" if goes_on else "cut off or not JSON") from None
    except ValueError:
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
