"""SQLite files made of an input: its bytes, or rows that are put into a sound file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

Insert = Callable[[sqlite3.Connection, str, list[Any]], None]
"""Puts a row of values that SQLite takes into a table, with what proves it."""


def write_sqlite(path: Path, data: bytes, *, schema: str, tables: Collection[str], insert: Insert) -> None:
    """Make a file of `data`: bytes as they are; JSON, table -> rows, by `insert` into a file of that schema."""
    try:
        wanted = json.loads(data)
    except (ValueError, RecursionError):
        path.write_bytes(data)
        return
    with closing(sqlite3.connect(path)) as db:
        db.executescript(schema)
        for table, rows in wanted.items() if isinstance(wanted, dict) else ():
            for row in rows if table in tables and isinstance(rows, list) else ():
                values = row if isinstance(row, list) else [row]
                with suppress(sqlite3.Error):
                    insert(db, table, [*map(_bindable, values), *[None] * 8])
        db.commit()


def _bindable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return json.dumps(value) if isinstance(value, dict | list) else value
