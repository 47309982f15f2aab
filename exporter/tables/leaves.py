"""Answers of any other than the usual shape, walked leaf by leaf: what belongs to a column, what to none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from exporter.tables.calling_hours import escape_key
from exporter.tables.columns import CAMPAIGNS, Paths
from exporter.tables.converters import is_nothing

MOST = 2**20
"""Characters of the paths of one answer's leaves. An answer of 16 MB can be made whose paths take terabytes."""

_LEAF = 24
"""Characters as which each leaf counts besides its path: short paths take memory, too."""


class Extra(dict[str, Any]):
    """What no column takes of one answer: the dotted path and the value of each leaf.

    From `MOST` on what has more leaves is kept under its own path, as a whole; `whole` names those paths.
    """

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[str] = []
        self._size = 0

    def keep_leaves(self, path: str, value: Any) -> None:
        """Keep every leaf at or below `path`."""
        named: list[tuple[str, Any]] = []
        size = self._size
        for leaf, part in leaves_of(path, value):
            size += len(leaf) + _LEAF
            if size > MOST:
                self.whole.append(path)
                self[path] = value
                return
            named.append((leaf, part))
        self._size = size
        self.update(named)


class Found(NamedTuple):
    """A column's value, and the path at which it really stood."""

    value: Any
    path: str


def find(data: dict[str, Any], extra: Extra) -> dict[Paths, Found]:
    """What of an answer's data belongs to which columns; all else goes into `extra`."""
    slots: dict[Paths, list[tuple[int, str, Any]]] = {}
    _walk(_tree(), "", data, slots, extra)
    found: dict[Paths, Found] = {}
    for paths, standing in slots.items():
        (_, path, taken), *others = sorted(standing, key=lambda locations: locations[0])
        found[paths] = Found(taken, path)
        for _, other, value in others:
            if value != taken or type(value) is not type(taken):
                extra.keep_leaves(other, value)
    return found


def leaves_of(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every leaf at or below `path`; places in a list are numbers from 0.

    Without recursion, since an answer can be nested deeper than Python's stack; and each path is made when its leaf's
    turn has come, so that whoever has enough can stop.
    """
    waiting = [iter([(path, value)])]
    while waiting:
        at, part = next(waiting[-1], (None, None))
        if at is None:
            waiting.pop()
        elif is_nothing(part):
            continue
        elif isinstance(part, dict | list):
            waiting.append(_below(at, part))
        else:
            yield at, part


def _below(at: str, part: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        return ((f"{at}.{escape_key(key)}", below) for key, below in part.items())
    return ((f"{at}.{index}", below) for index, below in enumerate(part))


class _Object(msgspec.Struct):
    """An object of the answer that holds values of columns: its parts, and for each key whose value stands there."""

    parts: dict[str, _Object] = {}
    users: dict[str, list[tuple[Paths, int]]] = {}


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
    at: _Object, path: str, value: dict[str, Any], slots: dict[Paths, list[tuple[int, str, Any]]], extra: Extra
) -> None:
    for key, part in value.items():
        if is_nothing(part):
            continue
        below = f"{path}.{escape_key(key)}" if path else escape_key(key)
        if key in at.users:
            for paths, rank in at.users[key]:
                slots.setdefault(paths, []).append((rank, below, part))
        elif key in at.parts and isinstance(part, dict):
            _walk(at.parts[key], below, part, slots, extra)
        else:
            extra.keep_leaves(below, part)
