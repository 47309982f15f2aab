"""Answers of any other than the usual shape, walked leaf by leaf: what belongs to a column, what to none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from exporter.tables.calling_hours import escape_key
from exporter.tables.columns import CAMPAIGNS, Paths
from exporter.tables.readers import is_nothing

Keep = Callable[[str, Any], None]
"""Called with the dotted path and the value of each leaf that no column takes."""


class Found(NamedTuple):
    """A column's value, and the path at which it really stood."""

    value: Any
    path: str


def find(data: dict[str, Any], keep: Keep) -> dict[Paths, Found]:
    """What of an answer's data belongs to which columns; all else is kept."""
    places: dict[Paths, list[tuple[int, str, Any]]] = {}
    _walk(_tree(), "", data, places, keep)
    found: dict[Paths, Found] = {}
    for paths, standing in places.items():
        (_, path, taken), *others = sorted(standing, key=lambda place: place[0])
        found[paths] = Found(taken, path)
        for _, other, value in others:
            if value != taken or type(value) is not type(taken):
                keep_leaves(keep, other, value)
    return found


def keep_leaves(keep: Keep, path: str, value: Any) -> None:
    """Keep every leaf at or below `path`."""
    for leaf, part in leaves_of(path, value):
        keep(leaf, part)


def leaves_of(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every leaf at or below `path`; places in a list are numbers from 0.

    Without recursion, since an answer can be nested deeper than Python's stack.
    """
    waiting = [(path, value)]
    while waiting:
        at, part = waiting.pop()
        if is_nothing(part):
            continue
        if isinstance(part, dict):
            waiting.extend((f"{at}.{escape_key(key)}", below) for key, below in reversed(part.items()))
        elif isinstance(part, list):
            waiting.extend((f"{at}.{index}", below) for index, below in reversed(list(enumerate(part))))
        else:
            yield at, part


@dataclass
class _Object:
    """An object of the answer that holds values of columns: its parts, and for each key whose value stands there."""

    parts: dict[str, _Object] = field(default_factory=dict)
    users: dict[str, list[tuple[Paths, int]]] = field(default_factory=dict)


@cache
def _tree() -> _Object:
    root = _Object()
    for column in CAMPAIGNS:
        for rank, path in enumerate(column.answer_paths):
            *parents, key = path.split(".")
            at = root
            for parent in parents:
                at = at.parts.setdefault(parent, _Object())
            users = at.users.setdefault(key, [])
            if (column.answer_paths, rank) not in users:
                users.append((column.answer_paths, rank))
    return root


def _walk(
    at: _Object, path: str, value: dict[str, Any], places: dict[Paths, list[tuple[int, str, Any]]], keep: Keep
) -> None:
    for key, part in value.items():
        if is_nothing(part):
            continue
        below = f"{path}.{escape_key(key)}" if path else escape_key(key)
        if key in at.users:
            for paths, rank in at.users[key]:
                places.setdefault(paths, []).append((rank, below, part))
        elif key in at.parts and isinstance(part, dict):
            _walk(at.parts[key], below, part, places, keep)
        else:
            keep_leaves(keep, below, part)
