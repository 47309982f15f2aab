"""How a run begins: decide (pure, and what `plan` asks too), then do.

Finish   an attempt was killed between publishing and closing the journal: only the closing is left
Resume   an interrupted attempt goes on, or the failed campaigns of a published snapshot are tried again
Fresh    a new run, which may still use young answers
"""

from __future__ import annotations

import hashlib

import msgspec

from exporter.clock import to_milliseconds
from exporter.errors import DestinationError
from exporter.events import Emit, Warned
from exporter.ids.ids_file import CampaignIds
from exporter.journal.journal import Journal
from exporter.journal.run_checkpoint import Checkpoint, Incomplete
from exporter.model import Identity
from exporter.options import SnapshotOptions
from exporter.pipeline.incremental import Bases, choose_bases, newest_sound
from exporter.pipeline.job_description import BY_LIST, ExportJob
from exporter.pipeline.run_context import Run
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.catalog import (
    Catalog,
    DamagedSnapshot,
    SnapshotInfo,
    own_snapshots,
    read_catalog,
    read_manifest,
)
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import free_id, is_misdated, misdated_notices, snapshot_id

RETRY_WITHIN = 12 * 3600.0
"""Seconds after publishing a snapshot with failed campaigns in which the same command completes it. Without a bound
a nightly run would find last night's answers just young enough, and publish them again."""


NOTHING = 2**62
"""A time that no outcome reaches."""


class Situation(msgspec.Struct, frozen=True):
    """What a decision is based on, beside the checkpoint.

    `request`: a hash of what is asked for now. `reusable`: outcomes in the journal that are young enough. `folders`:
    IDs that are taken in the destination. `manifest`: of the checkpoint's snapshot, where it is published and ours.
    `incomplete_is_there`: whether the snapshot with failed campaigns still is. `own`: this account's snapshots, oldest
    first, and `damaged` ones, of any account; only needed for an incremental run.
    """

    request: str
    reusable: int = 0
    folders: frozenset[str] = frozenset()
    manifest: Manifest | None = None
    incomplete_is_there: bool = False
    own: tuple[SnapshotInfo, ...] = ()
    damaged: tuple[DamagedSnapshot, ...] = ()


class Finish(msgspec.Struct, frozen=True):
    """Close the journal of the run that published `manifest`. `is_this_run`: and that is all; else decide again."""

    checkpoint: Checkpoint
    manifest: Manifest
    is_this_run: bool


class Resume(msgspec.Struct, frozen=True):
    """Go on. What was journaled before `reuse_since` is forgotten; `keep_list`: the list pass need not be repeated."""

    checkpoint: Checkpoint
    reuse_since: int
    keep_list: bool
    bases: Bases


class Fresh(msgspec.Struct, frozen=True):
    """Begin. What was journaled before `reuse_since` is forgotten."""

    checkpoint: Checkpoint
    reuse_since: int
    bases: Bases


def reuse_since(checkpoint: Checkpoint | None, options: SnapshotOptions, now: float) -> int:
    """From when on (milliseconds since 1970) outcomes in the journal are used again; each is judged by its own age.

    Of a run under a wrong clock no age is known. Of one that was published too long ago for being completed only what
    an attempt at that has fetched since.
    """
    since = to_milliseconds(now - options.resume_within)
    if options.fresh or (checkpoint is not None and is_misdated(checkpoint.snapshot_id, now)):
        return NOTHING
    if checkpoint is None or checkpoint.incomplete is None or not _is_late(checkpoint.incomplete.published_at, now):
        return since
    return NOTHING if checkpoint.is_published else max(since, checkpoint.incomplete.published_at)


def _is_late(published_at: int, now: float) -> bool:
    """Whether it is too late to complete what was published."""
    return to_milliseconds(now) - published_at > to_milliseconds(RETRY_WITHIN)


def decide(
    checkpoint: Checkpoint | None, situation: Situation, options: SnapshotOptions, now: float
) -> Fresh | Resume | Finish:
    """What to do, from what is known before the first request."""
    since = reuse_since(checkpoint, options, now)
    new = Checkpoint(free_id(snapshot_id(now), situation.folders), to_milliseconds(now), situation.request)
    if checkpoint is None:
        return Fresh(new, since, choose_bases(situation.own, situation.damaged, options, now, earlier=None))
    same = checkpoint.request == situation.request and not options.fresh
    goes_on = same and since != NOTHING
    if situation.manifest is not None and not checkpoint.is_published:
        finished_at = manifests.milliseconds(situation.manifest.finished_at)
        return Finish(checkpoint, situation.manifest, is_this_run=goes_on and not _is_late(finished_at, now))
    there = checkpoint.incomplete if situation.incomplete_is_there else None
    # Where it is too late it stays, beside what the attempt at completing it becomes.
    retries = goes_on and there is not None and not _is_late(there.published_at, now)
    incomplete = there if retries else None
    earlier = None
    if retries or (goes_on and not checkpoint.is_published):
        earlier = msgspec.structs.replace(checkpoint, incomplete=incomplete)
    bases = choose_bases(situation.own, situation.damaged, options, now, earlier=earlier)
    new = msgspec.structs.replace(new, incomplete=incomplete)
    if checkpoint.is_published:
        return Resume(new, since, keep_list=False, bases=bases) if retries else Fresh(new, since, bases)
    keep_list = _keeps_list(checkpoint, since)
    if options.fresh or not (situation.reusable or keep_list):
        return Fresh(new, since, bases)
    resumed = msgspec.structs.replace(
        checkpoint,
        snapshot_id=free_id(checkpoint.snapshot_id, situation.folders),
        request=situation.request,
        incomplete=incomplete,
        listed_at=checkpoint.listed_at if keep_list else None,
    )
    return Resume(resumed, since, keep_list, bases)


def _keeps_list(checkpoint: Checkpoint, since: int) -> bool:
    return checkpoint.listed_at is not None and checkpoint.listed_at >= since


def incomplete_in(manifest: Manifest, options: SnapshotOptions) -> Incomplete | None:
    """What the journal keeps of a published run, so that the next one tries the failed campaigns; None: nothing."""
    if options.failures(manifest.counts) == 0:
        return None
    # Not now: after a kill this is made up for by the next run, which may be that of the next night.
    return Incomplete(manifest.snapshot_id, manifests.milliseconds(manifest.finished_at))


def request_of(ids: CampaignIds | None, options: SnapshotOptions) -> str:
    """A hash of what decides what the snapshot holds: the same command has the same."""
    asked = (
        BY_LIST + options.campaign_type if ids is None else ids.sha256,
        options.list_pass,
        options.incremental,
        options.format,
        options.excel_safe,
    )
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def read_situation(
    job: ExportJob, checkpoint: Checkpoint | None, journal: Journal | None, destination: Destination, now: float
) -> Situation:
    """Look at journal and destination; changes nothing. Raises `DestinationError`, `StorageFailed`."""
    ids, options, identity = job.ids, job.options, job.settings.identity
    since = reuse_since(checkpoint, options, now)
    reusable = 0
    if journal is not None:
        asked = ids.each() if ids is not None else None
        # An interrupted attempt whose list pass is made again carries over again.
        carried = checkpoint is None or checkpoint.is_published or _keeps_list(checkpoint, since)
        reusable = journal.reusable_count(
            asked, since=since, keep_not_found=not options.fail_on_missing, carried=carried
        )
    published = _published(destination, checkpoint, identity)
    incomplete = checkpoint.incomplete if checkpoint is not None else None
    catalog = read_catalog(destination) if options.incremental else Catalog((), ())
    return Situation(
        request=request_of(ids, options),
        reusable=reusable,
        folders=frozenset(destination.folder_ids()),
        manifest=published,
        incomplete_is_there=incomplete is not None and destination.has_manifest(incomplete.snapshot_id),
        own=tuple(own_snapshots(catalog.snapshots, identity, now)),
        damaged=catalog.damaged,
    )


def _published(destination: Destination, checkpoint: Checkpoint | None, identity: Identity) -> Manifest | None:
    """The manifest of the checkpoint's run, where it was published."""
    if checkpoint is None or not destination.has_manifest(checkpoint.snapshot_id):
        return None
    try:
        manifest = read_manifest(destination, checkpoint.snapshot_id)
    except DestinationError:
        return None  # damaged, or not ours: the run gets another ID
    ours = manifest.api == identity and manifest.started_at == manifests.iso(checkpoint.started_at)
    return manifest if ours else None


def clean_up(destination: Destination, checkpoint: Checkpoint | None, *, emit: Emit) -> None:
    """Remove what crashed runs left in the destination. Called under the lock."""
    if checkpoint is None or checkpoint.is_published:
        problems = destination.clean_up()
    else:
        problems = destination.clean_up(own=checkpoint.snapshot_id, writer=checkpoint.writer)
    for problem in problems:
        emit(Warned(problem))


def warn_of_misdated(destination: Destination, *, now: float, emit: Emit) -> None:
    """Say which snapshots were made under a wrong clock."""
    misdated = [
        destination.where(snapshot)
        for snapshot in destination.folder_ids()
        if is_misdated(snapshot, now) and destination.has_manifest(snapshot)
    ]
    for notice in misdated_notices(misdated):
        emit(Warned(notice))


def begin(run: Run, decision: Fresh | Resume) -> None:
    """Do what was decided: forget what is not used again, choose the base, remember the run. Raises `StorageFailed`."""
    options, journal = run.job.options, run.journal
    if options.fresh:
        journal.clear()
    journal.forget_older(decision.reuse_since, keep_not_found=not options.fail_on_missing)
    keep_list = isinstance(decision, Resume) and decision.keep_list
    if not (keep_list or run.job.needs_list()):
        # Where one is made, the earlier list stays until then: it proves which answers are still true.
        journal.forget_list()
    for text in decision.bases.notes:
        run.emit(Warned(text))
    base = newest_sound(run.destination, decision.bases, emit=run.emit)
    # What is carried over is proven by the list pass: with another one, it is carried again.
    journal.forget_carried(but_from=base if keep_list else None)
    run.events.resume(run.checkpoint.warnings, run.checkpoint.pauses)
    run.remember(mode="full" if base is None else "incremental", base=base)
