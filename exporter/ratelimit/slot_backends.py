"""The slots of an account, in memory, or shared by all processes of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from exporter.blocking_calls import BackgroundThread, in_this_loop
from exporter.clock import Clock
from exporter.events import Emit
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Ending, SlidingWindow, Slot, Wait
from exporter.units import Limit


class Slots:
    """The slots of this process alone, in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window = SlidingWindow()

    async def acquire(self, limits: Sequence[Limit], *, probe: bool) -> Slot | Wait:
        """A slot, or how long to wait. A probe counts no request that was given up."""
        return self._window.acquire(limits, self._clock.monotonic(), probe=probe)

    def release(self, slot: Slot, ending: Ending) -> None:
        """The request that held `slot` has ended."""
        self._window.release(slot, ending, self._clock.monotonic())

    def held(self, seconds: float) -> int:
        """As many of this process's requests the service may see in a window of `seconds`."""
        return self._window.held(seconds, self._clock.monotonic())

    def stop_waiting(self) -> None:
        """No slot is wanted for now: other processes need not let this one go first."""

    async def close(self) -> None:
        """Let go of what is held."""


class LedgerSlots(Slots):
    """The slots of a ledger. Its file may be locked or slow, so it is only touched in a background thread.

    This process's slots are held in memory too: they go on counting when the file fails.
    """

    def __init__(self, path: str | Path, *, clock: Clock, emit: Emit, thread: BackgroundThread | None = None) -> None:
        super().__init__(clock)
        self._ledger = Ledger(Path(path), clock=clock, emit=in_this_loop(emit))
        self._thread = thread or BackgroundThread("ledger")
        self._thread.submit(self._ledger.open)
        self._rows: dict[Slot, LedgerSlot] = {}

    async def acquire(self, limits: Sequence[Limit], *, probe: bool) -> Slot | Wait:
        """A slot of this process and of the ledger, or how long to wait."""
        slot = await super().acquire(limits, probe=probe)
        if isinstance(slot, Wait):
            return slot
        taken: list[LedgerSlot | Wait | None] = []
        try:
            await self._thread.run(lambda: taken.append(self._ledger.acquire(limits, probe=probe)))
        except asyncio.CancelledError:
            self._thread.submit(lambda: self._give_back(taken))
            super().release(slot, "not_sent")
            raise
        (row,) = taken
        if isinstance(row, Wait):
            super().release(slot, "not_sent")
            return row
        if row is not None:
            self._rows[slot] = row
        return slot

    def release(self, slot: Slot, ending: Ending) -> None:
        """The request that held `slot` has ended."""
        super().release(slot, ending)
        row = self._rows.pop(slot, None)
        if row is not None:
            now = self._clock.monotonic()
            self._thread.submit(lambda: self._ledger.release(row, ending, now))

    def stop_waiting(self) -> None:
        """Other processes need not let this one go first."""
        self._thread.submit(self._ledger.stop_waiting)

    async def close(self) -> None:
        """Close the file, without waiting long for one that hangs. Requests under way count as given up."""
        for slot in list(self._rows):
            self.release(slot, "given_up")
        try:
            async with asyncio.timeout(LONGEST_CLOSE):
                await self._thread.run(self._ledger.close)
        except TimeoutError:
            pass  # the next process finds these slots held by one that has ended
        finally:
            self._thread.close()

    def _give_back(self, taken: list[LedgerSlot | Wait | None]) -> None:
        for row in taken:
            if isinstance(row, LedgerSlot):
                self._ledger.release(row, "not_sent", self._clock.monotonic())


LONGEST_CLOSE = 3.0
"""Seconds that the end of a run may wait for its ledger."""
