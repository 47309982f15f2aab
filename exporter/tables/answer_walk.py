"""Answers of any other than the usual shape, walked leaf by leaf: what belongs to a column, what to none."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from exporter.json_text import dumps_sorted
from exporter.tables.columns import CAMPAIGNS, Paths
from exporter.tables.extra_and_issue_columns import Extra
from exporter.tables.json_leaves import beginning, escape_key, first_key, is_nothing


class Located(NamedTuple):
    """A column's value, and the path at which it was."""

    value: Any
    path: str


class Walked(NamedTuple):
    """What of an answer belongs to which columns, and (path, text) of what is not as it is known."""

    values: dict[Paths, Located]
    issues: list[tuple[str, str]]


def walk(data: dict[str, Any], extra: Extra) -> Walked:
    """Find the values of columns in an answer's data; all else goes into `extra`."""
    walker = _Walker(extra)
    walker.walk(_known_keys(), "", data)
    values: dict[Paths, Located] = {}
    for paths, located in walker.candidates.items():
        (_, path, first), *others = sorted(located, key=lambda candidate: candidate[0])
        values[paths] = Located(first, path)
        for _, other, value in others:
            # As text, since 1, 1.0 and true are equal in Python.
            if dumps_sorted(value) != dumps_sorted(first):
                extra.keep_leaves(other, value)
    return Walked(values, walker.issues)


class _KnownObject(msgspec.Struct):
    """An object of the answer: its parts, and for each key the columns whose value it holds, each with its rank.

    `spellings`: the keys in lower case, without what separates words.
    """

    parts: dict[str, _KnownObject] = {}
    columns: dict[str, list[tuple[Paths, int]]] = {}
    spellings: dict[str, str] = {}


@cache
def _known_keys() -> _KnownObject:
    root = _KnownObject()
    for column in CAMPAIGNS:
        for rank, path in enumerate(column.answer_paths):
            at = root
            *parents, key = path.split(".")
            for parent in parents:
                at.spellings[spelling(parent)] = parent
                at = at.parts.setdefault(parent, _KnownObject())
            at.spellings[spelling(key)] = key
            columns = at.columns.setdefault(key, [])
            if (column.answer_paths, rank) not in columns:
                columns.append((column.answer_paths, rank))
    return root


def spelling(key: str) -> str:
    """A key in lower case, without what separates words."""
    return key.casefold().replace("_", "").replace("-", "").replace(" ", "")


class _Walker:
    def __init__(self, extra: Extra) -> None:
        self.candidates: dict[Paths, list[tuple[int, str, Any]]] = {}
        self.issues: list[tuple[str, str]] = []
        self._extra = extra

    def walk(self, at: _KnownObject, path: str, value: dict[str, Any]) -> None:
        for key, columns in at.columns.items():
            if not is_nothing(value.get(key)):
                located = _below(path, key), value[key]
                for paths, rank in columns:
                    self.candidates.setdefault(paths, []).append((rank, *located))
        for key, part in at.parts.items():
            if not is_nothing(value.get(key)):
                self._part(part, _below(path, key), value[key])
        for position, key in enumerate(value):
            if self._extra.full:
                rest = dict(islice(value.items(), position, None))
                for known in (*at.columns, *at.parts):
                    rest.pop(known, None)
                self._extra.keep_rest(path, rest)
                break
            if key not in at.columns and key not in at.parts and not is_nothing(value[key]):
                self._unknown(at, path, value, key)

    def _part(self, at: _KnownObject, path: str, part: Any) -> None:
        if isinstance(part, dict):
            self.walk(at, path, part)
            return
        self._extra[path] = part
        if part != "":
            self.issues.append((path, f"not an object: {beginning(part)}"))

    def _unknown(self, at: _KnownObject, path: str, value: dict[str, Any], key: str) -> None:
        below = _below(path, key)
        self._extra.keep_leaves(below, value[key])
        known = at.spellings.get(spelling(key))
        if known is not None and is_nothing(value.get(known)):
            self.issues.append((below, f"not read, since the key is known as {known}: {beginning(value[key])}"))


def _below(path: str, key: str) -> str:
    return f"{path}.{escape_key(key)}" if path else first_key(key)
