"""The law of flattening, for any answer: every leaf of it is in its row, as a column or in `extra`."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from exporter.tables.columns import CAMPAIGNS
from exporter.tables.json_leaves import first_key, leaves_of
from exporter.tables.weekdays import read_weekday

SEVERAL = tuple(path for column in CAMPAIGNS for path in column.answer_paths if len(column.answer_paths) > 1)


def parsed(text: str) -> Any:
    """The value of a JSON text, by Python's own reader; half a pair of surrogates is U+FFFD, as the program has it."""
    return _whole_characters(json.loads(text.removeprefix("\ufeff"), parse_float=_number, parse_int=_number))


def _number(digits: str) -> Decimal | str:
    """What no program computes with stays its text."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return digits


def missing_leaves(data: dict[str, Any], row: dict[str, Any], windows: list[dict[str, Any]]) -> list[str]:
    """The paths of the leaves of an answer's data (as `parsed`) that are not in its row."""
    kept, leaves = kept_in(row["extra"]), paths_and_leaves(data)
    return [path for path in leaves if not _is_there(path, leaves, kept, row, windows)]


def paths_and_leaves(data: dict[str, Any]) -> dict[str, Any]:
    """Every leaf of an answer, under its dotted path."""
    return {path: leaf for key, value in data.items() for path, leaf in leaves_of(first_key(key), value)}


def kept_in(extra: str | None) -> dict[str, Any]:
    """Every leaf of `extra`, under its dotted path."""
    kept = parsed(extra) if extra else {}
    return {path: leaf for key, value in kept.items() for path, leaf in leaves_of(key, value)}


def _is_there(
    path: str, leaves: dict[str, Any], kept: dict[str, Any], row: dict[str, Any], windows: list[dict[str, Any]]
) -> bool:
    leaf = leaves[path]
    if path in kept and _same(kept[path], leaf):
        return True
    if path.startswith(SEVERAL) and any(_same(leaf, other) for other in kept.values()):
        return True  # the same at another place of the same column
    if path.startswith("dialingStrategy.callingHours.days"):
        return _is_of_a_shown_window(path, leaves, row, windows)
    return _shown(path, leaf, row)


def _same(kept: Any, leaf: Any) -> bool:
    if isinstance(leaf, Decimal):
        # What is beyond a double is kept as its text.
        try:
            return not isinstance(kept, bool) and Decimal(kept) == leaf
        except (InvalidOperation, TypeError):
            return False
    return type(kept) is type(leaf) and bool(kept == leaf)


def _is_of_a_shown_window(
    path: str, leaves: dict[str, Any], row: dict[str, Any], windows: list[dict[str, Any]]
) -> bool:
    """Whether the entry of `path` is a window in its campaign's row; being in the table of windows is not enough."""
    entry, _, key = path.rpartition(".")
    day, start, end = (leaves.get(f"{entry}.{part}") for part in ("day", "start", "end"))
    return key in ("day", "start", "end") and any(
        (window["raw_start"], window["raw_end"]) == (start, end)
        and f"{window['start_time']}-{window['end_time']}"
        in (row.get(f"calling_hours_{str(window['day']).lower()}") or "").split(";")
        and (day is None or (isinstance(day, str) and window["day_of_week"] == (read_weekday(day) or 0) + 1))
        for window in windows
    )


def _shown(path: str, leaf: Any, row: dict[str, Any]) -> bool:
    """Whether a column that can show `path` shows `leaf`: as it is, or in the column's own form."""
    if path in ("_id", "id", "campId"):
        return str(leaf) == row["campaign_id"]
    own = {
        c.name
        for c in CAMPAIGNS
        for p in c.paths
        if path == p or path.startswith(p.split("[]")[0] + ".") or path == p.split("[]")[0]
    }
    texts = [row[name] for name in own if row[name] is not None and row[name] != []]
    return bool(texts) or (path == "message.templateId" and leaf == "")


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value
