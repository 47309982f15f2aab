"""What a snapshot would cost: the same decision as a run's, without a request and without writing anything."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from exporter.events import Emit, Warned
from exporter.fetch.paging import expected_requests
from exporter.ids.ids_file import CampaignIds
from exporter.journal.journal import Journal
from exporter.options import FetchOptions, Locations, SnapshotOptions, types_of
from exporter.pipeline.incremental import expected_changes
from exporter.pipeline.snapshot import needs_list
from exporter.pipeline.start import Finish, Fresh, Resume, decide, read_situation
from exporter.pipeline.workplace import find_workplace
from exporter.ratelimit.estimate import seconds_for, shared
from exporter.settings import Settings
from exporter.snapshot_store.catalog import list_snapshots, own_snapshots
from exporter.snapshot_store.manifest import Manifest
from exporter.units import Limit, parse_rate


class Plan(msgspec.Struct, frozen=True):
    """What a run with the same options would do.

    `wanted`: campaigns; None: nobody knows before the list call. `basis`: the snapshot from which `wanted` is taken,
    where no IDs are given. `base`: that of an incremental run. `changes`: campaigns that such a run fetches, if as
    many changed as before the last one; None: no run has told. `full_requests`: what a full run would send.
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


def make_plan(
    ids: CampaignIds | None,
    *,
    settings: Settings,
    locations: Locations,
    fetch: FetchOptions,
    options: SnapshotOptions,
    now: float,
    emit: Emit,
) -> Plan:
    """Look at the destination and the journal. Raises `InputError`."""
    lists = needs_list(ids, options)
    for warning in ids.warnings if ids is not None else ():
        emit(Warned(warning))
    place = find_workplace(locations)
    with ExitStack() as held:
        journal = Journal.look(place.work_dir, settings.identity, emit=emit)
        if journal is not None:
            held.callback(journal.close)
        checkpoint = journal.checkpoint() if journal is not None else None
        situation = read_situation(checkpoint, journal, place.destination, settings.identity, ids, options, now)
        decision = decide(checkpoint, situation, options, now)
    own = situation.own
    if lists and not own:
        own = tuple(own_snapshots(list_snapshots(place.destination), settings.identity, now))
    latest = own[-1] if own else None
    known = latest.manifest.counts.ok if latest is not None else None
    wanted = len(ids.ids) if ids is not None else known
    reusable = 0 if options.fresh else situation.reusable
    to_fetch = full = max((wanted or 0) - reusable, 0)
    if isinstance(decision, Finish) and decision.is_this_run:
        to_fetch = full = 0
        reusable = wanted or 0
    pages = _list_requests(decision, known if known is not None else wanted or 0, fetch, options) if lists else 0
    base = changes = None
    if isinstance(decision, Fresh | Resume) and decision.bases.candidates:
        base = decision.bases.candidates[0].snapshot_id
        changes = expected_changes(own)
        to_fetch = min(to_fetch, changes) if changes is not None else to_fetch
    limits = shared(fetch.rates, fetch.rate_share)
    full_requests = full + (pages if ids is None or options.list_pass == "always" else 0)
    return Plan(
        wanted=wanted,
        repeats=ids.repeats if ids is not None else 0,
        basis=latest.snapshot_id if ids is None and latest is not None else None,
        already_fetched=reusable,
        list_requests=pages,
        requests=to_fetch + pages,
        seconds=seconds_for(to_fetch + pages, limits, pace=fetch.pace),
        limits=limits,
        base=base,
        changes=changes,
        full_requests=full_requests,
        full_seconds=seconds_for(full_requests, limits, pace=fetch.pace),
    )


def savings(manifest: Manifest) -> tuple[int, float]:
    """Requests and seconds that an incremental run saved against a full one."""
    asked_by_list = manifest.ids.source.startswith("list:")
    requests = manifest.counts.carried_over - (0 if asked_by_list else manifest.requests.list)
    if requests <= 0 or isinstance(manifest.pacing, msgspec.UnsetType):
        return 0, 0.0
    limits = [parse_rate(limit) for limit in manifest.pacing.limits]
    sent = manifest.requests.total
    return requests, seconds_for(sent + requests, limits) - seconds_for(sent, limits)


def _list_requests(decision: Fresh | Resume | Finish, known: int, fetch: FetchOptions, options: SnapshotOptions) -> int:
    if isinstance(decision, Finish):
        return 0 if decision.is_this_run else expected_requests(known, fetch.page_size)
    checkpoint = decision.checkpoint
    if (
        isinstance(decision, Resume)
        and decision.keep_list
        and checkpoint.listed_types == types_of(options.campaign_type)
    ):
        return 0
    # The API has no type for all: a pass for each, and each can end in a page that is not full.
    return expected_requests(known, fetch.page_size) + len(types_of(options.campaign_type)) - 1
