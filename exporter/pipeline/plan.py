"""What a snapshot would cost: the same decision as a run's, without a request and without changing anything.

Beside a journal that is there SQLite may leave files of its own (`-wal`, `-shm`), as every reader of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from exporter.events import Emit
from exporter.fetch.paging import expected_requests
from exporter.journal.journal import Journal
from exporter.options import types_of
from exporter.pipeline.destination_and_work_dir import find_workplace
from exporter.pipeline.incremental import expected_changes
from exporter.pipeline.job_description import BY_LIST, ExportJob
from exporter.pipeline.start import Finish, Fresh, Resume, decide, incomplete_in, read_situation
from exporter.ratelimit.estimate import seconds_for, shared
from exporter.snapshot_store.catalog import SnapshotInfo, list_snapshots, own_snapshots
from exporter.snapshot_store.manifest import Manifest
from exporter.units import Limit, parse_rate


class Plan(msgspec.Struct, frozen=True):
    """What a run with the same options would do.

    `wanted`: campaigns; None: nobody knows before the list call. `basis`: the snapshot from which `wanted` is taken,
    where no IDs are given. `base`: that of an incremental run. `changes`: campaigns that such a run fetches, if as
    many changed as before the last one; None: there was no such run. `full_requests`: what a full run would send.
    """

    wanted: int | None
    repeats: int
    basis: str | None
    already_fetched: int
    list_requests: int
    requests: int
    seconds: float
    limits: tuple[Limit, ...]
    base: str | None = None
    changes: int | None = None
    full_requests: int = 0
    full_seconds: float = 0.0


def make_plan(job: ExportJob, *, now: float, emit: Emit) -> Plan:
    """Look at the destination and the journal. Raises `InputError`."""
    needs_list = job.needs_list()
    job.warn_of_ids(emit)
    known = _look(job, now, needs_list=needs_list, emit=emit)
    ids, fetch = job.ids, job.fetch
    missing = max((known.wanted or 0) - known.already_fetched, 0)
    pages = _list_requests(known, job) if needs_list else 0
    base = known.bases[0].snapshot_id if known.bases else None
    changes = expected_changes(known.own) if base is not None else None
    requests = pages + (missing if changes is None else min(missing, changes))
    full_requests = missing + (pages if ids is None or job.options.list_pass == "always" else 0)
    limits = shared(fetch.rates, fetch.rate_share)
    return Plan(
        wanted=known.wanted,
        repeats=ids.repeats if ids is not None else 0,
        basis=known.own[-1].snapshot_id if ids is None and known.own else None,
        already_fetched=known.already_fetched,
        list_requests=pages,
        requests=requests,
        seconds=seconds_for(requests, limits, pace=fetch.pace),
        limits=limits,
        base=base,
        changes=changes,
        full_requests=full_requests,
        full_seconds=seconds_for(full_requests, limits, pace=fetch.pace),
    )


class _Known(msgspec.Struct, frozen=True):
    """What is known without a request. `decision`: `Finish` where nothing else is left to do. `own`: the account's
    snapshots, oldest first, where a plan needs them. `campaigns`: how many there were in the latest one."""

    decision: Fresh | Resume | Finish
    own: Sequence[SnapshotInfo]
    campaigns: int | None
    wanted: int | None
    already_fetched: int

    @property
    def bases(self) -> tuple[SnapshotInfo, ...]:
        return () if isinstance(self.decision, Finish) else self.decision.bases.candidates


def _look(job: ExportJob, now: float, *, needs_list: bool, emit: Emit) -> _Known:
    """Look at destination and journal, and decide as a run would."""
    place, identity = find_workplace(job.locations), job.settings.identity
    with ExitStack() as held:
        journal = Journal.look(place.work_dir, identity, emit=emit)
        if journal is not None:
            held.callback(journal.close)
        checkpoint = journal.checkpoint() if journal is not None else None
        while True:
            situation = read_situation(job, checkpoint, journal, place.destination, now)
            decision = decide(checkpoint, situation, job.options, now)
            if not isinstance(decision, Finish) or decision.is_this_run:
                break
            # The run closes the journal, and decides again.
            incomplete = incomplete_in(decision.manifest, job.options)
            if incomplete is None:
                checkpoint = journal = None
            else:
                checkpoint = msgspec.structs.replace(decision.checkpoint, incomplete=incomplete)
    own: Sequence[SnapshotInfo] = situation.own
    if needs_list and not job.options.incremental:
        own = own_snapshots(list_snapshots(place.destination), identity, now)
    campaigns = own[-1].manifest.counts.ok if own else None
    wanted = len(job.ids.ids) if job.ids is not None else campaigns
    already_fetched = (wanted or 0) if isinstance(decision, Finish) else situation.reusable
    return _Known(decision, own, campaigns, wanted, already_fetched)


def savings(manifest: Manifest) -> tuple[int, float]:
    """Requests and seconds that an incremental run saved against a full one."""
    asked_by_list = manifest.ids.source.startswith(BY_LIST)
    requests = manifest.counts.carried_over - (0 if asked_by_list else manifest.requests.list)
    if requests <= 0 or isinstance(manifest.pacing, msgspec.UnsetType):
        return 0, 0.0
    limits = [parse_rate(limit) for limit in manifest.pacing.limits]
    sent = manifest.requests.total
    return requests, seconds_for(sent + requests, limits) - seconds_for(sent, limits)


def _list_requests(known: _Known, job: ExportJob) -> int:
    decision, types = known.decision, types_of(job.options.campaign_type)
    campaigns = known.campaigns if known.campaigns is not None else known.wanted or 0
    if isinstance(decision, Finish):
        return 0
    if isinstance(decision, Resume) and decision.keep_list and decision.checkpoint.listed_types == types:
        return 0
    # The API has no type for all: a pass for each, and each can end in a page that is not full.
    return expected_requests(campaigns, job.fetch.page_size) + len(types) - 1
