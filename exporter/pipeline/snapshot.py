"""The main job: from campaign IDs to a published snapshot, top to bottom.

    wanted IDs -> journal (what is there already?) -> pool -> journal -> rows and files -> publish

Everything before the journal can be lost without harm, nothing after it is asked again. Rows are made from the
journal alone, never from the live request.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import ExitStack

import pyarrow as pa

from exporter import failpoints
from exporter.clock import Clock, to_milliseconds
from exporter.errors import InputError
from exporter.events import Emit, Event, RunStarted, Settled, Warned
from exporter.fetch.engine import Engine, open_engine
from exporter.fetch.list_pass import ListPass
from exporter.ids.campaign_ids import CampaignIds
from exporter.journal.batch_writer import BatchWriter
from exporter.model import CampaignResponse, CampaignType, Failure, ListedCampaign
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.pipeline.incremental import carried, is_unchanged
from exporter.pipeline.publish import SnapshotResult, publish
from exporter.pipeline.run import Run
from exporter.pipeline.start import begin, finish_interrupted_publishing
from exporter.settings import Settings
from exporter.stop import Stop


async def take_snapshot(
    ids: CampaignIds | None,
    *,
    settings: Settings,
    locations: Locations,
    fetch: FetchOptions,
    options: SnapshotOptions,
    clock: Clock,
    emit: Emit,
    stop: Stop,
) -> SnapshotResult:
    """Fetch every campaign of `ids` (None: all that the list call finds) and publish one snapshot.

    Raises an `ExportError`: `InputError` when nothing was done, `DestinationBusy`, `CredentialsRefused`,
    `StoppedEarly` when the same call would resume, `NotPublished` when too much failed or is missing.
    """
    wants_list = needs_list(ids, options)
    emit = in_this_loop(emit)
    with ExitStack() as held:
        run = Run.open(held, settings=settings, locations=locations, options=options, clock=clock, emit=emit, stop=stop)
        finished = finish_interrupted_publishing(run, ids)
        if finished is not None:
            return finished
        begin(run)
        for warning in ids.warnings if ids is not None else ():
            run.emit(Warned(warning))
        async with open_engine(settings, fetch, clock=clock, emit=run.emit) as engine, run.metering(engine):
            if wants_list:
                await read_list(run, engine)
            ids = ids or listed_ids(run)
            await asyncio.to_thread(run.journal.want, ids.ids)
            await asyncio.to_thread(carry_over, run)
            await fetch_missing(run, engine)
        return await asyncio.to_thread(publish, run, ids)


def in_this_loop(emit: Emit) -> Emit:
    """`emit`, called in the event loop also for what happens in a thread: who listens need not think of threads."""
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def tell(event: Event) -> None:
        if threading.get_ident() == thread:
            emit(event)
        else:
            loop.call_soon_threadsafe(emit, event)

    return tell


def needs_list(ids: CampaignIds | None, options: SnapshotOptions) -> bool:
    """Whether this run makes a list pass. Raises `InputError` when it must and may not."""
    if options.list_pass == "never" and (ids is None or options.incremental):
        what = "--incremental" if options.incremental else "snapshot without IDS"
        raise InputError(f"{what} needs the list call, and --list never forbids it. Give IDS, or drop --list.")
    return options.list_pass == "always" or ids is None or options.incremental


def types_of(options: SnapshotOptions) -> tuple[CampaignType, ...]:
    """The list calls to make: the API has no type for all."""
    return ("sms", "voice") if options.campaign_type == "all" else (options.campaign_type,)


async def read_list(run: Run, engine: Engine) -> None:
    """Make the list pass, unless an interrupted attempt has made it."""
    types = types_of(run.options)
    if run.state.listed_at is not None and run.state.listed_types == types:
        return
    campaigns = await ListPass(engine, run.stop).read_until_stopped(types)
    await asyncio.to_thread(_keep_list, run, campaigns, types)


def _keep_list(run: Run, campaigns: list[ListedCampaign], types: tuple[CampaignType, ...]) -> None:
    run.journal.set_listed(campaigns)
    # An earlier attempt may have fetched before this list was read. What changed in between would be taken for what
    # the list saw, now and, carried over, in every night to come.
    run.journal.forget_outdated(is_unchanged)
    run.state.listed_at = to_milliseconds(run.clock.now())
    run.state.listed_types = types
    run.remember()
    failpoints.hit("list.kept")


def listed_ids(run: Run) -> CampaignIds:
    """What the list pass found, as the IDs that are wanted."""
    found = pa.array([campaign.campaign_id for campaign in run.journal.listed()], pa.large_string())
    sha256 = hashlib.sha256("\n".join(map(str, found.to_pylist())).encode()).hexdigest()
    if not len(found):
        run.emit(Warned(f"the list call finds no {run.options.campaign_type} campaigns in this app"))
    return CampaignIds(found, len(found), 0, sha256, "list:" + run.options.campaign_type)


def carry_over(run: Run) -> None:
    """Take from the base of an incremental snapshot what is still true."""
    if run.state.base is None:
        return
    pending = set(run.journal.pending())
    items = {campaign.campaign_id: campaign.item for campaign in run.journal.listed()}
    now = to_milliseconds(run.clock.now())
    for block in carried(run.destination, run.state.base, wanted=pending.__contains__, item_of=items.get):
        run.journal.add([(response, 1, now) for response in block])
        failpoints.hit("carry.block")


async def fetch_missing(run: Run, engine: Engine) -> None:
    """Ask for every wanted campaign that has no outcome yet; each answer is journaled before it counts."""
    journal = run.journal
    wanted, to_fetch = journal.wanted_count(), journal.pending_count()
    run.reused = wanted - to_fetch
    work_dir = str(journal.path.parent)
    carried_over = journal.counts().carried_over
    run.emit(RunStarted(run.state.snapshot_id, run.state.mode, wanted, run.reused, to_fetch, work_dir, carried_over))
    if not to_fetch:
        return

    def settled(outcome: CampaignResponse | Failure, attempts: int) -> None:
        if isinstance(outcome, Failure):
            run.emit(Settled(outcome.campaign_id, outcome.outcome, attempts, outcome.error))
        else:
            run.emit(Settled(outcome.campaign_id, "ok", attempts))

    writer = BatchWriter(journal, settled=settled)
    pool = engine.pool(canary=journal.canary())
    try:
        await pool.run(journal.pending(), writer.put, run.stop)
    finally:
        await writer.close()
