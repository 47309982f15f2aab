"""How a run begins: finished for one that was killed, taken up where it was interrupted, or anew."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from exporter.clock import to_milliseconds
from exporter.events import Warned
from exporter.ids.campaign_ids import CampaignIds
from exporter.journal import checkpoint as run_state
from exporter.journal.checkpoint import Checkpoint
from exporter.journal.journal import Journal
from exporter.model import Identity
from exporter.pipeline.incremental import choose_base
from exporter.pipeline.publish import SnapshotResult, close
from exporter.pipeline.run import Run
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.names import snapshot_id
from exporter.snapshot_store.reader import belongs_to, read_manifest

REUSE_AFTER_PUBLISHING = 12 * 3600.0
"""Seconds. What a published run fetched is used again only that long, to complete a snapshot with failures.
Without this bound a nightly run would find last night's answers just young enough, and publish them again."""


def finish_interrupted_publishing(run: Run, ids: CampaignIds | None) -> SnapshotResult | None:
    """The result of a run that was killed between revealing its snapshot and closing its books; None: there is none.

    Its books are closed here. Only the same command, run again soon, gets that result; any other begins anew.
    """
    state = run_state.load(run.journal)
    if state is None or state.published_at is not None:
        run.destination.clean_up()
        return None
    if not run.destination.has_manifest(state.snapshot_id):
        run.destination.clean_up(own=state.snapshot_id, writer=state.writer)
        return None
    manifest = read_manifest(run.destination, state.snapshot_id)
    run.destination.clean_up(own=state.snapshot_id, writer=state.writer)
    if not belongs_to(manifest, run.settings.identity) or manifest.started_at != manifests.iso(state.started_at):
        return None
    run.state = state
    another = ids is not None and ids.sha256 != manifest.ids.sha256
    age = to_milliseconds(run.clock.now()) - manifests.milliseconds(manifest.finished_at)
    if run.options.fresh or another or age > to_milliseconds(REUSE_AFTER_PUBLISHING):
        close(run, manifest)
        return None
    run.emit(Warned(f"the run before had published {state.snapshot_id} when it was ended; nothing was left to do"))
    return close(run, manifest, reused=manifest.counts.ok)


def _reused_within(before: Checkpoint | None, resume_within: float) -> float:
    """Seconds for which what is in the journal is used again."""
    published = before is not None and before.published_at is not None
    return min(resume_within, REUSE_AFTER_PUBLISHING) if published else resume_within


def already_fetched(work_dir: Path, identity: Identity, ids: Iterable[str], *, resume_within: float, now: float) -> int:
    """How many of `ids` a run that began at `now` (seconds since 1970) would not ask for again. Only looks."""
    journal = Journal.look(work_dir, identity)
    if journal is None:
        return 0
    with closing(journal):
        within = _reused_within(run_state.load(journal), resume_within)
        return len(journal.fetched_since(to_milliseconds(now - within)).intersection(ids))


def begin(run: Run) -> None:
    """Take up the run that was interrupted, or begin a new one."""
    now = run.clock.now()
    before = run_state.load(run.journal)
    if run.options.fresh:
        run.journal.clear()
        before = None
    within = _reused_within(before, run.options.resume_within)
    run.journal.forget_older(to_milliseconds(now - within))
    listed_at = before.listed_at if before is not None else None
    if listed_at is not None and listed_at < to_milliseconds(now - within):
        # Answers older than the list pass that judges them could be taken for newer than they are.
        run.journal.clear()
        before, listed_at = None, None
    if listed_at is not None and not run.journal.list_is_sound():
        listed_at = None
        if before is not None:
            before.listed_at = None
    run.resumed = before is not None and before.published_at is None
    if before is not None and run.resumed:
        run.state = before
        run.state.warnings = ()
    else:
        run.state = Checkpoint(run.free_id(snapshot_id(now)), to_milliseconds(now), listed_at=listed_at)
        if before is not None:
            run.state.listed_types = before.listed_types
    if run.destination.has_manifest(run.state.snapshot_id):
        run.state.snapshot_id = run.free_id(run.state.snapshot_id)
    if before is not None:
        _drop_damaged(run)
    _choose_mode(run, now)
    run.remember()


def _drop_damaged(run: Run) -> None:
    damaged = run.journal.drop_damaged()
    if damaged:
        shown = ", ".join(damaged[:3]) + (", …" if len(damaged) > 3 else "")
        run.emit(
            Warned(
                f"{len(damaged):,} answers in the journal were damaged and are dropped: {shown}. Check the disk; "
                "they are fetched again"
            )
        )


def _choose_mode(run: Run, now: float) -> None:
    state = run.state
    kept = state.base if run.resumed and state.mode == "incremental" else None
    if not run.options.incremental:
        state.mode, state.base = "full", None
    elif kept is None or not run.destination.has_manifest(kept):
        base = choose_base(
            run.destination, run.settings.identity, full_every=run.options.full_every, now=now, emit=run.emit
        )
        state.mode = "full" if base is None else "incremental"
        state.base = base.snapshot_id if base is not None else None
    run.journal.forget_carried(state.base)
