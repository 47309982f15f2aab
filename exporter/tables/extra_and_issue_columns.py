"""The columns `extra` and `parse_issues`: what no column takes of an answer, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporter.json_text import dumps_sorted
from exporter.tables.json_leaves import LIST, beginning, first_key, leaves_of
from exporter.text import excerpt

MOST = 2**17
"""Characters of the paths of one answer's leaves. An answer of 16 MB can be made whose paths take terabytes; and a
block of rows, each with as much of three bytes, must stay below the 2 GiB that Arrow's arrays of texts hold."""

_LEAF = 24
"""Characters that each leaf counts in addition to its path: short paths take memory, too."""

_ROOM = 4096
"""Characters that must be free for another leaf to be named."""

MOST_ISSUES = 1000
"""Issues of one answer. What is beyond is in `extra` all the same."""

MORE_ISSUES = "there are more issues than are listed"
"""In place of the issues that are beyond."""

_LONGEST_PATH = 200
"""Characters of a path that an issue shows."""


class Extra(dict[str, Any]):
    """What no column takes of one answer: the dotted path and the value of each leaf.

    What has leaves beyond `MOST` is kept under its own path as a whole; `whole` names those paths.
    """

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[str] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether hardly any leaf can be named any more."""
        return self._size > MOST - _ROOM

    def keep_leaves(self, path: str, value: Any) -> None:
        """Keep every leaf at or below `path`."""
        leaves: list[tuple[str, Any]] = []
        size = self._size
        for leaf, part in leaves_of(path, value):
            size += len(leaf) + _LEAF
            if size > MOST:
                self.whole.append(path)
                self[path] = value
                return
            leaves.append((leaf, part))
        self._size = size
        self.update(leaves)

    def keep_rest(self, path: str, rest: dict[str, Any]) -> None:
        """Keep what is left of the object at `path` when there is no room to name each leaf; "" is the top."""
        if not rest:
            return
        if path:
            self[path] = rest
        elif any(sign in "\n".join(rest) for sign in (".", "\\", LIST)):
            self.update((first_key(key), value) for key, value in rest.items())
        else:
            self.update(rest)
        self.whole.append(path or "data")


class Remarks:
    """`extra` and `parse_issues` of a block of rows."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._issues: dict[int, dict[str, None]] = {}
        self._extra: dict[int, Extra] = {}

    def issue(self, row: int, path: str, text: str) -> None:
        """Add `path: text` to the row's `parse_issues`; what is there already is not repeated."""
        issues = self._issues.setdefault(row, {})
        if len(issues) < MOST_ISSUES:
            issues[f"{excerpt(path, _LONGEST_PATH)}: {text}"] = None
        else:
            issues[MORE_ISSUES] = None

    def unread(self, row: int, path: str, value: Any, why: str) -> None:
        """Keep a value that could not be read, and say so."""
        self.issue(row, path, f"{why}: {beginning(value)}")
        self.extra_of(row)[path] = value

    def extra_of(self, row: int) -> Extra:
        """The `extra` of a row."""
        return self._extra.setdefault(row, Extra())

    def cells(self) -> dict[str, Sequence[Any]]:
        """The cells of both columns."""
        for row, extra in self._extra.items():
            for path in extra.whole:
                self.issue(row, path, "has too many values to name each; extra has it as a whole")
        texts = {row: dumps_sorted(extra) for row, extra in self._extra.items() if extra}
        issues = {row: list(lines) for row, lines in self._issues.items()}
        return {
            "extra": [texts.get(row) for row in range(self._rows)],
            "parse_issues": [issues.get(row) for row in range(self._rows)],
        }
