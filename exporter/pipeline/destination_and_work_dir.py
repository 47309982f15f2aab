"""Where a run works: the destination, and the folder with the lock and the journal."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from exporter.clock import Clock
from exporter.errors import DestinationError, StorageFailed
from exporter.events import Emit
from exporter.options import Locations
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.lock import RunLock
from exporter.snapshot_store.open_destination import open_destination


class Workplace(msgspec.Struct, frozen=True):
    """`usual`: the work folder of a run that names none. `locks`: those that are held."""

    destination: Destination
    usual: Path
    work_dir: Path
    locks: tuple[RunLock, ...] = ()

    def check_locks(self) -> None:
        """Raise `StoppedEarly` where one was lost: another run may be at work here."""
        for lock in self.locks:
            lock.check()


def find_workplace(locations: Locations) -> Workplace:
    """Where a run would work; writes nothing. Raises `DestinationError`."""
    destination = open_destination(locations.dest, environ=locations.environ)
    destination.check_is_no_snapshot()
    usual = destination.default_work_dir(Path(locations.state_dir))
    return Workplace(destination, usual, Path(locations.work_dir) if locations.work_dir else usual)


def lock_destination(locations: Locations, held: ExitStack, *, clock: Clock, emit: Emit) -> Workplace:
    """Check and lock the place; `held` lets go of it at the end. For everything that publishes.

    Raises `DestinationError`, `DestinationBusy`.
    """
    place = find_workplace(locations)
    place.destination.check_writable()
    locks = [held.enter_context(RunLock(place.work_dir, clock=clock, emit=emit))]
    if (place.destination.is_local or locations.state_dir) and place.usual.resolve() != place.work_dir.resolve():
        # Two runs with different work folders are still two runs on one destination. For a store with --work-dir
        # a state folder is not needed, so one that cannot be used is no error.
        not_needed = () if place.destination.is_local else (DestinationError, StorageFailed)
        with suppress(*not_needed):
            locks.append(held.enter_context(RunLock(place.usual, clock=clock, emit=emit)))
    return msgspec.structs.replace(place, locks=tuple(locks))
