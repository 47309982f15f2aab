"""SQLite files of our own, journal and ledger: opened so that what is committed is on the disk."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from exporter.files import NotPrivate, open_private

LONGEST_PATH = 500
"""Bytes of a path: SQLite refuses more than 512, the `-wal` behind it included, as "unable to open database file"."""

_NO_SHARED_MEMORY = (
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
)


def open_database(path: Path, *, timeout: float, page_size: int | None = None) -> sqlite3.Connection:
    """Open the file, or make it, for this user only. `timeout`: seconds that a locked file is waited for. `page_size`:
    of a new file. Raises `sqlite3.Error`, `OSError`."""
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        raise NotPrivate(errno.ENAMETOOLONG, f"SQLite opens no path of more than {LONGEST_PATH} bytes")
    os.close(open_private(path))
    try:
        return _open(path, _WAL, timeout, page_size)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) not in _NO_SHARED_MEMORY:
            raise
        return _open(path, _ROLLBACK_JOURNAL, timeout, page_size)


_LOOK = "SELECT 1 FROM sqlite_master"
_WAL = ("PRAGMA journal_mode = WAL", _LOOK)
_ROLLBACK_JOURNAL = (
    # Held alone from the beginning, a file can be taken out of WAL without shared memory.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = TRUNCATE",
    _LOOK,
    "PRAGMA locking_mode = NORMAL",
    _LOOK,
)
"""For file systems without memory that processes can share (9p, shares of a virtual machine's host)."""


def _open(path: Path, journal_mode: tuple[str, ...], timeout: float, page_size: int | None) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        # A container with a read-only root has no place for temporary files.
        db.execute("PRAGMA temp_store = MEMORY")
        if page_size is not None:
            db.execute(f"PRAGMA page_size = {page_size}")
        for statement in journal_mode:
            db.execute(statement).fetchall()
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = 1")  # macOS: as `files.sync_file`
    except BaseException:
        db.close()
        raise
    return db
