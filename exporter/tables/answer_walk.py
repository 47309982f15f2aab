"""Answers of any other than the usual shape, walked leaf by leaf: what belongs to a column, what to none."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import msgspec

from exporter.tables.columns import CAMPAIGNS, Paths
from exporter.tables.extra import Extra
from exporter.tables.leaves import escape_key, is_nothing


class Located(NamedTuple):
    """A column's value, and the path at which it was."""

    value: Any
    path: str


def column_values(data: dict[str, Any], extra: Extra) -> dict[Paths, Located]:
    """What of an answer's data belongs to which columns; all else goes into `extra`."""
    candidates: dict[Paths, list[tuple[int, str, Any]]] = {}
    _walk(_known_keys(), "", data, candidates, extra)
    values: dict[Paths, Located] = {}
    for paths, located in candidates.items():
        (_, path, first), *others = sorted(located, key=lambda candidate: candidate[0])
        values[paths] = Located(first, path)
        for _, other, value in others:
            if value != first or type(value) is not type(first):
                extra.keep_leaves(other, value)
    return values


class _Object(msgspec.Struct):
    """An object of the answer: its parts, and for each key the columns whose value it holds, each with its rank."""

    parts: dict[str, _Object] = {}
    columns: dict[str, list[tuple[Paths, int]]] = {}


@cache
def _known_keys() -> _Object:
    root = _Object()
    for column in CAMPAIGNS:
        for rank, path in enumerate(column.answer_paths):
            *parents, key = path.split(".")
            at = root
            for parent in parents:
                at = at.parts.setdefault(parent, _Object())
            columns = at.columns.setdefault(key, [])
            if (column.answer_paths, rank) not in columns:
                columns.append((column.answer_paths, rank))
    return root


def _walk(
    at: _Object, path: str, value: dict[str, Any], candidates: dict[Paths, list[tuple[int, str, Any]]], extra: Extra
) -> None:
    for key, part in value.items():
        if is_nothing(part):
            continue
        below = f"{path}.{escape_key(key)}" if path else escape_key(key)
        if key in at.columns:
            for paths, rank in at.columns[key]:
                candidates.setdefault(paths, []).append((rank, below, part))
        elif key in at.parts and isinstance(part, dict):
            _walk(at.parts[key], below, part, candidates, extra)
        else:
            extra.keep_leaves(below, part)
