"""Flattening stored answers again with today's columns, into a new snapshot, without one request."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from exporter.clock import Clock, to_milliseconds
from exporter.errors import DestinationError
from exporter.events import Emit, Warned
from exporter.options import Locations, SnapshotFormat
from exporter.pipeline.destination_and_work_dir import find_workplace, lock_destination
from exporter.pipeline.event_relay import EventRelay
from exporter.pipeline.publish import Draft, publish
from exporter.snapshot_store.catalog import read_manifest
from exporter.snapshot_store.choose_account_and_snapshot import find
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import free_id, snapshot_id
from exporter.snapshot_store.reader import read_failures, read_responses
from exporter.snapshot_store.verify import stored_problem
from exporter.stop import Stop


def rebuild_snapshot(
    locations: Locations, snapshot: str, *, form: SnapshotFormat, excel_safe: bool, clock: Clock, emit: Emit
) -> Manifest:
    """Publish a snapshot of mode `rebuild` from the responses of `snapshot` (an ID, or `latest`).

    Raises `DestinationError`, `DestinationBusy`, `StorageFailed`.
    """
    events = EventRelay(emit, clock=clock)
    now = clock.now()
    find(find_workplace(locations).destination, snapshot, now=now)  # nothing is made where there is nothing to rebuild
    with ExitStack() as held:
        destination = lock_destination(locations, held, clock=clock, emit=events.emit).destination
        for problem in destination.clean_up():
            events.emit(Warned(problem))
        base = find(destination, snapshot, now=now)
        if (damage := stored_problem(destination, base, "responses", "failures")) is not None:
            # What rotted would get a manifest that calls it sound.
            raise _refused(destination, base, damage)
        old = read_manifest(destination, base)
        started = clock.now()
        draft = Draft(
            snapshot_id=free_id(snapshot_id(started), destination.folder_ids()),
            responses=partial(read_responses, destination, base),
            failures=partial(read_failures, destination, base),
            output_format=form,
            excel_safe=excel_safe,
            started_at=to_milliseconds(started),
            mode="rebuild",
            # Of a rebuilt snapshot the one whose run fetched the answers: it says to which time they belong.
            base=old.base_snapshot if old.mode == "rebuild" else base,
            api=old.api,
            ids=old.ids,
            counts=old.counts,
            began=clock.monotonic(),
            lacking=lambda written: _refused(
                destination, base, f"has {written:,} answers, its manifest says {old.counts.ok:,}"
            ),
        )
        return publish(draft, destination, clock=clock, events=events, stop=Stop())


def _refused(destination: Destination, base: str, problem: str) -> DestinationError:
    return DestinationError(
        f"{destination.where(base)}: {problem}; see `campaign-export verify`. Nothing is published."
    )
