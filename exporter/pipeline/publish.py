"""How a run ends: the counts are checked, the files written aside and revealed, old snapshots removed, the books
closed.

Until the files are revealed every fault is an error, and nothing is published. From then on the snapshot is there, and
a fault is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import msgspec

from exporter import failpoints
from exporter._version import __version__
from exporter.clock import to_milliseconds
from exporter.errors import DestinationError, Interrupted, NotPublished, NotReconciled, StorageFailed
from exporter.events import Published, Warned, Writing
from exporter.ids.campaign_ids import CampaignIds
from exporter.model import Counts, FileEntry, Seconds, Usage
from exporter.pipeline.incremental import gone
from exporter.pipeline.run import Run
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.destination import NameTaken, Staging, one_line_error
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import next_id
from exporter.snapshot_store.reader import latest_of, read_manifest
from exporter.snapshot_store.retention import apply_retention
from exporter.snapshot_store.writer import SnapshotWriter
from exporter.tables.columns import SCHEMA_VERSION

GONE_TOLD = 5
"""Names of vanished campaigns that a warning holds."""

_BUG = "This is a bug of campaign-export: please report it with this message."


class SnapshotResult(msgspec.Struct, frozen=True):
    """What was published: the manifest, where it is, how many answers were there already, what was removed."""

    manifest: Manifest
    where: str
    reused: int
    removed: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        """Where every ID ended."""
        return self.manifest.counts


def publish(run: Run, ids: CampaignIds) -> SnapshotResult:
    """Write the files aside, prove them, reveal them, remove old snapshots, close the books.

    Raises `NotPublished`, `NotReconciled`, `StorageFailed`; nothing is revealed then.
    """
    began = run.clock.monotonic()
    counts = _count(run)
    _refuse(run, ids, counts)
    run.emit(Writing(counts.ok))
    try:
        staging = _stage(run)
        try:
            manifest = _manifest(run, ids, counts, _write_tables(run, staging), began)
            staging.publish(manifests.dump(manifest))
        except BaseException:
            with suppress(OSError, StorageFailed):
                staging.discard()
            raise
    except OSError as error:
        raise StorageFailed(f"{run.destination.shown}: {one_line_error(error)}. The same command resumes.") from None
    return close(run, manifest, make_durable=staging.make_durable, reused=run.reused)


def close(
    run: Run, manifest: Manifest, *, make_durable: Callable[[], None] = lambda: None, reused: int = 0
) -> SnapshotResult:
    """Tell of a revealed snapshot, remove old ones, forget what the journal held for it.

    The books are closed last: a run that is killed before that is only finished by the next one.
    """
    where = run.destination.where(manifest.snapshot_id)
    run.tell(Published(manifest.snapshot_id, where))
    _or_warn(run, make_durable, "it may not survive a power cut")
    removed: list[str] = []
    _or_warn(run, lambda: removed.extend(_retain(run)), "old snapshots were not removed")
    failpoints.hit("books.before_closing")
    _or_warn(run, lambda: _close_books(run, manifest), "the journal could not be closed; the next run does that")
    return SnapshotResult(manifest, where, reused, tuple(removed))


def _or_warn(run: Run, work: Callable[[], None], otherwise: str) -> None:
    try:
        work()
    except (DestinationError, StorageFailed, OSError) as error:
        run.tell(Warned(f"the snapshot is published, but {otherwise}: {one_line_error(error)}"))


def _count(run: Run) -> Counts:
    counts = run.journal.counts()
    if run.state.base is None:
        return counts
    there = {campaign.campaign_id for campaign in run.journal.listed()}
    there.update(run.journal.fetched_ids())
    vanished = gone(run.destination, run.state.base, there=there.__contains__)
    if vanished:
        shown = ", ".join(vanished[:GONE_TOLD]) + (", …" if len(vanished) > GONE_TOLD else "")
        run.emit(Warned(f"{len(vanished)} campaigns of {run.state.base} are gone: {shown}"))
    return msgspec.structs.replace(counts, gone=len(vanished))


def _refuse(run: Run, ids: CampaignIds, counts: Counts) -> None:
    """Raise where the result must not be published; the journal stays."""
    if not run.journal.wanted_count() == counts.unique == ids.given - ids.repeats:
        raise NotReconciled(
            f"the counts do not add up ({ids.given} given, {ids.repeats} repeats, {counts}), so nothing is "
            f"published. {_BUG}"
        )
    options = run.options
    failed = counts.failed + counts.invalid + (counts.not_found if options.fail_on_missing else 0)
    if options.max_failures.exceeded_by(failed, counts.unique):
        examples = "; ".join(f"{one.campaign_id}: {one.error}" for one in islice(run.journal.failures(), 3))
        raise NotPublished(
            f"not published: {failed:,} of {counts.unique:,} campaigns failed, more than --max-failures "
            f"{options.max_failures} allows. The same command tries only those again.\nFor example: {examples}"
        )
    if options.max_missing.exceeded_by(counts.not_found, counts.unique):
        raise NotPublished(
            f"not published: {counts.not_found:,} of {counts.unique:,} campaigns do not exist, more than "
            f"--max-missing {options.max_missing} allows. Are the IDs of this app, and is KORE_STREAM_ID "
            f"({run.settings.stream_id}) the right one?"
        )
    _refuse_an_emptied_table(run, counts)


def _refuse_an_emptied_table(run: Run, counts: Counts) -> None:
    """Where the list call decides what is wanted, much less than before is more likely the wrong app."""
    base = run.state.base
    if base is None and counts.unique:
        return
    latest = latest_of(run.destination, run.settings.identity) if base is None else None
    before = latest.manifest if latest is not None else read_manifest(run.destination, base) if base else None
    if before is None or not before.counts.ok:
        return
    lost = counts.gone if base is not None else before.counts.ok
    if run.options.max_missing.exceeded_by(lost, before.counts.ok):
        raise NotPublished(
            f"not published: {lost:,} of the {before.counts.ok:,} campaigns of {before.snapshot_id} are gone, more "
            f"than --max-missing {run.options.max_missing} allows. Is KORE_STREAM_ID "
            f"({run.settings.stream_id}) the right one?"
        )


def _stage(run: Run) -> Staging:
    while True:
        try:
            return run.destination.stage(run.state.snapshot_id, run.state.writer)
        except NameTaken:
            run.state.snapshot_id = run.free_id(next_id(run.state.snapshot_id))
            run.remember()


def _write_tables(run: Run, staging: Staging) -> dict[str, FileEntry]:
    with SnapshotWriter(staging, form=run.options.format, excel_safe=run.options.excel_safe) as writer:
        for block in run.journal.responses():
            if isinstance(run.stop.reason, Interrupted):
                raise run.stop.reason
            writer.add(block)
        writer.add_failures(run.journal.failures())
        return writer.close()


def _manifest(run: Run, ids: CampaignIds, counts: Counts, files: dict[str, FileEntry], began: float) -> Manifest:
    state, identity = run.state, run.settings.identity
    usage = state.usage.plus(Usage(seconds=Seconds(total=run.clock.monotonic() - began)))
    written = files["responses.parquet"].rows
    if written != counts.ok:
        raise NotReconciled(f"{counts.ok} answers were counted and {written} written: nothing is published. {_BUG}")
    return Manifest(
        snapshot_id=state.snapshot_id,
        started_at=manifests.iso(state.started_at),
        finished_at=manifests.iso(to_milliseconds(run.clock.now())),
        program_version=__version__,
        schema_version=SCHEMA_VERSION,
        mode=state.mode,
        base_snapshot=state.base,
        api=manifests.Api(identity.host, identity.stream_id, identity.account_id, identity.version),
        ids=manifests.Ids(ids.source, ids.sha256, ids.given, counts.unique, ids.repeats),
        counts=counts,
        requests=usage.requests,
        seconds=usage.seconds,
        files=files,
        warnings=list(state.warnings),
        pacing=manifests.Pacing(
            list(state.limits), [manifests.Pause(manifests.iso(one.at), one.seconds, one.why) for one in state.pauses]
        ),
    )


def _close_books(run: Run, manifest: Manifest) -> None:
    if manifest.counts.failed or manifest.counts.invalid:
        run.state.published_at = to_milliseconds(run.clock.now())
        run.state.usage = Usage()
        run.state.pauses = ()
        run.remember()
    else:
        run.journal.clear()


def _retain(run: Run) -> list[str]:
    """Remove old snapshots; one that cannot go is told, and is no reason to fail."""
    in_use = {run.state.base} if run.state.base is not None else set()
    removed, warnings = apply_retention(
        run.destination,
        run.settings.identity,
        keep=run.options.keep,
        keep_days=run.options.keep_days,
        now=datetime.fromtimestamp(run.clock.now(), UTC),
        in_use=in_use,
    )
    for text in warnings:
        run.tell(Warned(text))
    return removed
