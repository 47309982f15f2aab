"""Ledgers of several processes on one file."""

from __future__ import annotations

from pathlib import Path

from exporter.events import Event
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Ending, Wait
from exporter.units import Limit
from tests.support.virtual_time import ManualClock

TWO = (Limit(2, 60.0),)


class SharedLedger:
    """Ledgers of several processes on one file, each with a handle of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "state" / "ledger.sqlite"
        self.clock = ManualClock()
        self.events: list[Event] = []

    def open(self) -> Ledger:
        """A process that opens the ledger."""
        ledger = Ledger(self.path, clock=self.clock, emit=self.events.append)
        ledger.open()
        return ledger

    def end(self, ledger: Ledger, row: LedgerSlot, ending: Ending = "answered") -> None:
        """A request ends."""
        ledger.release(row, ending, self.clock.time)

    def use_all(self) -> Ledger:
        """A process whose two requests were answered just now."""
        ledger = self.open()
        for row in [taken(ledger), taken(ledger)]:
            self.end(ledger, row)
        return ledger


def taken(ledger: Ledger, limits: tuple[Limit, ...] = TWO, *, probe: bool = False) -> LedgerSlot:
    """A slot that is free."""
    row = ledger.acquire(limits, probe=probe)
    assert isinstance(row, LedgerSlot)
    return row


def wait(ledger: Ledger, limits: tuple[Limit, ...] = TWO) -> float:
    """How long a slot is to be waited for."""
    refused = ledger.acquire(limits)
    assert isinstance(refused, Wait)
    return refused.seconds
