"""When a result must not be published: too much failed, too much is missing, or the counts do not add up."""

from __future__ import annotations

from itertools import islice

from exporter.errors import NotPublished, NotReconciled
from exporter.ids.ids_file import CampaignIds
from exporter.model import Counts
from exporter.pipeline.run_context import Run
from exporter.snapshot_store.catalog import latest_of, read_manifest

BUG = "This is a bug of campaign-export: please report it with this message."


def refuse_unreconciled(ids: CampaignIds, counts: Counts, unique: int) -> None:
    """Raise `NotReconciled` unless every ID that was given has one outcome, or repeats another."""
    if not counts.unique == unique == ids.given - ids.repeats:
        raise NotReconciled(
            f"the counts do not add up ({ids.given:,} given, {ids.repeats:,} repeats, {unique:,} wanted, {counts}), so "
            f"nothing is published. {BUG}"
        )


def refuse_incomplete(run: Run, counts: Counts) -> None:
    """Raise `NotPublished` where more failed or is missing than the options allow; the journal stays."""
    options = run.job.options
    failed = options.failures(counts)
    if options.max_failures.exceeded_by(failed, counts.unique):
        examples = "; ".join(f"{failure.campaign_id}: {failure.error}" for failure in islice(run.journal.failures(), 3))
        raise NotPublished(
            f"not published: {failed:,} of {counts.unique:,} campaigns failed, more than --max-failures "
            f"{options.max_failures} allows. The same command tries only those again.\nFor example: {examples}"
        )
    if options.max_missing.exceeded_by(counts.not_found, counts.unique):
        raise NotPublished(
            f"not published: {counts.not_found:,} of {counts.unique:,} campaigns do not exist, more than "
            f"--max-missing {options.max_missing} allows. Are the IDs of this app, and is KORE_STREAM_ID "
            f"({run.job.settings.stream_id}) the right one?"
        )
    _refuse_emptied_table(run, counts)


def _refuse_emptied_table(run: Run, counts: Counts) -> None:
    """Where the list call decides what is wanted, much less than before is more likely the wrong app."""
    base = run.checkpoint.base
    if base is None and counts.unique:
        return
    latest = latest_of(run.destination, run.job.settings.identity, run.clock.now()) if base is None else None
    before = latest.manifest if latest is not None else read_manifest(run.destination, base) if base else None
    if before is None or not before.counts.ok:
        return
    lost = counts.gone if base is not None else before.counts.ok
    if run.job.options.max_missing.exceeded_by(lost, before.counts.ok):
        raise NotPublished(
            f"not published: {lost:,} of the {before.counts.ok:,} campaigns of {before.snapshot_id} are gone, more "
            f"than --max-missing {run.job.options.max_missing} allows. Is KORE_STREAM_ID "
            f"({run.job.settings.stream_id}) the right one?"
        )
