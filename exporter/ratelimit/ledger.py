"""The slots held, shared by all processes of the machine in one SQLite file (`ledger_file`).

The limit is the account's, not the process's: a `pull` during the nightly run, or a second run right after a first,
must count the requests of the other.

The rule is that of `sliding_window`. A process that ended with requests under way has given them up.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from exporter.clock import Clock
from exporter.events import Emit
from exporter.files import is_alive, this_holder
from exporter.ratelimit.ledger_file import (
    LedgerFile,
    LedgerSlot,
    checksum,
    fact,
    insert_slot,
    newest_slot,
    save_fact,
    save_slot,
    slots_where,
)
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


def default_ledger_path(state_dir: str | Path, host: str, account_id: str) -> Path:
    """Where the slots of one account at one host are kept. The name does not show the account."""
    name = hashlib.sha256(f"{host.lower()}\n{account_id}".encode()).hexdigest()[:24]
    return Path(state_dir) / "ledgers" / f"{name}.sqlite"


class Ledger(LedgerFile):
    """Takes and gives back slots."""

    def __init__(self, path: Path, *, clock: Clock, emit: Emit) -> None:
        super().__init__(path, clock=clock, emit=emit)
        self._waiting_until = -math.inf
        self._seen_alive: dict[str, float] = {}

    @cached_property
    def _holder(self) -> str:
        return this_holder()  # it reads files, so it is asked for in the ledger's thread

    def acquire(self, limits: Sequence[Limit], *, probe: bool = False) -> LedgerSlot | Wait | None:
        """A slot, or how long to wait; None: the file cannot be used."""
        taken = self._attempt(lambda db: self._acquire(db, limits, probe=probe))
        return taken or (Wait(POLL) if self.shared else None)

    def release(self, row: LedgerSlot, ending: Ending, now: float) -> None:
        """The request that held the slot ended at `now`."""
        self._attempt(lambda db: self._release(db, row, ending, now))

    def stop_waiting(self) -> None:
        """This process wants no slot for now: others need not let it go first."""
        if self._waiting_until > -math.inf:
            self._attempt(self._forget_waiting)

    def close(self) -> None:
        """Close the file."""
        self.stop_waiting()
        super().close()

    # The rule

    def _acquire(self, db: sqlite3.Connection, limits: Sequence[Limit], *, probe: bool) -> LedgerSlot | Wait:
        if self._begun_again:
            self._fill(db, limits)
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
        row = LedgerSlot(newest_slot(db) + 1, self._holder, now, int(probe), wall=self._clock.now())
        insert_slot(db, row)
        return row

    def _wait(self, db: sqlite3.Connection, limits: Sequence[Limit], now: float, *, probe: bool) -> Wait | None:
        since = now - max(limit.seconds for limit in limits) - ROUNDING
        ((under_way, given_up, probes, answered),) = db.execute(
            # Not FILTER, which SQLite has from 3.30 on: RHEL 8 has 3.26.
            "SELECT count(CASE WHEN released IS NULL AND given_up IS NULL THEN 1 END), count(given_up), "
            "count(CASE WHEN released IS NULL AND given_up IS NULL AND probe THEN 1 END), "
            "count(CASE WHEN released >= ? THEN 1 END) FROM slots",
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
            save_slot(db, row._replace(given_up=newest_slot(db), wall=wall))
            return
        answered_too = slots_where(db, "WHERE given_up < ?", row.id)
        for other in (row, *answered_too):
            save_slot(db, other._replace(given_up=None, released=now, wall=wall))

    def _give_up_for_the_dead(self, db: sqlite3.Connection, now: float) -> None:
        """Requests of processes that have ended: it is not known whether they were sent, and will arrive."""
        under_way = slots_where(db, "WHERE released IS NULL AND given_up IS NULL AND holder <> ?", self._holder)
        for row in under_way:
            if not self._alive(row.holder, now) or now - row.taken > LOST:
                save_slot(db, row._replace(given_up=newest_slot(db), wall=self._clock.now()))
                db.execute("DELETE FROM waiting WHERE holder = ?", (row.holder,))

    def _kept_for(self, db: sqlite3.Connection, limits: Sequence[Limit]) -> float:
        """Seconds for which slots are kept: the longest window that any program has asked this file for.

        A `pull` that knows only of a minute must not drop what a run with a limit by the hour needs.
        """
        longest = max(limit.seconds for limit in limits)
        known = float(fact(db, "longest") or 0.0)
        if longest > known:
            save_fact(db, "longest", str(longest))
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
        db.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?)", (*row, checksum(row)))
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
