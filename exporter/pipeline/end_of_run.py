"""How a run ends: count, refuse what must not be published, publish, remove old snapshots, close the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import msgspec

from exporter import failpoints
from exporter.errors import DestinationError, ExportError, NotPublished, NotReconciled
from exporter.events import Warned
from exporter.ids.ids_file import CampaignIds
from exporter.journal.run_checkpoint import Incomplete
from exporter.model import Counts, FailureGroup, Usage, group_failures
from exporter.pipeline.incremental import gone, last_full
from exporter.pipeline.publish import Draft, SnapshotResult, publish, warn_of_failure
from exporter.pipeline.run_context import Run
from exporter.pipeline.start import incomplete_in
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.catalog import latest_of, own_snapshots, read_catalog, read_manifest
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.retention import apply_retention
from exporter.units import counted, format_duration

EXAMPLES = 3
"""IDs that are named of each kind of failure."""

BUG = "This is a bug of campaign-export: please report it with this message."

WRONG_CLOCK = 86_400.0
"""Seconds. By a clock that is further ahead every earlier night is old, and this one soon begins in the future."""

GONE_NAMED = 5
"""Names of vanished campaigns that a warning holds."""


def publish_run(run: Run, ids: CampaignIds, reused: int) -> SnapshotResult:
    """Publish what the journal holds. `reused`: how much of it was there before this attempt.

    Raises `NotPublished`, `NotReconciled`, `StoppedEarly`; nothing is published then.
    """
    began = run.clock.monotonic()
    run.check_locks()
    counts = _count(run)
    _refuse_unreconciled(run, ids, counts)
    try:
        _refuse_incomplete(run, counts)
    except NotPublished:
        # It may have been the list that was wrong, for a moment only: the next attempt reads it again. Nor does that
        # one repeat which campaigns were gone.
        run.remember(listed_at=None, warnings=run.checkpoint.warnings)
        raise
    unchanged = _unchanged(run, ids, counts)
    if unchanged is not None:
        return _keep_incomplete(run, unchanged, reused)
    checkpoint, identity = run.checkpoint, run.job.settings.identity
    draft = Draft(
        snapshot_id=checkpoint.snapshot_id,
        responses=run.journal.responses,
        failures=run.journal.failures,
        output_format=run.job.options.format,
        excel_safe=run.job.options.excel_safe,
        started_at=checkpoint.started_at,
        mode=checkpoint.mode,
        base=checkpoint.base,
        api=identity,
        ids=manifests.Ids(ids.source, ids.sha256, ids.given, counts.unique, ids.repeats),
        counts=counts,
        began=began,
        lacking=lambda written: _not_reconciled(run, f"{counts.ok:,} answers were counted and {written:,} written"),
        usage=checkpoint.usage,
        pacing=manifests.Pacing(list(checkpoint.limits), list(run.events.pauses)),
        renamed=lambda snapshot: run.remember(snapshot_id=snapshot),
        writer=checkpoint.writer,
    )
    manifest = publish(draft, run.destination, clock=run.clock, events=run.events, stop=run.stop)
    return finish(run, manifest, reused)


def _refuse_unreconciled(run: Run, ids: CampaignIds, counts: Counts) -> None:
    """Raise `NotReconciled` unless every ID that was given has one outcome, or repeats another."""
    unique = run.journal.wanted_count()
    if not counts.unique == unique == ids.given - ids.repeats:
        raise _not_reconciled(
            run, f"the counts do not add up ({ids.given:,} given, {ids.repeats:,} repeats, {unique:,} wanted, {counts})"
        )


def _not_reconciled(run: Run, text: str) -> NotReconciled:
    """A bug of ours. Raises `StoppedEarly` where another run may have written into the journal: then it is none."""
    run.check_locks()
    return NotReconciled(f"{text}: nothing is published. {BUG}")


def _refuse_incomplete(run: Run, counts: Counts) -> None:
    """Raise `NotPublished` where more failed or is missing than the options allow; the journal stays."""
    options = run.job.options
    failed = options.failures(counts)
    if options.max_failures.exceeded_by(failed, counts.unique):
        shown = islice(run.journal.failures(), EXAMPLES)
        examples = "; ".join(f"{failure.campaign_id}: {failure.error}" for failure in shown)
        raise NotPublished(
            f"not published: {failed:,} of {counts.unique:,} campaigns failed, more than --max-failures "
            f"{options.max_failures} allows. The same command tries only those again.\nFor example: {examples}"
        )
    if options.max_missing.exceeded_by(counts.not_found, counts.unique):
        raise NotPublished(
            f"not published: {counts.not_found:,} of {counts.unique:,} campaigns do not exist, more than "
            f"--max-missing {options.max_missing} allows. Are the IDs of this app, and is KORE_STREAM_ID "
            f"({run.job.settings.stream_id}) the right one? With --fresh they are asked for again."
        )
    _refuse_emptied_table(run, counts)


def _refuse_emptied_table(run: Run, counts: Counts) -> None:
    """Where the list call decides what is wanted, much less than before is more likely the wrong app, or a list that
    fails. A command that is incremental on most nights is as careful on that of its full run."""
    base = run.checkpoint.base
    if base is None and run.job.ids is not None:
        return
    latest = latest_of(run.destination, run.job.settings.identity, run.clock.now()) if base is None else None
    before = latest.manifest if latest is not None else read_manifest(run.destination, base) if base else None
    if before is None or not before.counts.ok:
        return
    lost = counts.gone if base is not None else _lost_since(run, before, counts)
    if not run.job.options.max_missing.exceeded_by(lost, before.counts.ok):
        return
    fewer = f"{lost:,} of the {before.counts.ok:,} campaigns of {before.snapshot_id} are gone"
    if counts.unique and not run.job.options.incremental:
        run.emit(Warned(f"{fewer}: the list call no longer shows them"))
        return
    raise NotPublished(
        f"not published: {fewer}, more than --max-missing {run.job.options.max_missing} allows. Is KORE_STREAM_ID "
        f"({run.job.settings.stream_id}) the right one?"
    )


def _lost_since(run: Run, before: Manifest, counts: Counts) -> int:
    """How many campaigns of an earlier snapshot are gone; only those of types that are asked for are looked for, and
    only where there are much fewer now. A snapshot whose responses are damaged holds up no full run."""
    fewer = max(before.counts.ok - counts.unique, 0)
    if not counts.unique or not run.job.options.max_missing.exceeded_by(fewer, before.counts.ok):
        return fewer
    try:
        return len(_gone(run, before.snapshot_id))
    except DestinationError as error:
        run.emit(Warned(f"what is gone since {before.snapshot_id} is not known: {error}"))
        return 0


def finish(run: Run, manifest: Manifest, reused: int) -> SnapshotResult:
    """After publishing: remove old snapshots, close the journal. A run that is killed before only lacks this."""
    failures = warn_of_failure(lambda: _failures(run), "its failures cannot be named", emit=run.emit) or ()
    removed = _remove_old(run, manifest)
    incomplete = incomplete_in(manifest, run.job.options)
    closing = "the journal could not be closed; the next run does that"
    warn_of_failure(lambda: _close_journal(run, incomplete), closing, emit=run.emit)
    where = run.destination.where(manifest.snapshot_id)
    return SnapshotResult(manifest, where, reused, removed, failures, complete=incomplete is None)


def finish_earlier(run: Run, manifest: Manifest) -> None:
    """What a run lacks that was killed after publishing `manifest`, so that this one can begin.

    Raises `StorageFailed` and `StoppedEarly` where its journal cannot be closed: nothing of this run is lost then.
    """
    _remove_old(run, manifest)
    _close_journal(run, incomplete_in(manifest, run.job.options))


def _remove_old(run: Run, manifest: Manifest) -> tuple[str, ...]:
    removed = warn_of_failure(lambda: _retain(run, manifest), "old snapshots were not removed", emit=run.emit)
    failpoints.hit("publish.before_journal_closed")
    return tuple(removed or ())


def _failures(run: Run) -> tuple[FailureGroup, ...]:
    failures = ((failure.campaign_id, failure.outcome, failure.error) for failure in run.journal.failures())
    return group_failures(failures, examples=EXAMPLES)


def _count(run: Run) -> Counts:
    counts = run.journal.counts()
    base = run.checkpoint.base
    if base is None:
        return counts
    vanished = _gone(run, base)
    if vanished:
        shown = ", ".join(vanished[:GONE_NAMED]) + (", …" if len(vanished) > GONE_NAMED else "")
        run.emit(Warned(f"{counted(len(vanished), 'campaign')} of {base} gone: {shown}"))
    return msgspec.structs.replace(counts, gone=len(vanished))


def _gone(run: Run, earlier: str) -> list[str]:
    """The campaigns of an earlier snapshot that are not there any more. Raises `DestinationError`."""
    there = {campaign.campaign_id for campaign in run.journal.listed()}
    there.update(run.journal.fetched_ids())
    missing: set[str] = set()
    for failure in run.journal.failures():
        # Of one that failed it is not known whether there is such a campaign.
        (missing if failure.outcome == "not_found" else there).add(failure.campaign_id)
    return gone(run.destination, earlier, there=there, missing=missing, listed_types=run.checkpoint.listed_types)


def _unchanged(run: Run, ids: CampaignIds, counts: Counts) -> Manifest | None:
    """The manifest of the incomplete snapshot that this attempt could not improve; None: there is something new.

    Where nothing failed by the options of this attempt (--fail-on-missing is dropped), it is complete now.
    """
    incomplete = run.checkpoint.incomplete
    if incomplete is None or not run.job.options.failures(counts):
        return None
    if run.journal.new_answers(since=incomplete.published_at):
        return None
    try:
        manifest = read_manifest(run.destination, incomplete.snapshot_id)
    except DestinationError:  # damaged, or somebody has removed it
        return None
    before = manifest.counts
    same_ids = (ids.sha256, counts.unique) == (manifest.ids.sha256, before.unique)
    same_outcomes = (counts.ok, counts.not_found) == (before.ok, before.not_found)
    return manifest if same_ids and same_outcomes else None


def _keep_incomplete(run: Run, manifest: Manifest, reused: int) -> SnapshotResult:
    run.remember(snapshot_id=manifest.snapshot_id, usage=Usage())
    where = run.destination.where(manifest.snapshot_id)
    run.emit(Warned(f"the failed campaigns failed again: nothing new is published, {where} stays as it is"))
    return SnapshotResult(manifest, where, reused, (), _failures(run), complete=False, published=False)


def _retain(run: Run, manifest: Manifest) -> list[str]:
    """Remove the incomplete snapshot that this one replaces, then what --keep and --keep-days do not keep."""
    removed: list[str] = []
    incomplete, base = run.checkpoint.incomplete, run.checkpoint.base
    if incomplete is not None and incomplete.snapshot_id not in (manifest.snapshot_id, base):
        removed.extend(_replace(run, incomplete.snapshot_id))
    if run.job.options.keep is None and run.job.options.keep_days is None:
        return removed
    if run.checkpoint.clock_ahead > WRONG_CLOCK:
        ahead = format_duration(run.checkpoint.clock_ahead)
        run.emit(Warned(f"no old snapshot is removed: this machine's clock is {ahead} ahead of the service's"))
        return removed
    in_use = {base} if base is not None else set()
    catalog = read_catalog(run.destination)
    if run.job.options.full_every is not None:
        full = last_full(own_snapshots(catalog.snapshots, run.job.settings.identity, run.clock.now()))
        in_use |= {full.snapshot_id} if full is not None else set()
    old, warnings = apply_retention(
        run.destination,
        catalog,
        run.job.settings.identity,
        published=manifest.snapshot_id,
        keep=run.job.options.keep,
        keep_days=run.job.options.keep_days,
        now=datetime.fromtimestamp(run.clock.now(), UTC),
        in_use=in_use,
    )
    for text in warnings:
        run.emit(Warned(text))
    return [*removed, *old]


def _replace(run: Run, snapshot: str) -> list[str]:
    destination = run.destination
    try:
        if not destination.has_manifest(snapshot):
            return []
        if destination.removable(snapshot):
            destination.remove(snapshot)
            return [snapshot]
        reason = "it holds files that are not ours"
    except ExportError as error:
        reason = str(error)
    run.emit(Warned(f"{destination.where(snapshot)} is replaced, but not removed: {reason}"))
    return []


def _close_journal(run: Run, incomplete: Incomplete | None) -> None:
    run.check_locks()
    if incomplete is None:
        run.journal.clear()
    else:
        run.remember(snapshot_id=incomplete.snapshot_id, incomplete=incomplete, usage=Usage(), pauses=(), warnings=())
