"""Flattening stored answers again with today's columns, into a new snapshot, without one request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec

from exporter._version import __version__
from exporter.clock import Clock, to_milliseconds
from exporter.errors import DestinationError
from exporter.events import Emit, Warned
from exporter.model import CampaignResponse, Failure, FileEntry, Requests, Seconds
from exporter.options import Locations, OutputFormat
from exporter.pipeline.event_relay import EventRelay
from exporter.pipeline.publish import Draft, publish
from exporter.pipeline.workplace import enter_workplace, find_workplace
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.account_snapshots import find
from exporter.snapshot_store.catalog import read_manifest
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import free_id, snapshot_id
from exporter.snapshot_store.reader import read_failures, read_responses
from exporter.stop import Stop
from exporter.tables.columns import SCHEMA_VERSION


class StoredAnswers(msgspec.Struct, frozen=True):
    """A published snapshot as a source of rows."""

    destination: Destination
    snapshot: str

    def responses(self) -> Iterator[list[CampaignResponse]]:
        """The answers, in blocks."""
        return read_responses(self.destination, self.snapshot)

    def failures(self) -> Iterator[Failure]:
        """The IDs that gave no campaign."""
        return read_failures(self.destination, self.snapshot)


def rebuild_snapshot(
    locations: Locations, snapshot: str, *, form: OutputFormat, excel_safe: bool, clock: Clock, emit: Emit
) -> Manifest:
    """Publish a snapshot of mode `rebuild` from the responses of `snapshot` (an ID, or `latest`).

    Raises `DestinationError`, `DestinationBusy`, `StorageFailed`.
    """
    log = EventRelay(emit, clock=clock)
    now = clock.now()
    find(find_workplace(locations).destination, snapshot, now=now)  # nothing is made where there is nothing to rebuild
    with ExitStack() as held:
        destination = enter_workplace(locations, held, clock=clock, emit=log.emit).destination
        for problem in destination.clean_up():
            log.emit(Warned(problem))
        base = find(destination, snapshot, now=now)
        old = read_manifest(destination, base)
        started = clock.now()

        def manifest(new: str, files: dict[str, FileEntry]) -> Manifest:
            rows = files["responses.parquet"].rows
            if rows != old.counts.ok:
                raise DestinationError(
                    f"{destination.where(base)}: has {rows:,} answers, its manifest says {old.counts.ok:,}; see "
                    "`campaign-export verify`. Nothing is published."
                )
            return Manifest(
                snapshot_id=new,
                started_at=manifests.iso(to_milliseconds(started)),
                finished_at=manifests.iso(to_milliseconds(clock.now())),
                program_version=__version__,
                schema_version=SCHEMA_VERSION,
                mode="rebuild",
                # Of a rebuilt snapshot the one whose run fetched the answers: it says to which time they belong.
                base_snapshot=old.base_snapshot if old.mode == "rebuild" else base,
                api=old.api,
                ids=old.ids,
                counts=old.counts,
                requests=Requests(),
                seconds=Seconds(total=round(clock.now() - started, 3)),
                files=files,
                warnings=list(log.warnings),
            )

        draft = Draft(
            snapshot_id=free_id(snapshot_id(started), destination.folder_ids()),
            rows=old.counts.ok,
            source=StoredAnswers(destination, base),
            output_format=form,
            excel_safe=excel_safe,
            manifest=manifest,
        )
        return publish(draft, destination, emit=log.emit, stop=Stop())
