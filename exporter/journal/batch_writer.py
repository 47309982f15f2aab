"""The thread that commits outcomes to the journal.

One transaction for what came in the meantime, on the disk (`synchronous=FULL`) before any of it counts as done. So
answers are durable one by one, and the disk does not limit the speed.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from exporter import failpoints
from exporter.errors import StorageFailed
from exporter.events import Emit, Settled
from exporter.files import storage_failed
from exporter.journal.database import Outcome, connect, transaction, with_checksum
from exporter.journal.run_checkpoint import Checkpoint, encode
from exporter.model import CampaignResponse, Failure

BACKLOG = 2000
BACKLOG_BYTES = 64 * 2**20
"""Answers, and bytes of their bodies, that may wait for their commit before the workers wait for the disk."""

PERIOD = 0.01
CROWD = 12
"""After `PERIOD` seconds with `CROWD` answers or more, a commit waits one period for more of them: it costs as much as
dozens of answers. Under a limit of 60 a minute that never happens."""

REMEMBERED_EVERY = 0.25
"""Seconds from which on the next commit saves the checkpoint, too: after a kill, what the run has spent is known."""


class BatchWriter:
    """Adds outcomes from a thread of its own, committing together what came in the meantime.

    `path`: of the journal. `checkpoint` gives, in the thread, what the run is to remember by then. `emit` gets
    `Settled`, in the event loop, for each outcome that is durably in it.
    """

    def __init__(self, path: Path, *, checkpoint: Callable[[], Checkpoint], emit: Emit) -> None:
        self._path = path
        self._checkpoint = checkpoint
        self._remembered_at = -math.inf
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[Outcome, int, int] | None] = queue.SimpleQueue()
        self._error: StorageFailed | None = None
        self._backlog = self._backlog_bytes = 0
        self._period_end = 0.0
        self._in_period = 0
        self._crowded = False
        self._room = asyncio.Event()
        self._room.set()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def put(self, outcome: Outcome, attempts: int) -> None:
        """Hand over an outcome that came just now; it is done when it is `Settled`. Raises `StorageFailed`."""
        failpoints.hit("request.answered")
        self.check()
        now = outcome.fetched_at if isinstance(outcome, CampaignResponse) else outcome.last_at
        self._queue.put((outcome, attempts, now))
        self._backlog += 1
        self._backlog_bytes += _size(outcome)
        if self._is_full():
            self._room.clear()
            await self._room.wait()
            self.check()

    def finish(self) -> None:
        """Commit what is left. It blocks: not for the event loop."""
        self._queue.put(None)
        self._thread.join()

    def check(self) -> None:
        """Raise `StorageFailed` where something could not be committed."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            db = connect(self._path)
            try:
                while (batch := self._batch()) is not None:
                    with transaction(db, self._path):
                        batch = [(_proven(db, outcome), attempts, now) for outcome, attempts, now in batch]
                        write_outcomes(db, batch)
                        self._remember(db)
                        failpoints.hit("journal.before_commit")
                    failpoints.hit("journal.after_commit")
                    self._loop.call_soon_threadsafe(self._committed, batch)
            finally:
                db.close()
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must end the run
            failed = error if isinstance(error, StorageFailed) else storage_failed(self._path, error)
            self._loop.call_soon_threadsafe(self._fail, failed)

    def _remember(self, db: sqlite3.Connection) -> None:
        now = time.monotonic()
        if now - self._remembered_at >= REMEMBERED_EVERY:
            self._remembered_at = now
            write_checkpoint(db, self._checkpoint())

    def _batch(self) -> list[tuple[Outcome, int, int]] | None:
        first = self._queue.get()
        if first is None:
            return None
        self._wait_in_a_crowd()
        batch = [first]
        while len(batch) < BACKLOG and not self._queue.empty():
            entry = self._queue.get()  # nobody else takes any, so it is there
            if entry is None:
                self._queue.put(None)
                break
            batch.append(entry)
        self._in_period += len(batch)
        return batch

    def _wait_in_a_crowd(self) -> None:
        now = time.monotonic()
        if now >= self._period_end:
            self._crowded = self._in_period >= CROWD and now < self._period_end + PERIOD
            self._period_end, self._in_period = now + PERIOD, 0
        if self._crowded:
            time.sleep(self._period_end - now)

    def _committed(self, batch: list[tuple[Outcome, int, int]]) -> None:
        self._backlog -= len(batch)
        self._backlog_bytes -= sum(_size(outcome) for outcome, _, _ in batch)
        if not self._is_full():
            self._room.set()
        for outcome, attempts, _ in batch:
            self._emit(Settled.of(outcome, attempts))

    def _is_full(self) -> bool:
        return self._backlog >= BACKLOG or self._backlog_bytes >= BACKLOG_BYTES

    def _fail(self, error: StorageFailed) -> None:
        self._error = error
        self._room.set()


def _proven(db: sqlite3.Connection, outcome: Outcome) -> Outcome:
    """What became of an ID; a campaign that the list call of this run shows is there, whatever its answer says."""
    if not isinstance(outcome, Failure) or outcome.outcome != "not_found":
        return outcome
    if db.execute("SELECT 1 FROM listed WHERE campaign_id = ?", (outcome.campaign_id,)).fetchone() is None:
        return outcome
    return outcome._replace(outcome="failed", error=f"the list call shows this campaign, but: {outcome.error}")


def write_checkpoint(db: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    """Put what a run remembers; the caller holds the transaction."""
    db.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)", with_checksum(encode(checkpoint)))


def write_outcomes(db: sqlite3.Connection, outcomes: Sequence[tuple[Outcome, int, int]]) -> None:
    """Insert (outcome, attempts, now in milliseconds); the caller holds the transaction."""
    answers = [
        # ID, time, status and body; what the list call showed is in a table of its own.
        with_checksum(*outcome[:4], outcome.carried_from, now, attempts)
        for outcome, attempts, now in outcomes
        if isinstance(outcome, CampaignResponse)
    ]
    failures = [with_checksum(*outcome) for outcome, _, _ in outcomes if isinstance(outcome, Failure)]
    if answers and db.execute("SELECT 1 FROM failures LIMIT 1").fetchone():
        db.executemany("DELETE FROM failures WHERE campaign_id = ?", [row[:1] for row in answers])
    if answers:
        db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", answers)
    if failures:
        db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", failures)


def _size(outcome: Outcome) -> int:
    return len(outcome.body) if isinstance(outcome, CampaignResponse) else 0
