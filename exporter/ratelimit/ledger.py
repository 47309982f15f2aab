"""The places taken, shared by all processes: one SQLite file, and here all that can go wrong with it.

The limit is the account's, not the process's: a `pull` during the nightly run, or a second run right after a
first, must find the places of the other. Places are kept on the machine's monotonic clock, so that a wall clock
that jumps changes nothing; after a reboot they are carried over by wall time.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from exporter.clock import Clock
from exporter.events import Emit, Warned
from exporter.files import boot_id, is_alive, this_holder
from exporter.ratelimit.sliding_window import SlidingWindow, Slot, wait_for
from exporter.units import Limit

POLL = 0.05
"""Seconds after which a place is asked for again, where that depends on other processes."""

ROUNDING = 1e-3
"""Seconds by which places are looked at that are free already, so that rounding never hides one that is not."""

LATE = 2.0
"""Seconds that a process may be late to take its turn before others go first."""

LOST = 900.0
"""Seconds after which a place counts as given back, where its process cannot be looked at (other container)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (
    id INTEGER PRIMARY KEY, holder TEXT NOT NULL, taken REAL NOT NULL, released REAL, wall REAL NOT NULL);
CREATE INDEX IF NOT EXISTS places_released ON places (released);
CREATE TABLE IF NOT EXISTS waiting (holder TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


def default_ledger_path(state_dir: str | Path, host: str, account_id: str) -> Path:
    """Where the places of one account at one host are kept. The name tells nothing about the account."""
    name = hashlib.sha256(f"{host.lower()}\n{account_id}".encode()).hexdigest()[:24]
    return Path(state_dir) / "ledgers" / f"{name}.sqlite"


class Ledger:
    """Places in a file. What the file cannot do (read-only, full, damaged) goes on in memory, told once."""

    def __init__(self, path: Path, *, clock: Clock, emit: Emit) -> None:
        self._path = path
        self._clock = clock
        self._emit = emit
        self._holder = this_holder()
        self._own = SlidingWindow()
        self._own_places: dict[Slot, Slot] = {}
        self._db: sqlite3.Connection | None = None
        self._rebuilt = False
        self._waiting = False
        self._looked_at: dict[str, float] = {}

    @classmethod
    def open(cls, path: str | Path, *, clock: Clock, emit: Emit) -> Self:
        """Open or make the ledger at `path`; its folder is made with access for this user only."""
        ledger = cls(Path(path), clock=clock, emit=emit)
        try:
            ledger._connect()
        except (sqlite3.DatabaseError, OSError) as error:
            ledger._recover(error)
        return ledger

    @property
    def shared(self) -> bool:
        """Whether other processes are seen."""
        return self._db is not None

    def acquire(self, limits: Sequence[Limit]) -> tuple[Slot | None, float]:
        """A place and 0, or None and the seconds after which to ask again."""
        now = self._clock.monotonic()
        own, wait = self._own.acquire(limits, now)
        if own is None or self._db is None:
            return own, wait
        try:
            if self._rebuilt:
                self._fill(limits)
            shared, wait = self._take_shared(limits, now)
        except sqlite3.DatabaseError as error:
            self._recover(error)
            if not self._rebuilt:
                return own, 0.0
            self._own.cancel(own)  # the new file is taken as full first
            return None, POLL
        if shared is None:
            self._own.cancel(own)
            return None, wait
        self._own_places[own] = shared
        return own, 0.0

    def release(self, slot: Slot) -> None:
        """The answer has completely come, or its connection was given up."""
        now = self._clock.monotonic()
        self._own.release(slot, now)
        shared = self._own_places.pop(slot, None)
        if self._db is None or shared is None:
            return
        try:
            self._db.execute("UPDATE places SET released = ?, wall = ? WHERE id = ?", (now, self._clock.now(), shared))
        except sqlite3.DatabaseError as error:
            self._recover(error)

    def stop_waiting(self) -> None:
        """This process wants no place for now: others need not let it go first."""
        if self._db is None or not self._waiting:
            return
        self._waiting = False
        try:
            self._db.execute("DELETE FROM waiting WHERE holder = ?", (self._holder,))
        except sqlite3.DatabaseError as error:
            self._recover(error)

    def close(self) -> None:
        """Close the file; places under way count as given back now."""
        for slot in list(self._own_places):
            self.release(slot)
        self.stop_waiting()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _take_shared(self, limits: Sequence[Limit], now: float) -> tuple[Slot | None, float]:
        assert self._db is not None  # noqa: S101 - the caller looked
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("DELETE FROM places WHERE released + ? <= ?", (self._kept_for(limits), now))
            self._release_the_dead(now)
            wait = self._wait(limits, now)
            if wait == 0 and self._another_goes_first(limits, now):
                wait = POLL
            if wait == 0:
                slot = self._db.execute(
                    "INSERT INTO places (holder, taken, wall) VALUES (?, ?, ?)",
                    (self._holder, now, self._clock.now()),
                ).lastrowid
                if self._waiting:
                    self._db.execute("DELETE FROM waiting WHERE holder = ?", (self._holder,))
                    self._waiting = False
            else:
                slot = None
                # Where it depends on requests under way, they may be another's: look again soon.
                wait = POLL if math.isinf(wait) else wait
                self._db.execute(
                    "INSERT OR REPLACE INTO waiting (holder, until) VALUES (?, ?)",
                    (self._holder, now + wait + LATE),
                )
                self._waiting = True
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return slot, wait

    def _kept_for(self, limits: Sequence[Limit]) -> float:
        """Seconds for which places are kept: the longest window that any program has asked this file for.

        A `pull` that knows only of a minute must not drop what a run with a limit by the hour needs.
        """
        assert self._db is not None  # noqa: S101
        longest = max(limit.seconds for limit in limits)
        row = self._db.execute("SELECT value FROM meta WHERE key = 'longest'").fetchone()
        known = float(row[0]) if row is not None else 0.0
        if longest > known:
            self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('longest', ?)", (str(longest),))
        return max(longest, known)

    def _wait(self, limits: Sequence[Limit], now: float) -> float:
        assert self._db is not None  # noqa: S101
        since = now - max(limit.seconds for limit in limits)
        ((under_way, count),) = self._db.execute(
            "SELECT (SELECT count(*) FROM places WHERE released IS NULL), "
            "(SELECT count(*) FROM places WHERE released >= ?)",
            (since - ROUNDING,),
        )
        if under_way + count < min(limit.slots for limit in limits):
            return 0.0
        released = [
            at
            for (at,) in self._db.execute(
                "SELECT released FROM places WHERE released >= ? ORDER BY released", (since - ROUNDING,)
            )
        ]
        return wait_for(limits, now, under_way, released)

    def _another_goes_first(self, limits: Sequence[Limit], now: float) -> bool:
        """Whether a waiting process has fewer places than this one: a small `pull` beside a long night."""
        assert self._db is not None  # noqa: S101
        rivals = [
            h
            for (h,) in self._db.execute(
                "SELECT holder FROM waiting WHERE holder <> ? AND until > ?", (self._holder, now)
            )
        ]
        rivals = [holder for holder in rivals if self._alive(holder, now)]
        if not rivals:
            return False
        held = dict(self._db.execute("SELECT holder, count(*) FROM places GROUP BY holder").fetchall())
        own = held.get(self._holder, 0)
        return any(held.get(rival, 0) < own for rival in rivals)

    def _release_the_dead(self, now: float) -> None:
        """Places of processes that died count from now: their requests may have just been sent."""
        assert self._db is not None  # noqa: S101
        rows = self._db.execute(
            "SELECT holder, max(taken) FROM places WHERE released IS NULL AND holder <> ? GROUP BY holder",
            (self._holder,),
        ).fetchall()
        for holder, taken in rows:
            if not self._alive(holder, now) or now - taken > LOST:
                self._db.execute(
                    "UPDATE places SET released = ?, wall = ? WHERE holder = ? AND released IS NULL",
                    (now, self._clock.now(), holder),
                )
                self._db.execute("DELETE FROM waiting WHERE holder = ?", (holder,))

    def _alive(self, holder: str, now: float) -> bool:
        # Looking costs a system call for each: once a second for one process is enough.
        if now - self._looked_at.get(holder, -math.inf) < 1.0:
            return True
        alive = is_alive(holder)
        if alive:
            self._looked_at[holder] = now
        return alive

    def _connect(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        db = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            # What a power cut may lose here is at most the places of its last second, and booting takes longer.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the check of the file found damage")
            db.executescript(_SCHEMA)
            self._carry_over_a_reboot(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _carry_over_a_reboot(self, db: sqlite3.Connection) -> None:
        boot = boot_id()
        db.execute("BEGIN IMMEDIATE")
        row = db.execute("SELECT value FROM meta WHERE key = 'boot'").fetchone()
        now, wall = self._clock.monotonic(), self._clock.now()
        if row is not None and row[0] != boot:
            # min: a place is never given back in the future, wherever the wall clock has gone.
            db.execute(
                "UPDATE places SET released = ? - max(0, ? - wall), wall = ? - max(0, ? - wall)",
                (now, wall, wall, wall),
            )
            db.execute("DELETE FROM waiting")
        # A file brought from elsewhere can hold times that this clock has not reached.
        db.execute("UPDATE places SET released = ? WHERE released > ?", (now, now))
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('boot', ?)", (boot,))
        db.execute("COMMIT")

    def _fill(self, limits: Sequence[Limit]) -> None:
        """After damage nobody knows which places are taken: take all of the shortest window as taken."""
        assert self._db is not None  # noqa: S101
        self._rebuilt = False
        shortest = min(limits, key=lambda limit: limit.seconds)
        now, wall = self._clock.monotonic(), self._clock.now()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO places (holder, taken, released, wall) VALUES ('lost', ?, ?, ?)",
            [(now, now, wall)] * shortest.slots,
        )
        self._db.execute("COMMIT")

    def _recover(self, error: sqlite3.DatabaseError | OSError) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged and self._set_aside(error):
            return
        self._emit(
            Warned(
                f"the ledger of places {self._path} cannot be used ({error}); this run keeps its places in memory, "
                "and other programs on this machine are not seen"
            )
        )

    def _set_aside(self, error: Exception) -> bool:
        aside = self._path.with_name(f"{self._path.name}.damaged-{int(self._clock.now())}")
        try:
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._connect()
        except (sqlite3.DatabaseError, OSError):
            return False
        self._rebuilt = True
        self._emit(
            Warned(
                f"the ledger of places {self._path} was damaged ({error}) and is set aside as {aside.name}; "
                "a new one is begun, and this run waits one window to be safe"
            )
        )
        return True
