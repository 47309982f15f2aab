"""When two cells of a column differ: not by the order of keys, nor by how a number is written. Pure."""

from __future__ import annotations

import json
import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exporter.tables.columns import CAMPAIGNS

NOT_COMPARED = frozenset({"campaign_id", "fetched_at", "carried_from"})
"""Where a response came from, and when, is no difference of the campaign."""

LIST_COLUMNS = frozenset({"campaign_type", *(column.name for column in CAMPAIGNS if column.list_key)})
"""Columns that a snapshot without a list pass does not have, or knows less about."""

_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

_INDEX = re.compile(r"\.\d+(?=[.:]|$)")


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
        return _leaves(old) == _leaves(new)
    if column == "parse_issues":
        return _without_index(old) == _without_index(new)
    return False


def order_only(old: list[Any] | None, new: list[Any] | None) -> bool:
    """Whether two lists hold the same values in another order."""
    if old is None or new is None or old == new:
        return False
    return sorted(map(str, old)) == sorted(map(str, new))


def _without_index(issues: list[str]) -> list[str]:
    """Issues without the place of an entry in its list: the API's order is free."""
    return sorted(_INDEX.sub("", issue) for issue in issues)


@lru_cache(maxsize=1024)
def _leaves(text: str) -> Any:
    """The leaves of `extra` in a form that compares by value: numbers exactly, true and 1 apart, without places."""
    try:
        extra = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return text
    if not isinstance(extra, dict):
        return text
    return sorted((_INDEX.sub("", path), _comparable(value)) for path, value in extra.items())


def _comparable(value: Any) -> str:
    if isinstance(value, dict):
        return f"object {sorted((key, _comparable(part)) for key, part in value.items())}"
    if isinstance(value, list):
        return f"list {[_comparable(part) for part in value]}"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"number {_plain(value)}"
    return f"{type(value).__name__} {value}"


def _plain(number: int | Decimal) -> str:
    """One text for each value: 5, 5.0 and 50e-1 are the same, and so are 0 and -0."""
    return str(_EXACTLY.normalize(Decimal(number)) or 0)
