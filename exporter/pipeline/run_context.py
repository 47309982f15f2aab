"""One attempt at a snapshot: what it works with, and the checkpoint that it keeps up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from exporter.clock import Clock
from exporter.errors import StorageFailed
from exporter.events import Event, Spent
from exporter.fetch.open_engine import Engine
from exporter.journal.journal import Journal
from exporter.journal.run_checkpoint import Checkpoint
from exporter.pipeline.cancellable_thread import in_thread
from exporter.pipeline.event_relay import EventRelay
from exporter.pipeline.job_description import ExportJob
from exporter.ratelimit.estimate import shared
from exporter.snapshot_store.destination import Destination
from exporter.stop import Stop


class Run(msgspec.Struct, eq=False):
    """Built whole when it is decided what the run is. Only `remember` and `metering` change it.

    `check_locks` raises `StoppedEarly` where another run may be at work in the same place. `spent`: what the requests
    so far change in the checkpoint.
    """

    checkpoint: Checkpoint
    job: ExportJob
    clock: Clock
    stop: Stop
    events: EventRelay
    destination: Destination
    journal: Journal
    check_locks: Callable[[], None]
    spent: Callable[[], dict[str, Any]] = dict

    def emit(self, event: Event) -> None:
        """Hand an event on."""
        self.events.emit(event)

    def so_far(self, **changes: Any) -> Checkpoint:
        """The checkpoint with the warnings, the pauses and the usage so far, and with `changes`."""
        now = {"warnings": self.events.warnings, "pauses": self.events.pauses, **self.spent()}
        return msgspec.structs.replace(self.checkpoint, **{**now, **changes})

    def remember(self, **changes: Any) -> None:
        """Change fields of the checkpoint, and save it as it is so far. Raises `StorageFailed`."""
        self.checkpoint = self.so_far(**changes)
        self.journal.save(self.checkpoint)

    @asynccontextmanager
    async def metering(self, engine: Engine) -> AsyncIterator[None]:
        """What the engine's requests cost is added to the run's usage, however it ends."""
        earlier = self.checkpoint.usage
        limits = tuple(map(str, shared(engine.options.rates, engine.options.rate_share)))

        def spent() -> dict[str, Any]:
            ahead = engine.client.skew or self.checkpoint.clock_ahead
            return {"usage": earlier.plus(engine.meter.usage()), "limits": limits, "clock_ahead": ahead}

        self.spent = spent
        try:
            yield
        finally:
            last, self.spent = spent(), dict
            self.emit(Spent(last["usage"], engine.meter.usage()))
            with suppress(StorageFailed):  # the usage of a run that cannot write any more is not worth an error
                await in_thread(self.stop, self.remember, **last)
