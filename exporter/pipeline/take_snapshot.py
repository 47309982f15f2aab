"""The main job: from campaign IDs to a published snapshot, top to bottom.

    wanted IDs -> journal (what is there already?) -> worker pool -> journal -> rows and files -> publish

Everything before the journal can be lost without harm, nothing after it is asked again. Rows are made from the
journal alone, never from the live request.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pyarrow as pa

from exporter import failpoints
from exporter.clock import Clock, to_milliseconds
from exporter.errors import DestinationError, ServiceDown, StorageFailed
from exporter.events import Event, RunStarted, Warned
from exporter.fetch.list_pass import ListPass
from exporter.fetch.open_engine import Engine, open_engine
from exporter.fetch.worker_pool import WorkerPool
from exporter.ids.campaign_ids import each_of
from exporter.ids.ids_file import CampaignIds
from exporter.journal.batch_writer import BatchWriter
from exporter.journal.journal import Journal
from exporter.model import CampaignType, ListedCampaign
from exporter.options import types_of
from exporter.pipeline.cancellable_thread import in_thread
from exporter.pipeline.destination_and_work_dir import lock_destination
from exporter.pipeline.end_of_run import finish, finish_earlier, publish_run
from exporter.pipeline.event_relay import EventRelay
from exporter.pipeline.incremental import carried, is_unchanged
from exporter.pipeline.job_description import BY_LIST, ExportJob
from exporter.pipeline.publish import SnapshotResult
from exporter.pipeline.run_context import Run
from exporter.pipeline.start import Finish, begin, clean_up, decide, read_situation, warn_of_misdated
from exporter.stop import Stop


async def take_snapshot(job: ExportJob, *, clock: Clock, emit: Callable[[Event], object], stop: Stop) -> SnapshotResult:
    """Fetch every campaign that `job` wants and publish one snapshot.

    Raises an `ExportError`: `InputError` when nothing was done, `DestinationBusy`, `CredentialsRefused`,
    `StoppedEarly` when the same call would resume, `NotPublished` when too much failed or is missing.
    """
    needs_list = job.needs_list()
    events = EventRelay(emit, clock=clock, in_loop=True)
    job.warn_of_ids(events.emit)
    with stop.child() as stop:
        async with _let_go_at_the_end(stop) as held:
            with stop.after(job.fetch.max_duration, "The same command resumes."):
                run = await in_thread(stop, _open, job, held, clock, events, stop)
                if isinstance(run, SnapshotResult):
                    return run
                sending = open_engine(job.settings, job.fetch, clock=clock, emit=events.emit)
                with _requests_sent():
                    async with sending as engine, run.metering(engine):
                        if needs_list:
                            await read_list(run, engine)
                        wanted = job.ids if job.ids is not None else await in_thread(stop, listed_ids, run)
                        await in_thread(stop, run.journal.want, wanted.each())
                        await in_thread(stop, carry_over, run)
                        reused = await fetch_missing(run, engine)
            with _requests_sent():
                return await in_thread(stop, publish_run, run, wanted, reused)


@asynccontextmanager
async def _let_go_at_the_end(stop: Stop) -> AsyncIterator[ExitStack]:
    """The lock and the journal are let go of in a thread: SQLite writes when it closes, and the disk may be slow."""
    held = ExitStack()
    try:
        yield held
    finally:
        await in_thread(stop, held.close)


@contextmanager
def _requests_sent() -> Iterator[None]:
    """From the first request on what ends a run is resumed: a destination that cannot be read, too."""
    try:
        yield
    except ServiceDown as error:
        raise ServiceDown(f"{error} Nothing fetched is lost: the same command resumes.") from None
    except DestinationError as error:
        raise StorageFailed(f"{error} The same command resumes.") from None


def _open(job: ExportJob, held: ExitStack, clock: Clock, events: EventRelay, stop: Stop) -> Run | SnapshotResult:
    """Lock the destination, open the journal, decide what to do, and begin it."""
    place = lock_destination(job.locations, held, clock=clock, emit=events.emit)
    destination = place.destination
    journal = Journal.open(place.work_dir, job.settings.identity, emit=events.emit)
    held.callback(journal.close)

    clean_up(destination, journal.checkpoint(), emit=events.emit)
    warn_of_misdated(destination, now=clock.now(), emit=events.emit)
    while True:
        stop.check()
        checkpoint, now = journal.checkpoint(), clock.now()
        situation = read_situation(job, checkpoint, journal, destination, now)
        decision = decide(checkpoint, situation, job.options, now)
        run = Run(decision.checkpoint, job, clock, stop, events, destination, journal, place.check_locks)
        if not isinstance(decision, Finish):
            begin(run, decision)
            return run
        if decision.is_this_run:
            published = decision.checkpoint.snapshot_id
            events.emit(Warned(f"the run before had published {published} when it was ended; nothing was left to do"))
            return finish(run, decision.manifest, reused=decision.manifest.counts.ok)
        finish_earlier(run, decision.manifest)


async def read_list(run: Run, engine: Engine) -> None:
    """Make the list pass, unless an interrupted attempt has made it."""
    types = types_of(run.job.options.campaign_type)
    if run.checkpoint.listed_at is not None and run.checkpoint.listed_types == types:
        return
    list_pass = ListPass(engine, run.stop)
    read = list_pass.wanted if run.job.ids is None else list_pass.read
    campaigns = await run.stop.interrupting(read(types))
    await in_thread(run.stop, _keep_list, run, campaigns, types)


def _keep_list(run: Run, campaigns: list[ListedCampaign], types: tuple[CampaignType, ...]) -> None:
    if run.checkpoint.listed_at is not None:
        # Of other types. A run that is killed below would leave this list under the name of that one.
        run.remember(listed_at=None)
    # An earlier attempt may have fetched before this list was read. What changed in between would be taken for what
    # the list saw, now and, carried over, in every night to come.
    run.journal.set_listed(campaigns, unchanged=is_unchanged)
    run.remember(listed_at=to_milliseconds(run.clock.now()), listed_types=types)
    failpoints.hit("list.kept")


def listed_ids(run: Run) -> CampaignIds:
    """What the list pass finds, as the IDs that are wanted."""
    ids = pa.array([campaign.campaign_id for campaign in run.journal.listed()], pa.large_string())
    sha256 = hashlib.sha256("\n".join(map(str, ids.to_pylist())).encode()).hexdigest()
    if not len(ids):
        run.emit(Warned(f"the list call finds no {run.job.options.campaign_type} campaigns in this app"))
    return CampaignIds(ids, len(ids), 0, sha256, BY_LIST + run.job.options.campaign_type)


def carry_over(run: Run) -> None:
    """Take from the base of an incremental snapshot what is still true."""
    base = run.checkpoint.base
    if base is None:
        return
    pending = set(run.journal.pending())
    items = {listed.campaign_id: listed.item for listed in run.journal.listed() if listed.campaign_id in pending}
    now = to_milliseconds(run.clock.now())
    for block in carried(run.destination, base, items):
        run.stop.check()
        run.journal.add([(response, 1, now) for response in block])
        failpoints.hit("carry.block")


def find_work(run: Run) -> tuple[RunStarted, pa.Array, str | None]:
    """What is there, the IDs that are still to be fetched, and one that was fetched before, if there is one.

    Looks into the journal, which a slow disk may hold up: not for the event loop.
    """
    journal, checkpoint = run.journal, run.checkpoint
    # With the size Arrow takes the IDs one by one: a million of them are no list in memory.
    pending = pa.array(journal.pending(), pa.large_string(), size=journal.pending_count())
    wanted, to_fetch = journal.wanted_count(), len(pending)
    started = RunStarted(
        checkpoint.snapshot_id,
        checkpoint.mode,
        wanted,
        already_fetched=wanted - to_fetch,
        to_fetch=to_fetch,
        work_dir=str(journal.path.parent),
        carried_over=journal.counts().carried_over,
    )
    return started, pending, journal.canary()


async def fetch_missing(run: Run, engine: Engine) -> int:
    """Ask for every wanted campaign that has no outcome yet; each answer is journaled before it counts.

    Returns how many were there already.
    """
    started, pending, canary = await in_thread(run.stop, find_work, run)
    run.emit(started)
    if not started.to_fetch:
        return started.already_fetched

    writer = BatchWriter(run.journal.path, checkpoint=run.so_far, emit=run.emit)
    pool = WorkerPool(engine, started.to_fetch, canary=canary)
    try:
        await pool.run(each_of(pending), writer.put, run.stop)
    finally:
        await in_thread(run.stop, writer.finish)
        writer.check()
    return started.already_fetched
