"""One way to publish, for a run and for `rebuild`: a source of rows in, a manifest out.

Until the snapshot appears every failure is an error, and nothing is published. From then on a failure is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from exporter._version import __version__
from exporter.clock import Clock, to_milliseconds
from exporter.errors import Cancelled, ExportError, Interrupted, StorageFailed
from exporter.events import Emit, Published, Warned, Writing
from exporter.model import (
    CampaignResponse,
    Counts,
    Failure,
    FailureGroup,
    FileEntry,
    Identity,
    Seconds,
    SnapshotMode,
    Usage,
)
from exporter.options import SnapshotFormat
from exporter.pipeline.event_relay import EventRelay
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.destination import Destination, NameTaken, Staging
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import free_id
from exporter.snapshot_store.writer import SnapshotWriter
from exporter.stop import Stop
from exporter.tables.columns import SCHEMA_VERSION

Result = TypeVar("Result")


class Draft(msgspec.Struct, frozen=True):
    """A snapshot that is to be written, with what its manifest says.

    `responses`: gives the answers, in blocks, in the order of the rows, and `failures` the IDs that gave no campaign:
    from the journal, or from an old snapshot. `started_at`: milliseconds since 1970. `usage`: what the run has spent
    until `began` (monotonic seconds), when the publishing began. `lacking`: the error where another number of answers
    was written than was counted. `renamed`: called with the ID that is taken instead, when another writer has the
    first one.
    """

    snapshot_id: str
    responses: Callable[[], Iterator[list[CampaignResponse]]]
    failures: Callable[[], Iterator[Failure]]
    output_format: SnapshotFormat
    excel_safe: bool
    started_at: int
    mode: SnapshotMode
    base: str | None
    api: Identity
    ids: manifests.Ids
    counts: Counts
    began: float
    lacking: Callable[[int], ExportError]
    usage: Usage = Usage()
    pacing: manifests.Pacing | msgspec.UnsetType = msgspec.UNSET
    renamed: Callable[[str], None] = lambda snapshot: None
    writer: str = ""


class SnapshotResult(msgspec.Struct, frozen=True):
    """What was published, and where. `reused`: answers that were there before this attempt asked for any.

    `removed`: older snapshots that were removed. `complete`: every ID has its campaign, or is known not to exist where
    that is no failure. `published`: False when the failed campaigns of `manifest` failed again, so that it stays as it
    was.
    """

    manifest: Manifest
    where: str
    reused: int
    removed: tuple[str, ...]
    failures: tuple[FailureGroup, ...]
    complete: bool
    published: bool = True

    @property
    def counts(self) -> Counts:
        """Where every ID ended."""
        return self.manifest.counts


def publish(draft: Draft, destination: Destination, *, clock: Clock, events: EventRelay, stop: Stop) -> Manifest:
    """Write the files aside, the manifest last, and let the snapshot appear. "Published" is said once it is durable.

    Raises `StorageFailed`, the reason of an interrupting stop, and `draft.lacking`; nothing appears then.
    """
    emit = events.emit
    emit(Writing(draft.counts.ok))
    staging = _stage(draft, destination)
    try:
        files = _write_tables(draft, staging, stop)
        manifest = _manifest(draft, staging.snapshot, files, clock, events.warnings)
        _check(stop)
        staging.publish(manifests.dump(manifest))
    except BaseException:
        with suppress(StorageFailed):
            staging.discard()
        raise
    warn_of_failure(staging.make_durable, "it may not survive a power cut", emit=emit)
    emit(Published(manifest.snapshot_id, destination.where(manifest.snapshot_id)))
    return manifest


def warn_of_failure(work: Callable[[], Result], consequence: str, *, emit: Emit) -> Result | None:
    """Do something after publishing: its failure is a warning, and gives None."""
    try:
        return work()
    except ExportError as error:
        emit(Warned(f"the snapshot is published, but {consequence}: {error}"))
        return None


def _stage(draft: Draft, destination: Destination) -> Staging:
    wanted = draft.snapshot_id
    while True:
        try:
            return destination.stage(wanted, draft.writer)
        except NameTaken:
            wanted = free_id(wanted, {wanted, *destination.folder_ids()})
            draft.renamed(wanted)


def _write_tables(draft: Draft, staging: Staging, stop: Stop) -> dict[str, FileEntry]:
    with SnapshotWriter(staging, form=draft.output_format, excel_safe=draft.excel_safe) as writer:
        for block in draft.responses():
            _check(stop)
            writer.add(block)
        writer.add_failures(draft.failures())
        return writer.close()


def _manifest(
    draft: Draft, snapshot: str, files: dict[str, FileEntry], clock: Clock, warnings: Sequence[str]
) -> Manifest:
    written = files["responses.parquet"].rows
    if written != draft.counts.ok:
        raise draft.lacking(written)
    usage = draft.usage.plus(Usage(seconds=Seconds(total=clock.monotonic() - draft.began)))
    return Manifest(
        snapshot_id=snapshot,
        started_at=manifests.iso(draft.started_at),
        finished_at=manifests.iso(to_milliseconds(clock.now())),
        program_version=__version__,
        schema_version=SCHEMA_VERSION,
        mode=draft.mode,
        base_snapshot=draft.base,
        api=draft.api,
        ids=draft.ids,
        counts=draft.counts,
        requests=usage.requests,
        seconds=usage.seconds,
        files=files,
        warnings=list(warnings),
        pacing=draft.pacing,
    )


def _check(stop: Stop) -> None:
    """A time limit or an outage does not end the writing: all requests are done. A signal or a cancelled task does."""
    if isinstance(stop.reason, Interrupted | Cancelled):
        raise stop.reason
