"""Flattening stored answers again with today's columns, into a new snapshot, without one request."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from exporter._version import __version__
from exporter.clock import Clock, to_milliseconds
from exporter.errors import DestinationError, StorageFailed
from exporter.events import Emit, Published, Writing
from exporter.model import Requests, Seconds
from exporter.options import Locations, OutputFormat
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.destination import Destination, NameTaken, Staging, one_line_error
from exporter.snapshot_store.lock import RunLock
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import next_id, snapshot_id
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import find, read_failures, read_manifest, read_responses
from exporter.snapshot_store.writer import SnapshotWriter
from exporter.tables.columns import SCHEMA_VERSION


def rebuild_snapshot(
    locations: Locations, snapshot: str, *, form: OutputFormat, excel_safe: bool, clock: Clock, emit: Emit
) -> Manifest:
    """Publish a snapshot of mode `rebuild` from the responses of `snapshot` (an ID, or `latest`).

    Raises `DestinationError`, `DestinationBusy`, `StorageFailed`.
    """
    destination = open_destination(locations.dest, environ=locations.environ)
    base = find(destination, snapshot)
    old = read_manifest(destination, base)
    usual = destination.default_work_dir(Path(locations.state_dir))
    with ExitStack() as held:
        held.enter_context(RunLock(Path(locations.work_dir) if locations.work_dir else usual, clock=clock, emit=emit))
        started = clock.now()
        emit(Writing(old.counts.ok))
        staging = _stage(destination, snapshot_id(started))
        new = staging.snapshot
        try:
            with SnapshotWriter(staging, form=form, excel_safe=excel_safe) as writer:
                for block in read_responses(destination, base):
                    writer.add(block)
                writer.add_failures(read_failures(destination, base))
                files = writer.close()
            rows = files["responses.parquet"].rows
            if rows != old.counts.ok:
                raise DestinationError(
                    f"{destination.where(base)}: has {rows:,} answers, its manifest says "
                    f"{old.counts.ok:,}; see `campaign-export verify`. Nothing is published."
                )
            manifest = Manifest(
                snapshot_id=new,
                started_at=manifests.iso(to_milliseconds(started)),
                finished_at=manifests.iso(to_milliseconds(clock.now())),
                program_version=__version__,
                schema_version=SCHEMA_VERSION,
                mode="rebuild",
                base_snapshot=base,
                api=old.api,
                ids=old.ids,
                counts=old.counts,
                requests=Requests(),
                seconds=Seconds(total=round(clock.now() - started, 3)),
                files=files,
                warnings=[],
            )
            where = staging.publish(manifests.dump(manifest))
            staging.make_durable()
        except BaseException as error:
            with suppress(OSError):
                staging.discard()
            if isinstance(error, OSError):
                raise StorageFailed(f"{destination.shown}: {one_line_error(error)}.") from None
            raise
        emit(Published(new, where))
        return manifest


def _stage(destination: Destination, wanted: str) -> Staging:
    """A staging under the first ID from `wanted` on that nobody has. Raises `DestinationError`, `StorageFailed`."""
    taken = set(destination.folder_ids())
    while True:
        if wanted not in taken:
            with suppress(NameTaken):
                return destination.stage(wanted)
        wanted = next_id(wanted)
