"""The leaves of a JSON value and their dotted paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporter.json_text import dumps
from exporter.text import excerpt

LIST = "list:"
"""How the path of a value in the list item begins."""

_SHOWN = 60
"""Characters of a value that an issue shows."""


def is_nothing(value: Any) -> bool:
    """Whether a value of an answer counts as nothing: null, an empty list, an empty object."""
    return value is None or (isinstance(value, list | dict) and not value)


def has_leaf(value: Any) -> bool:
    """Whether something at or below `value` does not count as nothing."""
    return next(leaves_of("", value), None) is not None


def beginning(value: Any) -> str:
    """The beginning of a value's JSON text, for an issue."""
    try:
        return excerpt(dumps(value[: _SHOWN + 1] if isinstance(value, str) else value), _SHOWN)
    except RecursionError:  # it could be read, with a little less on the stack
        return "nested too deep to be shown"


def escape_key(key: str) -> str:
    """A key as a part of a dotted path: a dot of its own is written with a backslash."""
    return key.replace("\\", "\\\\").replace(".", "\\.") if "." in key or "\\" in key else key


def first_key(key: str) -> str:
    """A key as the first part of a path: one that begins as the paths of the list item do has a backslash there."""
    escaped = escape_key(key)
    return escaped.replace(":", "\\:", 1) if escaped.startswith(LIST) else escaped


def leaves_of(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every leaf at or below `path`; places in a list are numbers from 0.

    Without recursion, since an answer can be nested deeper than Python's stack; and each path is made when its leaf's
    turn has come, so that whoever has enough can stop.
    """
    pending = [iter([(path, value)])]
    while pending:
        at, part = next(pending[-1], (None, None))
        if at is None:
            pending.pop()
        elif is_nothing(part):
            continue
        elif isinstance(part, dict | list):
            pending.append(_below(at, part))
        else:
            yield at, part


def _below(at: str, part: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        return ((f"{at}.{escape_key(key)}", below) for key, below in part.items())
    return ((f"{at}.{index}", below) for index, below in enumerate(part))
