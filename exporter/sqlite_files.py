"""SQLite files of our own, journal and ledger: opened so that what is committed is on the disk."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from exporter.files import NotPrivate, open_private

LONGEST_PATH = 500
"""Bytes of a path: SQLite refuses more than 512, the `-wal` behind it included, as "unable to open database file"."""

_NO_SHARED_MEMORY = frozenset(
    {
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMLOCK,
    }
)


def open_database(path: Path, *, timeout: float, page_size: int | None = None) -> sqlite3.Connection:
    """Open the file, or make it, for this user only. `timeout`: seconds that a locked file is waited for. `page_size`:
    of a new file. Raises `sqlite3.Error`, `OSError`."""
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        raise NotPrivate(errno.ENAMETOOLONG, f"SQLite opens no path of more than {LONGEST_PATH} bytes")
    os.close(open_private(path))
    db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        # A container with a read-only root has no place for temporary files.
        db.execute("PRAGMA temp_store = MEMORY")
        if page_size is not None:
            db.execute(f"PRAGMA page_size = {page_size}")
        _set_journal_mode(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = 1")  # macOS: as `files.sync_file`
    except BaseException:
        db.close()
        raise
    return db


def _set_journal_mode(db: sqlite3.Connection) -> None:
    """WAL; a rollback journal where the file system has no memory that processes can share (9p, shares of a virtual
    machine's host)."""
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) not in _NO_SHARED_MEMORY:
            raise
        # Held alone for a moment, the file can be taken out of WAL without that memory.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA locking_mode = NORMAL")
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
