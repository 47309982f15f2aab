"""The columns `extra` and `parse_issues`: what no column takes of an answer, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporter.tables.leaves import leaves_of
from exporter.text import dumps

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


class Remarks:
    """`extra` and `parse_issues` of a block of rows."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._issues: dict[int, list[str]] = {}
        self._extra: dict[int, Extra] = {}

    def issue(self, row: int, text: str) -> None:
        """Add a line to the row's `parse_issues`."""
        self._issues.setdefault(row, []).append(text)

    def extra_of(self, row: int) -> Extra:
        """The `extra` of a row."""
        return self._extra.setdefault(row, Extra())

    def cells(self) -> dict[str, Sequence[Any]]:
        """The cells of both columns."""
        for row, extra in self._extra.items():
            for path in extra.whole:
                self.issue(row, f"{path[:100]}: has too many values to name each; extra has it as a whole")
        texts = {row: dumps(extra) for row, extra in self._extra.items() if extra}
        return {
            "extra": [texts.get(row) for row in range(self._rows)],
            "parse_issues": [self._issues.get(row) for row in range(self._rows)],
        }
