"""When two cells of a column differ: not by the order of keys, nor by how a number is written. Pure."""

from __future__ import annotations

import json
import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import lru_cache
from math import isinf
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exporter.tables.columns import CAMPAIGNS
from exporter.tables.typed_decoder import DAYS

NOT_COMPARED = frozenset({"campaign_id", "fetched_at", "carried_from"})
"""Where a response came from, and when, is no difference of the campaign."""

LIST_COLUMNS = frozenset({"campaign_type", *(column.name for column in CAMPAIGNS if column.list_key)})
"""Columns that a snapshot without a list pass does not have, or knows less about."""

_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

_ENTRY = re.compile(rf"^{re.escape(DAYS)}\.\d+(?=[.:]|$)")
"""The beginning of the path of an entry of calling hours, in the one list whose order says nothing."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def differs(column: str, before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    """Where the cells of two aligned columns differ."""
    if before.equals(after):
        return pa.repeat(pa.scalar(False), len(after))
    if pa.types.is_list(after.type):
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return pa.array([not same(column, old, new) for old, new in pairs], pa.bool_())
    either_null = pc.xor(pc.is_null(before), pc.is_null(after))
    result = pc.or_(either_null, pc.fill_null(pc.not_equal(before, after), False)).combine_chunks()
    if column != "extra":
        return result
    # Few cells differ as texts; whether as values, only JSON knows.
    flags = result.to_pylist()
    for index in pc.indices_nonzero(result).to_pylist():
        flags[index] = not same(column, before[index].as_py(), after[index].as_py())
    return pa.array(flags, pa.bool_())


def same(column: str, old: Any, new: Any) -> bool:
    """Whether two cells say the same."""
    if old == new or old is None or new is None:
        return old == new
    if column == "extra":
        return _by_value(old) == _by_value(new)
    if column == "parse_issues":
        return sorted(map(_what_is_wrong, old)) == sorted(map(_what_is_wrong, new))
    return False


def order_only(old: list[Any] | None, new: list[Any] | None) -> bool:
    """Whether two lists hold the same values in another order."""
    if old is None or new is None or old == new:
        return False
    return sorted(map(str, old)) == sorted(map(str, new))


def _what_is_wrong(issue: str) -> str:
    """An issue (`path: text: value`) without the place of its entry and without the value.

    Both are in `extra` or a column, where they are compared; here the value is cut off, and as it was written.
    """
    return _ENTRY.sub(DAYS, ": ".join(issue.split(": ", 2)[:2]))


@lru_cache(maxsize=1024)
def _by_value(text: str) -> Any:
    """`extra` in a form that compares by value: numbers exactly, true and 1 apart; the entries of a week in any order.

    An entry is compared as a whole, as far as `extra` has it, and every other path by itself: values that change places
    are a difference.
    """
    try:
        extra = json.loads(text, parse_float=_number, parse_int=_number)
        if not isinstance(extra, dict):
            return text
        parts: dict[str, dict[str, str]] = {}
        for path, value in extra.items():
            match = _ENTRY.match(path)
            entry = match[0] if match else ""
            if path == DAYS and isinstance(value, list):  # of more entries than are read
                value = sorted(map(_comparable, value))
            parts.setdefault(entry, {})[path.removeprefix(entry)] = _comparable(value)
    except (ValueError, RecursionError):
        return text
    return parts.pop("", None), sorted(sorted(entry.items()) for entry in parts.values())


class _Number(str):
    """A number of JSON, in one text for each value."""


def _number(digits: str) -> _Number:
    """5, 5.0 and 50e-1 are the same, and so are 0 and -0."""
    try:
        return _Number(_EXACTLY.normalize(Decimal(digits)) or 0)
    except ArithmeticError:  # an exponent that is too long to compute with
        return _Number(digits)


def _comparable(value: Any) -> str:
    if type(value) is str and _NUMBER.fullmatch(value) and isinf(float(value)):
        value = _number(value)  # `extra` holds a number beyond a double as its text
    if isinstance(value, dict):
        return f"object {sorted((key, _comparable(part)) for key, part in value.items())}"
    if isinstance(value, list):
        return f"list {[_comparable(part) for part in value]}"
    return f"{type(value).__name__} {value}"
