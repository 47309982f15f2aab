"""The slots held, shared by all processes of the machine: one SQLite file, and here all that can go wrong with it.

The limit is the account's, not the process's: a `pull` during the nightly run, or a second run right after a first,
must count the requests of the other. Times are those of the machine's monotonic clock, so that a wall clock that jumps
changes nothing; after a reboot they are converted by wall time.

The rule is that of `sliding_window`. A process that ended with requests under way has given them up.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from exporter.clock import Clock
from exporter.events import Emit, Warned
from exporter.files import boot_id, is_alive, open_private, this_holder
from exporter.ratelimit.sliding_window import Ending, Wait, wait_for
from exporter.units import Limit

POLL = 0.05
"""Seconds after which a slot is asked for again, where that depends on other processes."""

ROUNDING = 1e-3
"""Seconds by which slots are looked at that are free already, so that rounding never hides one that is not."""

LATE = 2.0
"""Seconds that a waiting process may be late before others go first."""

LOST = 900.0
"""Seconds after which a request counts as given up, where its process cannot be looked at (other container)."""

LOCKED = 30.0
"""Seconds that a locked file is waited for."""

_TABLES = ("facts", "slots", "waiting")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT NOT NULL, taken REAL NOT NULL, probe INTEGER NOT NULL,
    given_up INTEGER, released REAL, wall REAL NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS slots_released ON slots (released);
CREATE TABLE IF NOT EXISTS waiting (
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


class _Damaged(Exception):
    """The file holds what this program has not written."""


_FAILURES = (sqlite3.Error, OSError, _Damaged, ValueError, TypeError, OverflowError)
"""What a file can do that is locked, full, gone or rotten: values of any type in any column."""


def default_ledger_path(state_dir: str | Path, host: str, account_id: str) -> Path:
    """Where the slots of one account at one host are kept. The name tells nothing about the account."""
    name = hashlib.sha256(f"{host.lower()}\n{account_id}".encode()).hexdigest()[:24]
    return Path(state_dir) / "ledgers" / f"{name}.sqlite"


class Ledger:
    """Slots in a file. Where it cannot be used (read-only, full, locked) a warning says so, and the run goes on."""

    def __init__(self, path: Path, *, clock: Clock, emit: Emit) -> None:
        self._path = path
        self._clock = clock
        self._emit = emit
        self._holder = this_holder()
        self._db: sqlite3.Connection | None = None
        self._begun_again = False
        self._waiting_until = -math.inf
        self._seen_alive: dict[str, float] = {}

    @property
    def shared(self) -> bool:
        """Whether other processes are seen."""
        return self._db is not None

    def open(self) -> None:
        """Open or make the file; its folder is made with access for this user only."""
        try:
            self._db = self._connect()
        except _FAILURES as error:
            self._recover(error)

    def acquire(self, limits: Sequence[Limit], *, probe: bool = False) -> LedgerSlot | Wait | None:
        """A slot, or how long to wait; None: the file cannot be used."""
        try:
            if self._begun_again:
                self._fill(limits)
            return self._acquire(limits, probe=probe)
        except _FAILURES as error:
            self._recover(error)
            return Wait(POLL) if self.shared else None

    def release(self, row: LedgerSlot, ending: Ending, now: float) -> None:
        """The request that held the slot ended at `now`."""
        if self._db is None:
            return
        try:
            with self._transaction() as db:
                self._release(db, row, ending, now)
        except _FAILURES as error:
            self._recover(error)

    def stop_waiting(self) -> None:
        """This process wants no slot for now: others need not let it go first."""
        if self._db is None or self._waiting_until == -math.inf:
            return
        try:
            with self._transaction() as db:
                self._forget_waiting(db)
        except _FAILURES as error:
            self._recover(error)

    def close(self) -> None:
        """Close the file."""
        self.stop_waiting()
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    # The rule

    def _acquire(self, limits: Sequence[Limit], *, probe: bool) -> LedgerSlot | Wait | None:
        if self._db is None:
            return None
        with self._transaction() as db:
            now = self._clock.monotonic()
            db.execute("DELETE FROM slots WHERE released + ? <= ?", (self._kept_for(db, limits), now))
            self._give_up_for_the_dead(db, now)
            wait = self._wait(db, limits, now, probe=probe)
            if wait is None and self._another_goes_first(db, now):
                wait = Wait(POLL)
            if wait is not None:
                # Where it depends on requests under way, they may be another's: look again soon.
                wait = Wait(POLL, wait.silence) if math.isinf(wait.seconds) else wait
                self._remember_waiting(db, now, now + wait.seconds + LATE)
                return wait
            self._forget_waiting(db)
            row = LedgerSlot(_newest(db) + 1, self._holder, now, int(probe), wall=self._clock.now())
            _insert(db, row)
            return row

    def _wait(self, db: sqlite3.Connection, limits: Sequence[Limit], now: float, *, probe: bool) -> Wait | None:
        since = now - max(limit.seconds for limit in limits) - ROUNDING
        ((under_way, given_up, probes, answered),) = db.execute(
            "SELECT count(*) FILTER (WHERE released IS NULL AND given_up IS NULL), "
            "count(*) FILTER (WHERE given_up IS NOT NULL), "
            "count(*) FILTER (WHERE released IS NULL AND given_up IS NULL AND probe), "
            "count(*) FILTER (WHERE released >= ?) FROM slots",
            (since,),
        )
        if probe:
            given_up = 0
            if probes:
                return Wait(POLL)  # of another process: one at a time
        if under_way + given_up + answered < min(limit.slots for limit in limits):
            return None
        released = [at for (at,) in db.execute("SELECT released FROM slots WHERE released >= ? ORDER BY 1", (since,))]
        return wait_for(limits, now, under_way, given_up, released)

    def _release(self, db: sqlite3.Connection, row: LedgerSlot, ending: Ending, now: float) -> None:
        if ending == "not_sent":
            db.execute("DELETE FROM slots WHERE id = ?", (row.id,))
            return
        wall = self._clock.now()
        if ending == "given_up":
            _save(db, row._replace(given_up=_newest(db), wall=wall))
            return
        answered_too = _rows(db, "WHERE given_up < ?", row.id)
        for other in (row, *answered_too):
            _save(db, other._replace(given_up=None, released=now, wall=wall))

    def _give_up_for_the_dead(self, db: sqlite3.Connection, now: float) -> None:
        """Requests of processes that have ended: whether they were sent, and will arrive, nobody knows."""
        under_way = _rows(db, "WHERE released IS NULL AND given_up IS NULL AND holder <> ?", self._holder)
        for row in under_way:
            if not self._alive(row.holder, now) or now - row.taken > LOST:
                _save(db, row._replace(given_up=_newest(db), wall=self._clock.now()))
                db.execute("DELETE FROM waiting WHERE holder = ?", (row.holder,))

    def _kept_for(self, db: sqlite3.Connection, limits: Sequence[Limit]) -> float:
        """Seconds for which slots are kept: the longest window that any program has asked this file for.

        A `pull` that knows only of a minute must not drop what a run with a limit by the hour needs.
        """
        longest = max(limit.seconds for limit in limits)
        known = float(_fact(db, "longest") or 0.0)
        if longest > known:
            _save_fact(db, "longest", str(longest))
        return max(longest, known)

    # Several processes

    def _another_goes_first(self, db: sqlite3.Connection, now: float) -> bool:
        """Whether a waiting process has fewer slots than this one: a small `pull` beside a long night."""
        rivals = db.execute(
            "SELECT holder FROM waiting WHERE holder <> ? AND until > ?", (self._holder, now)
        ).fetchall()
        rivals = [holder for (holder,) in rivals if self._alive(holder, now)]
        if not rivals:
            return False
        held: dict[str, int] = dict(db.execute("SELECT holder, count(*) FROM slots GROUP BY holder").fetchall())
        return any(held.get(rival, 0) < held.get(self._holder, 0) for rival in rivals)

    def _remember_waiting(self, db: sqlite3.Connection, now: float, until: float) -> None:
        if self._waiting_until > now + LATE / 2:
            return  # written lately: not a write to the disk for each poll
        row = (self._holder, until)
        db.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?)", (*row, _checksum(row)))
        self._waiting_until = until

    def _forget_waiting(self, db: sqlite3.Connection) -> None:
        if self._waiting_until > -math.inf:
            db.execute("DELETE FROM waiting WHERE holder = ?", (self._holder,))
            self._waiting_until = -math.inf

    def _alive(self, holder: str, now: float) -> bool:
        # Looking costs a system call for each: once a second for one process is enough.
        if now - self._seen_alive.get(holder, -math.inf) < 1.0:
            return True
        alive = is_alive(holder)
        if alive:
            self._seen_alive[holder] = now
        return alive

    # The file

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        assert db is not None  # noqa: S101 - the callers looked
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            raise

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(open_private(self._path))
        db = sqlite3.connect(self._path, timeout=LOCKED, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            # Each slot is on the disk before its request goes: a power cut must not free it.
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise _Damaged("its pages do not fit together")
            db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE")
            _prove(db)
            self._convert_after_a_reboot(db)
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def _convert_after_a_reboot(self, db: sqlite3.Connection) -> None:
        boot = boot_id()
        now, wall = self._clock.monotonic(), self._clock.now()
        rebooted = _fact(db, "boot") not in (None, boot)
        if rebooted:
            db.execute("DELETE FROM waiting")
        for row in _rows(db):
            if row.released is not None and (rebooted or row.released > now):
                # max: a wall clock that was set back frees no slot early. A file that was brought from elsewhere can
                # hold times that this clock has not reached.
                age = max(0.0, wall - row.wall) if rebooted else 0.0
                _save(db, row._replace(released=now - age, wall=wall - age))
            elif rebooted and row.released is None and row.given_up is None:
                _save(db, row._replace(given_up=_newest(db)))
        if rebooted or _fact(db, "boot") is None:
            _save_fact(db, "boot", boot)

    def _fill(self, limits: Sequence[Limit]) -> None:
        """After damage nobody knows which slots are held: hold all of the shortest window."""
        self._begun_again = False
        shortest = min(limits, key=lambda limit: limit.seconds)
        now, wall = self._clock.monotonic(), self._clock.now()
        with self._transaction() as db:
            newest = _newest(db)
            for number in range(1, shortest.slots + 1):
                _insert(db, LedgerSlot(newest + number, "lost", now, released=now, wall=wall))

    def _recover(self, error: Exception) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
        if _is_damage(error) and self._set_aside(error):
            return
        self._emit(
            Warned(
                f"the ledger {self._path} cannot be used ({_reason(error)}); this run counts its requests in memory, "
                "and does not see those of other programs on this machine"
            )
        )

    def _set_aside(self, error: Exception) -> bool:
        aside = self._path.with_name(f"{self._path.name}.damaged-{int(self._clock.now())}")
        try:
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._connect()
        except _FAILURES:
            return False
        self._begun_again = True
        self._emit(
            Warned(
                f"the ledger {self._path} was damaged ({_reason(error)}) and is set aside as {aside.name}; a new one "
                "is begun, and this run waits one window to be safe"
            )
        )
        return True


def _is_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # none: what was read is no text
        return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return not isinstance(error, OSError)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _checksum(values: Sequence[object]) -> int:
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def _prove(db: sqlite3.Connection) -> None:
    """Raise `_Damaged` where a row is not as it was written: all of them decide something."""
    for table in _TABLES:
        for *values, checksum in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a constant
            if checksum != _checksum(values):
                raise _Damaged(f"a row of {table} is not as it was written")


def _rows(db: sqlite3.Connection, where: str = "", *values: object) -> list[LedgerSlot]:
    columns = ", ".join(LedgerSlot._fields)
    return [LedgerSlot(*row) for row in db.execute(f"SELECT {columns} FROM slots {where}", values)]  # noqa: S608 - constants


def _insert(db: sqlite3.Connection, row: LedgerSlot) -> None:
    db.execute("INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _checksum(row)))


def _save(db: sqlite3.Connection, row: LedgerSlot) -> None:
    columns = ", ".join(f"{name} = ?" for name in (*LedgerSlot._fields, "checksum"))
    db.execute(f"UPDATE slots SET {columns} WHERE id = ?", (*row, _checksum(row), row.id))  # noqa: S608 - constants


def _newest(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'slots'").fetchone()
    return int(row[0]) if row is not None else 0


def _fact(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row is not None else None


def _save_fact(db: sqlite3.Connection, key: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (key, value, _checksum((key, value))))
