"""How the values of a column become its cells: a block at once where it is clean, value by value where it is odd."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.json_text import NotJson, loads
from exporter.tables.json_leaves import escape_key, has_leaf, is_nothing
from exporter.tables.timestamps import is_finer, read_date_time, read_instant, read_instants
from exporter.tables.weekdays import WEEKDAYS, read_weekday
from exporter.text import without_format_characters

NoneType = type(None)


class Unreadable(ValueError):
    """A value cannot be read as its column's type; the text says what it is not."""


def _nothing_left(value: Any) -> Iterable[tuple[str, Any]]:
    return ()


class Converter(msgspec.Struct, frozen=True):
    """From the JSON values of an answer to the cells of a column.

    `parse_batch(values, type)` reads a block of which every value is plain or None, in Arrow's own loop; it raises
    ValueError, TypeError or OverflowError as soon as one is not, and the block is then read value by value.
    `parse(value)` reads one value that is neither None nor an empty list or object, or raises `Unreadable`. What
    both can read they read alike. `json_type`: the JSON types that `parse_batch` takes, as msgspec names them; null
    is one of them. `left_over(value)` yields what of a value that `parse` has read is not in the column:
    (path below the value's own, value).
    """

    parse: Callable[[Any], Any]
    parse_batch: Callable[[Sequence[Any], pa.DataType], pa.Array]
    json_type: Any = str | None
    left_over: Callable[[Any], Iterable[tuple[str, Any]]] = _nothing_left


def _is_blank(value: Any) -> bool:
    """Whether a value is an empty text: nothing, where a number, a flag, a date or a name is expected."""
    # Mostly the first character is enough, and that is quicker: no letter or digit is invisible.
    return isinstance(value, str) and not (value[:1].isalnum() or without_format_characters(value))


def _blank(value: Any) -> Iterable[tuple[str, Any]]:
    return [("", value)] if _is_blank(value) else []


def _only(values: Sequence[Any], *kinds: type) -> None:
    if not {NoneType, *kinds}.issuperset(map(type, values)):
        raise TypeError


# Text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Unreadable("not text")


def _unchanged(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


def _text_or_integer(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return _text(value)


def _text_or_flag(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value)


def _texts_or_flags(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return pa.array([{True: "true", False: "false"}[v] if type(v) is bool else v for v in values], kind)


def _text_not_empty(value: Any) -> str | None:
    return _text(value) or None


def _texts_not_empty(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    texts = pa.array(values, kind)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, kind), texts)


TEXT = Converter(_text, _unchanged)
TEXT_OR_INTEGER = Converter(_text_or_integer, _unchanged)
TEXT_OR_FLAG = Converter(_text_or_flag, _texts_or_flags, str | bool | None)
TEXT_NOT_EMPTY = Converter(_text_not_empty, _texts_not_empty)


# Numbers and flags

_DIGITS = re.compile(r"[+-]?0*[0-9]{1,19}")
_LONGEST_NUMBER = 64
"""Characters; what is longer is not a number."""


def whole_number(bits: int) -> Converter:
    """Reads integers of that many bits: `5`, `"5"`, `5.0`."""
    limit = 1 << (bits - 1)

    def parse(value: Any) -> int | None:
        number = without_format_characters(value) if isinstance(value, str) else value
        if number == "":
            return None
        is_text = isinstance(number, str) and len(number) <= _LONGEST_NUMBER and _DIGITS.fullmatch(number)
        if is_text or (isinstance(number, float) and number.is_integer()):
            number = int(number)
        if type(number) is not int:
            raise Unreadable("not a whole number")
        if not -limit <= number < limit:
            raise Unreadable(f"does not fit into {bits} bits")
        return number

    return Converter(parse, _whole_numbers, int | str | None, _blank)


def _whole_numbers(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if {NoneType, str}.issuperset(map(type, values)):
        texts = pa.array(values, pa.string())
        # Only what both Arrow and `parse` read, and alike: Arrow would read 0x10 as 16.
        if not pc.all(pc.match_substring_regex(texts, "^-?[0-9]{1,18}$"), min_count=0).as_py():
            raise ValueError
        return texts.cast(kind)
    _only(values, int)  # Arrow would cut 5.5 down to 5
    return pa.array(values, kind)


def _flag(value: Any) -> bool | None:
    word = without_format_characters(value).lower() if isinstance(value, str) else value
    if word == "":
        return None
    if word is True or word == "true":
        return True
    if word is False or word == "false":
        return False
    raise Unreadable("neither true nor false")


FLAG = Converter(_flag, _unchanged, bool | None, _blank)


# Times


def _instant(value: Any) -> int | None:
    if _is_blank(value):
        return None
    instant = read_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise Unreadable("not a date and time with its zone")
    return instant


def _instants(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return read_instants(values)


def _finer_than_column(value: Any) -> Iterable[tuple[str, Any]]:
    return [("", value)] if _is_blank(value) or is_finer(value) else []


def _date_time(value: Any) -> str | None:
    text = read_date_time(value) if isinstance(value, str) else None
    if text is None and not _is_blank(value):
        raise Unreadable("not a date and time")
    return text


def _date_times(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    texts = [None if value is None else _date_time(value) for value in values]
    if texts.count(None) != values.count(None):
        raise ValueError  # an empty text, which is left over
    return pa.array(texts, kind)


INSTANT = Converter(_instant, _instants, left_over=_finer_than_column)
DATE_TIME = Converter(_date_time, _date_times, left_over=_blank)


# Lists

MOST_ELEMENTS = 10_000
"""A campaign has ten contact lists at most; what has more than this is kept as a whole."""


def _elements(value: Any) -> list[tuple[str, Any]]:
    """(path, element) of a list, or of the one value that came in its place."""
    if isinstance(value, list):
        if len(value) > MOST_ELEMENTS:
            raise Unreadable(f"more than {MOST_ELEMENTS:,} elements")
        return [(f".{index}", element) for index, element in enumerate(value) if not is_nothing(element)]
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{") and _is_json(value):
        raise Unreadable("JSON as text")
    return [("", value)]


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except NotJson:
        return False
    return True


def _beside(path: str, element: dict[str, Any], *taken: str) -> Iterable[tuple[str, Any]]:
    """What of an object in a list is not in the column: (path, value)."""
    return ((f"{path}.{escape_key(key)}", value) for key, value in element.items() if key not in taken)


def _name_key(element: dict[str, Any]) -> str:
    """The key of a list object that names it: `name`, else `id`."""
    for key in ("name", "id"):
        if isinstance(element.get(key), str) and element[key]:
            return key
    raise Unreadable("an object with neither name nor id")


def _names(value: Any) -> list[str] | None:
    names: list[str] = []
    for _, element in _elements(value):
        names.append(_text(element[_name_key(element)] if isinstance(element, dict) else element))
    return names or None


def _names_batch(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    _only(values, list)
    if max(map(len, filter(None, values)), default=0) > MOST_ELEMENTS:
        raise ValueError
    names = pa.array([value or None for value in values], kind)
    if names.flatten().null_count:
        raise TypeError
    return names


def _beside_names(value: Any) -> Iterable[tuple[str, Any]]:
    for path, element in _elements(value):
        if isinstance(element, dict):
            yield from _beside(path, element, _name_key(element))


NAMES = Converter(_names, _names_batch, list[str] | None, _beside_names)


def _dnc_lists(value: Any) -> list[tuple[Any, Any]]:
    """(ID, name) of each do-not-contact list, None where it has none."""
    pairs = []
    for _, element in _elements(value):
        pair = (element.get("id"), element.get("name")) if isinstance(element, dict) else (None, element)
        list_id, name = (None if is_nothing(part) or _is_blank(part) else part for part in pair)
        if list_id is not None or name is not None:
            pairs.append((list_id, name))
        elif isinstance(element, dict) and has_leaf(dict(_beside("", element, *_DNC_KEYS))):
            raise Unreadable("an object with neither id nor name")
    return pairs


def _dnc(at: int) -> Callable[[Any], list[str | None] | None]:
    """IDs and names are two columns: null where a list has only the other, so that the two stay pairs."""

    def parse(value: Any) -> list[str | None] | None:
        parts = [None if pair[at] is None else _text(pair[at]) for pair in _dnc_lists(value)]
        return parts if any(parts) else None

    return parse


def _dnc_batch(key: str) -> Callable[[Sequence[Any], pa.DataType], pa.Array]:
    def parse_batch(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        _only(values, dict)
        objects = [value or {} for value in values]
        if not set[str]().union(*objects).issubset(_DNC_KEYS):
            raise TypeError
        if any(map(_is_blank, {part for value in objects for part in value.values()})):
            raise ValueError  # left over
        parts = [value.get(key) for value in objects]
        return pa.array([None if part is None else [part] for part in parts], kind)

    return parse_batch


def _beside_dnc(value: Any) -> Iterable[tuple[str, Any]]:
    for path, element in _elements(value):
        if isinstance(element, dict):
            yield from _beside(path, element, *(key for key in _DNC_KEYS if not _is_blank(element.get(key))))
        elif _is_blank(element):
            yield path, element


_DNC_KEYS = ("id", "name")
_DNC = dict[str, str | None] | None
DNC_IDS = Converter(_dnc(0), _dnc_batch("id"), _DNC)
DNC_NAMES = Converter(_dnc(1), _dnc_batch("name"), _DNC, _beside_dnc)


def _which_days(value: Any) -> list[str] | None:
    days: set[int] = set()
    for _, element in _elements(value):
        if _is_blank(element):
            continue
        day = read_weekday(element) if isinstance(element, str) else None
        if day is None:
            raise Unreadable("not weekdays")
        days.add(day)
    return [WEEKDAYS[day] for day in sorted(days)] or None


def _which_days_batch(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    _only(values, list)
    different = set(map(tuple, filter(None, values)))  # few
    if any(map(_blank_days, map(list, different))):
        raise ValueError  # left over
    cells = {days: _which_days(list(days)) for days in different}
    return pa.array([cells[tuple(value)] if value else None for value in values], kind)


def _blank_days(value: Any) -> list[tuple[str, Any]]:
    return [(path, element) for path, element in _elements(value) if _is_blank(element)]


WHICH_DAYS = Converter(_which_days, _which_days_batch, list[str] | None, _blank_days)
