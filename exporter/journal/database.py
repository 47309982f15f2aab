"""The journal's SQLite file: its tables, opening it, finding damage, writing durably."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import msgspec

from exporter.files import open_private, storage_failed
from exporter.model import CampaignResponse, Failure, Identity

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wanted (position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS answers (
    campaign_id TEXT NOT NULL UNIQUE, fetched_at INTEGER NOT NULL, journaled_at INTEGER NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL, attempts INTEGER NOT NULL,
    carried_from TEXT);
CREATE TABLE IF NOT EXISTS failures (
    campaign_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, http_status INTEGER, attempts INTEGER NOT NULL,
    error TEXT NOT NULL, body_start TEXT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (
    position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE, list_type TEXT NOT NULL, item TEXT NOT NULL);
"""


Outcome = CampaignResponse | Failure


class Transaction:
    """One transaction; what the disk refuses comes out as `StorageFailed`."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise storage_failed(self._path, error) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind is not None and self._db.in_transaction else "COMMIT")
        except sqlite3.Error as failed:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if kind is None:
                raise storage_failed(self._path, failed) from None
        if isinstance(error, sqlite3.Error):
            raise storage_failed(self._path, error) from None


def journal_path(work_dir: Path, identity: Identity) -> Path:
    """The journal of an account in a work folder."""
    name = hashlib.sha256("\n".join(msgspec.structs.astuple(identity)).encode()).hexdigest()[:16]
    return work_dir / f"journal-{name}.sqlite"


def connect(path: Path, *, check: bool = False) -> sqlite3.Connection:
    """Open the file with what durability needs. Raises `sqlite3.Error`, `OSError`."""
    if check and path.is_file() and path.stat().st_size == 0 and not path.is_symlink():
        raise sqlite3.DatabaseError("the file is empty")  # SQLite would take it for a new one
    os.close(open_private(path))
    db = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
    # A byte that rotted must not end the reading: the checksum tells of it where it matters.
    db.text_factory = _text
    try:
        # Pages that hold several answers: less than a third of the reads and writes that SQLite's usual 4,096 bytes
        # take. A journal that is there keeps its own.
        db.execute("PRAGMA page_size = 16384")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -16000")
        if check:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"check: {found.splitlines()[0]}")
            db.executescript(_SCHEMA)
            if _expected_tables() - _tables(db):
                raise sqlite3.DatabaseError("its tables are not those of a journal")
    except BaseException:
        db.close()
        raise
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _tables(db: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@cache
def _expected_tables() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _tables(db)


def write_outcomes(db: sqlite3.Connection, outcomes: Sequence[tuple[Outcome, int, int]]) -> None:
    """Insert outcomes; the caller holds the transaction."""
    answers = [
        (o.campaign_id, o.fetched_at, now, o.http_status, o.body, checksum(o), attempts, o.carried_from)
        for o, attempts, now in outcomes
        if isinstance(o, CampaignResponse)
    ]
    failures = [o for o, _, _ in outcomes if isinstance(o, Failure)]
    if answers and db.execute("SELECT 1 FROM failures LIMIT 1").fetchone():
        db.executemany("DELETE FROM failures WHERE campaign_id = ?", [row[:1] for row in answers])
    if answers:
        db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", answers)
    if failures:
        db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", failures)


def checksum(answer: CampaignResponse) -> int:
    """Of all that the journal keeps of an answer."""
    rest = f"{answer.campaign_id}\n{answer.fetched_at}\n{answer.http_status}\n{answer.carried_from}"
    return zlib.crc32(answer.body.encode(), zlib.crc32(rest.encode()))
