"""The journal's SQLite file: its tables, opening it, checksums, what counts as damage, transactions."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

from exporter.files import storage_failed
from exporter.model import CampaignResponse, Failure
from exporter.sqlite_files import open_database

_SCHEMA = """
CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE wanted (position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE);
CREATE TABLE answers (
    campaign_id TEXT NOT NULL UNIQUE, fetched_at INTEGER NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    carried_from TEXT, journaled_at INTEGER NOT NULL, attempts INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE failures (
    campaign_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, http_status INTEGER, attempts INTEGER NOT NULL,
    error TEXT NOT NULL, body_start TEXT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE listed (
    position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE, list_type TEXT NOT NULL, item TEXT NOT NULL,
    checksum INTEGER NOT NULL);
"""

_PROVEN = {
    "checkpoint": "value",
    "answers": "campaign_id, fetched_at, status, body, carried_from, journaled_at, attempts",
    "failures": "campaign_id, outcome, http_status, attempts, error, body_start, first_at, last_at",
    "listed": "campaign_id, list_type, item",
}
"""The columns under each row's checksum. `wanted` is written again by every run, so it needs none."""

_NOT_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""SQLite's codes for what the disk or another process does. Everything else says that the file is not what we wrote."""

Outcome = CampaignResponse | Failure


@contextmanager
def transaction(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One transaction; what the disk refuses comes out as `StorageFailed`."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException as error:
        with suppress(sqlite3.Error):  # what failed may have been the beginning
            db.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise storage_failed(path, error) from None
        raise


def connect(path: Path) -> sqlite3.Connection:
    """Open the file with what durability needs. Raises `sqlite3.Error`, `OSError`."""
    # Pages that hold several answers: less than a third of the reads and writes that SQLite's usual 4,096 bytes take. A
    # journal that is there keeps its own.
    db = open_database(path, timeout=30.0, page_size=16384)
    db.execute("PRAGMA cache_size = -16000")
    return db


def connect_checked(path: Path) -> sqlite3.Connection:
    """As `connect`, with the tables of a new file made, and every row proven. Raises `sqlite3.Error`, `OSError`."""
    # One that is there without tables had them in its log, which is gone.
    is_new = not os.path.lexists(path)
    if path.is_file() and path.stat().st_size == 0 and not path.is_symlink():
        raise sqlite3.DatabaseError("the file is empty")  # SQLite would remove its log
    return _checked(connect(path), is_new=is_new)


def connect_to_look(path: Path) -> sqlite3.Connection:
    """Open the file only for reading, every row proven. Raises `sqlite3.Error`."""
    return _checked(sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True), is_new=False)


def _checked(db: sqlite3.Connection, *, is_new: bool) -> sqlite3.Connection:
    """The connection, whose pages, tables and rows are proven; closed where they are not what was written."""
    try:
        # A byte that rotted must not end the reading with an error of another kind: the checksum finds it.
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        result = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise sqlite3.DatabaseError(f"check: {result.splitlines()[0]}")
        if is_new:
            db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        prove(db)
    except BaseException:
        db.close()
        raise
    return db


def prove(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` where a table or a row is not what was written."""
    if _tables(db) != _expected_tables():
        raise sqlite3.DatabaseError("its tables are not those of this version's journal")
    for table, columns in _PROVEN.items():
        for *values, expected in db.execute(f"SELECT {columns}, checksum FROM {table}"):  # noqa: S608 - names from above
            if checksum(values) != expected:
                raise sqlite3.DatabaseError(f"a row of {table} is not what was written")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is broken, and not that the disk or another process is in the way."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF not in _NOT_DAMAGE and code != sqlite3.SQLITE_READONLY_DIRECTORY


def set_aside(path: Path) -> Path:
    """Rename a damaged journal, its log too; returns its new name. Raises `OSError`."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _tables(db: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))


@cache
def _expected_tables() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _tables(db)


def checksum(values: Iterable[object]) -> int:
    """Of a row, in the order of its columns."""
    return zlib.crc32("\x1f".join(map(str, values)).encode())


def with_checksum(*values: object) -> tuple[object, ...]:
    """A row as it is inserted."""
    return (*values, checksum(values))
