"""The ledger as a file: opened and proven, converted after a reboot, set aside when it is damaged.

Times are those of the machine's monotonic clock, so that a wall clock that jumps changes nothing; after a reboot they
are converted by wall time. Every row has a checksum: all of them decide something.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from exporter.clock import Clock
from exporter.events import Emit, Warned
from exporter.files import boot_id
from exporter.sqlite_files import open_database
from exporter.text import error_line
from exporter.units import Limit

Result = TypeVar("Result")

LOCKED = 30.0
"""Seconds that a locked file is waited for."""

_TABLES = ("facts", "slots", "waiting")
_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE slots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT NOT NULL, taken REAL NOT NULL, probe INTEGER NOT NULL,
    given_up INTEGER, released REAL, wall REAL NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX slots_released ON slots (released);
CREATE TABLE waiting (
    holder TEXT PRIMARY KEY, until REAL NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
"""
"""A slot is under way, or given up (then: the newest slot at that time), or released (then: when)."""


class LedgerSlot(NamedTuple):
    """A slot in the file. `wall`: wall time of its last change, in seconds since 1970."""

    id: int
    holder: str
    taken: float
    probe: int = 0
    given_up: int | None = None
    released: float | None = None
    wall: float = 0.0


class Damaged(Exception):
    """The file holds what this program has not written."""


FAILURES = (sqlite3.Error, OSError, Damaged, ValueError, TypeError, OverflowError)
"""What a file can do that is locked, full, gone or rotten: values of any type in any column."""


class LedgerFile:
    """The file. Where it cannot be used (read-only, full, locked) a warning says so, and the run goes on."""

    def __init__(self, path: Path, *, clock: Clock, emit: Emit) -> None:
        self._path = path
        self._clock = clock
        self._emit = emit
        self._db: sqlite3.Connection | None = None
        self._begun_again = False

    @property
    def shared(self) -> bool:
        """Whether other processes are seen."""
        return self._db is not None

    def open(self) -> None:
        """Open or make the file; its folder is made with access for this user only."""
        try:
            self._db = self._connect()
        except FAILURES as error:
            self._recover(error)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _attempt(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """What `work` gives, done in one transaction; None: the file cannot be used."""
        if self._db is None:
            return None
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                return work(self._db)
        except FAILURES as error:
            self._recover(error)
            return None

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.path.lexists(self._path):
            self._make()
        # Each slot is on the disk before its request goes: a power cut must not free it.
        db = open_database(self._path, timeout=LOCKED)
        try:
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise Damaged("its pages do not fit together")
            db.execute("BEGIN IMMEDIATE")
            _prove(db)
            self._convert_after_a_reboot(db)
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def _make(self) -> None:
        """Make the file. It appears with its tables: one without them is damage, also to who comes at the same time."""
        with tempfile.TemporaryDirectory(prefix=".ledger-", dir=self._path.parent) as folder:
            new = Path(folder) / "new"
            with closing(open_database(new, timeout=LOCKED)) as db:
                db.executescript(_SCHEMA)
            try:
                os.link(new, self._path)
            except FileExistsError:
                pass  # another process was quicker
            except OSError:  # a file system without hard links
                new.rename(self._path)

    def _convert_after_a_reboot(self, db: sqlite3.Connection) -> None:
        boot = boot_id()
        now, wall = self._clock.monotonic(), self._clock.now()
        rebooted = fact(db, "boot") not in (None, boot)
        if rebooted:
            db.execute("DELETE FROM waiting")
        for row in slots_where(db):
            if row.released is not None and (rebooted or row.released > now):
                # max: a wall clock that was set back frees no slot early. A file that was brought from elsewhere can
                # hold times that this clock has not reached.
                age = max(0.0, wall - row.wall) if rebooted else 0.0
                save_slot(db, row._replace(released=now - age, wall=wall - age))
            elif rebooted and row.released is None and row.given_up is None:
                save_slot(db, row._replace(given_up=newest_slot(db)))
        if rebooted or fact(db, "boot") is None:
            save_fact(db, "boot", boot)

    def _fill(self, db: sqlite3.Connection, limits: Sequence[Limit]) -> None:
        """After damage it is not known which slots are held: hold all of the shortest window."""
        self._begun_again = False
        shortest = min(limits, key=lambda limit: limit.seconds)
        now, wall = self._clock.monotonic(), self._clock.now()
        newest = newest_slot(db)
        for number in range(1, shortest.slots + 1):
            insert_slot(db, LedgerSlot(newest + number, "lost", now, released=now, wall=wall))

    def _recover(self, error: Exception) -> None:
        LedgerFile.close(self)
        if _is_damage(error) and self._set_aside(error):
            return
        self._emit(
            Warned(
                f"the ledger {self._path} cannot be used ({error_line(error)}); this run counts its requests in "
                "memory, and does not see those of other programs on this machine"
            )
        )

    def _set_aside(self, error: Exception) -> bool:
        aside = self._path.with_name(f"{self._path.name}.damaged-{int(self._clock.now())}")
        try:
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._connect()
        except FAILURES:
            return False
        self._begun_again = True
        self._emit(
            Warned(
                f"the ledger {self._path} was damaged ({error_line(error)}) and is set aside as {aside.name}; a new "
                "one is begun, and this run waits one window to be safe"
            )
        )
        return True


def _is_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # none: what was read is not text
        return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return not isinstance(error, OSError)


def checksum(values: Sequence[object]) -> int:
    """Of a row, in the order of its columns."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def _prove(db: sqlite3.Connection) -> None:
    """Raise `Damaged` where a table is missing or a row not as it was written: all of them decide something."""
    if not {(table,) for table in _TABLES} <= {*db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}:
        raise Damaged("its tables are not those of a ledger")
    for table in _TABLES:
        for *values, expected in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a constant
            if checksum(values) != expected:
                raise Damaged(f"a row of {table} is not as it was written")


def slots_where(db: sqlite3.Connection, where: str = "", *values: object) -> list[LedgerSlot]:
    """The slots that an SQL condition chooses; all without one."""
    columns = ", ".join(LedgerSlot._fields)
    return [LedgerSlot(*row) for row in db.execute(f"SELECT {columns} FROM slots {where}", values)]  # noqa: S608 - constants


def insert_slot(db: sqlite3.Connection, row: LedgerSlot) -> None:
    """Add a slot."""
    db.execute("INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, checksum(row)))


def save_slot(db: sqlite3.Connection, row: LedgerSlot) -> None:
    """Change a slot."""
    columns = ", ".join(f"{name} = ?" for name in (*LedgerSlot._fields, "checksum"))
    db.execute(f"UPDATE slots SET {columns} WHERE id = ?", (*row, checksum(row), row.id))  # noqa: S608 - constants


def newest_slot(db: sqlite3.Connection) -> int:
    """The number of the slot that was taken last; 0: none was."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'slots'").fetchone()
    return int(row[0]) if row is not None else 0


def fact(db: sqlite3.Connection, key: str) -> str | None:
    """What is known of the file as a whole."""
    row = db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row is not None else None


def save_fact(db: sqlite3.Connection, key: str, value: str) -> None:
    """Remember something of the file as a whole."""
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (key, value, checksum((key, value))))
