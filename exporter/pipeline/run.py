"""One run of the main job: what it works with, what it remembers, what it costs.

`begin` takes it up, `snapshot` walks it through the rooms, `publish` ends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from exporter.clock import Clock, to_milliseconds
from exporter.errors import StorageFailed
from exporter.events import Emit, Event, Resumed, Spent, Warned
from exporter.fetch.engine import Engine
from exporter.journal import checkpoint as run_state
from exporter.journal.checkpoint import MOST_PAUSES, Checkpoint, Pause
from exporter.journal.journal import Journal
from exporter.options import Locations, SnapshotOptions
from exporter.ratelimit.estimate import shared
from exporter.settings import Settings
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.lock import RunLock
from exporter.snapshot_store.names import next_id
from exporter.snapshot_store.open_destination import open_destination
from exporter.stop import Stop


class Run(msgspec.Struct):
    """A run from the lock to the published snapshot. `reused`: answers that were there before it asked for any."""

    settings: Settings
    options: SnapshotOptions
    clock: Clock
    tell: Emit
    stop: Stop
    destination: Destination
    journal: Journal
    state: Checkpoint = msgspec.field(default_factory=lambda: Checkpoint("", 0))
    resumed: bool = False
    reused: int = 0

    @classmethod
    def open(
        cls,
        held: ExitStack,
        *,
        settings: Settings,
        locations: Locations,
        options: SnapshotOptions,
        clock: Clock,
        emit: Emit,
        stop: Stop,
    ) -> Run:
        """Lock the destination and open the journal; `held` lets go of them at the end.

        Raises `DestinationError`, `DestinationBusy`, `StorageFailed`.
        """
        destination = open_destination(locations.dest, environ=locations.environ)
        destination.check_writable()
        usual = destination.default_work_dir(Path(locations.state_dir))
        work_dir = Path(locations.work_dir) if locations.work_dir else usual
        held.enter_context(RunLock(work_dir, clock=clock, emit=emit))
        if destination.is_local and usual.resolve() != work_dir.resolve():
            # Two runs with different work folders are still two runs on one destination.
            held.enter_context(RunLock(usual, clock=clock, emit=emit))
        journal = Journal.open(work_dir, settings.identity, clock=clock, emit=emit)
        held.callback(journal.close)
        return cls(settings, options, clock, emit, stop, destination, journal)

    def emit(self, event: Event) -> None:
        """Hand an event on; warnings and pauses go into the manifest too."""
        if isinstance(event, Warned) and event.message not in self.state.warnings:
            self.state.warnings = (*self.state.warnings, event.message)
        if isinstance(event, Resumed) and len(self.state.pauses) < MOST_PAUSES:
            began = to_milliseconds(self.clock.now() - event.paused)
            self.state.pauses = (*self.state.pauses, Pause(began, round(event.paused, 3), event.why))
        self.tell(event)

    def remember(self) -> None:
        """Write down what the run must know when it is taken up again. Raises `StorageFailed`."""
        run_state.save(self.journal, self.state)

    def free_id(self, wanted: str) -> str:
        """`wanted`, or the next snapshot ID that nobody has."""
        taken = set(self.destination.folder_ids())
        while wanted in taken:
            wanted = next_id(wanted)
        return wanted

    @asynccontextmanager
    async def metering(self, engine: Engine) -> AsyncIterator[None]:
        """What the engine's requests cost is added to the run's usage, however it ends."""
        self.state.limits = tuple(map(str, shared(engine.options.rates, engine.options.rate_share)))
        try:
            yield
        finally:
            attempt = engine.meter.usage()
            self.state.usage = self.state.usage.plus(attempt)
            self.tell(Spent(self.state.usage, attempt))
            with suppress(StorageFailed):  # the usage of a run that cannot write any more is not worth an error
                self.remember()
