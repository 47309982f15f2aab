"""The main job: from campaign IDs to a published snapshot, top to bottom.

    wanted IDs -> journal (what is there already?) -> pool -> journal -> rows and files -> publish

Everything before the journal can be lost without harm, nothing after it is asked again. Rows are made from the
journal alone, never from the live request.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa

from exporter import steps
from exporter._version import __version__
from exporter.clock import Clock, to_milliseconds
from exporter.errors import (
    DestinationError,
    InputError,
    Interrupted,
    NotPublished,
    NotReconciled,
    StorageFailed,
)
from exporter.events import Emit, Event, Published, RunStarted, Settled, Warned, Writing
from exporter.ids import CampaignIds
from exporter.model import CampaignType, Counts, Failure, ListedCampaign, Receipt, Response
from exporter.pipeline import run_state
from exporter.pipeline.carry import carried, choose_base, gone
from exporter.pipeline.engine import Engine, open_engine
from exporter.pipeline.listing import ListPass
from exporter.pipeline.run_state import Costs, RunState
from exporter.pipeline.stop import Stop
from exporter.run_options import FetchOptions, Place, SnapshotOptions
from exporter.settings import Settings
from exporter.storage import manifest as manifests
from exporter.storage.destination import Destination, NameTaken, Staging, one_line_error
from exporter.storage.journal import Journal, JournalWriter
from exporter.storage.locate import open_destination
from exporter.storage.lock import RunLock
from exporter.storage.manifest import Manifest
from exporter.storage.names import next_id, snapshot_id
from exporter.storage.reader import belongs_to, latest_of, read_manifest
from exporter.storage.retention import apply_retention
from exporter.storage.writer import SnapshotWriter
from exporter.tables.columns import SCHEMA_VERSION

REUSE_AFTER_PUBLISHING = 12 * 3600.0
"""Seconds. What a published run fetched is used again only that long, to complete a snapshot with failures.
Without this bound a nightly run would find last night's answers just young enough, and publish them again."""

GONE_TOLD = 5
"""Names of vanished campaigns that a warning holds."""


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """What was published: the manifest, where it is, how many answers were there already, what was removed."""

    manifest: Manifest
    where: str
    reused: int
    removed: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        """Where every ID ended."""
        return self.manifest.as_counts()


async def take_snapshot(
    ids: CampaignIds | None,
    *,
    settings: Settings,
    place: Place,
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
    with ExitStack() as held:
        run = SnapshotRun.open(held, settings, place, fetch, options, clock, emit, stop)
        finished = run.finish_interrupted_publishing(ids)
        if finished is not None:
            return finished
        run.begin()
        async with open_engine(settings, fetch, clock=clock, emit=run.emit) as engine, run.costs_of(engine):
            if wants_list:
                await run.read_list(engine)
            ids = ids or run.listed_ids()
            await asyncio.to_thread(run.journal.want, ids.ids)
            await run.carry_over()
            await run.fetch_missing(engine)
        return await run.publish(ids)


def needs_list(ids: CampaignIds | None, options: SnapshotOptions) -> bool:
    """Whether this run makes a list pass. Raises `InputError` when it must and may not."""
    if options.list_pass == "never" and (ids is None or options.incremental):
        what = "--incremental" if options.incremental else "snapshot without IDS"
        raise InputError(f"{what} needs the list call, and --list never forbids it. Give IDS, or drop --list.")
    return options.list_pass == "always" or ids is None or options.incremental


def types_of(options: SnapshotOptions) -> tuple[CampaignType, ...]:
    """The list calls to make: the API has no type for all."""
    return ("sms", "voice") if options.campaign_type == "all" else (options.campaign_type,)


class SnapshotRun:
    """One run, from the lock to the published snapshot. Its methods are called in the order they stand here."""

    def __init__(
        self,
        settings: Settings,
        place: Place,
        fetch: FetchOptions,
        options: SnapshotOptions,
        clock: Clock,
        emit: Emit,
        stop: Stop,
        destination: Destination,
        journal: Journal,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._options = options
        self._clock = clock
        self._emit = emit
        self._stop = stop
        self._destination = destination
        self.journal = journal
        self.state = RunState("", 0)
        self._resumed = False
        self._reused = 0
        self._gone = 0
        self._lists = 0
        self._retries = 0

    @classmethod
    def open(
        cls,
        held: ExitStack,
        settings: Settings,
        place: Place,
        fetch: FetchOptions,
        options: SnapshotOptions,
        clock: Clock,
        emit: Emit,
        stop: Stop,
    ) -> SnapshotRun:
        """Lock the destination and open the journal; `held` lets go of them at the end."""
        destination = open_destination(place.dest, environ=place.environ)
        destination.check_writable()
        usual = destination.default_work_dir(Path(place.state_dir))
        work_dir = Path(place.work_dir) if place.work_dir else usual
        held.enter_context(RunLock(work_dir, clock=clock, emit=emit))
        if destination.is_local and usual.resolve() != work_dir.resolve():
            # Two runs with different work folders are still two runs on one destination.
            held.enter_context(RunLock(usual, clock=clock, emit=emit))
        journal = Journal.open(work_dir, settings.identity, clock=clock, emit=emit)
        held.callback(journal.close)
        return cls(settings, place, fetch, options, clock, emit, stop, destination, journal)

    def emit(self, event: Event) -> None:
        """Hand an event on; what is warned of goes into the manifest too."""
        if isinstance(event, Warned) and event.message not in self.state.warnings:
            self.state.warnings = (*self.state.warnings, event.message)
        self._emit(event)

    def finish_interrupted_publishing(self, ids: CampaignIds | None) -> SnapshotResult | None:
        """Close the books of a run that was killed between revealing its snapshot and writing that down."""
        state = run_state.load(self.journal)
        if state is None or state.published_at is not None:
            self._destination.clean_up()
            return None
        if not self._destination.has_manifest(state.snapshot_id):
            self._destination.clean_up(own=state.snapshot_id)
            return None
        manifest = read_manifest(self._destination, state.snapshot_id)
        self._destination.clean_up()
        if not belongs_to(manifest, self._settings.identity) or manifest.started_at != manifests.iso(state.started_at):
            return None
        self.state = state
        asked = ids.sha256 if ids is not None else None
        if self._options.fresh or (asked is not None and asked != manifest.ids.sha256):
            self._close_books(manifest)
            return None  # this is another command than the one that was killed
        removed = self._retain()
        self._close_books(manifest)
        where = self._destination.where(manifest.snapshot_id)
        self._emit(Published(manifest.snapshot_id, where))
        return SnapshotResult(manifest, where, manifest.counts.ok, tuple(removed))

    def begin(self) -> None:
        """Take up the run that was interrupted, or begin a new one."""
        now = self._clock.now()
        before = run_state.load(self.journal)
        if self._options.fresh:
            self.journal.clear()
            before = None
        within = self._options.resume_within
        if before is not None and before.published_at is not None:
            within = min(within, REUSE_AFTER_PUBLISHING)
        self.journal.forget_older(to_milliseconds(now - within))
        listed_at = before.listed_at if before is not None else None
        if listed_at is not None and listed_at < to_milliseconds(now - within):
            # Answers older than the list pass that judges them could be taken for newer than they are.
            self.journal.clear()
            before, listed_at = None, None
        self._resumed = before is not None and before.published_at is None
        if before is not None and self._resumed:
            self.state = before
            self.state.warnings = ()
        else:
            self.state = RunState(self._free_id(snapshot_id(now)), to_milliseconds(now), listed_at=listed_at)
            if before is not None:
                self.state.listed_types = before.listed_types
        if self._destination.has_manifest(self.state.snapshot_id):
            self.state.snapshot_id = self._free_id(self.state.snapshot_id)
        self._choose_mode(now)
        run_state.save(self.journal, self.state)

    def _free_id(self, wanted: str) -> str:
        taken = set(self._destination.folder_ids())
        while wanted in taken:
            wanted = next_id(wanted)
        return wanted

    def _choose_mode(self, now: float) -> None:
        kept = self.state.base if self._resumed and self.state.mode == "incremental" else None
        if not self._options.incremental:
            self.state.mode, self.state.base = "full", None
        elif kept is None or not self._destination.has_manifest(kept):
            base = choose_base(
                self._destination,
                self._settings.identity,
                full_every=self._options.full_every,
                now=now,
                emit=self.emit,
            )
            self.state.mode = "full" if base is None else "incremental"
            self.state.base = base.snapshot_id if base is not None else None
        self.journal.forget_carried(self.state.base)

    def costs_of(self, engine: Engine) -> _Costs:
        """`async with`: what was sent and waited for is added to the run's costs, however it ends."""
        return _Costs(self, engine)

    async def read_list(self, engine: Engine) -> None:
        """Make the list pass, unless an interrupted attempt has made it."""
        types = types_of(self._options)
        if self.state.listed_at is not None and self.state.listed_types == types:
            return
        listing = ListPass(engine, self._stop)
        try:
            campaigns = await listing.read_until_stopped(types)
        finally:
            self._lists += listing.requests
        await asyncio.to_thread(self._keep_list, campaigns, types)

    def _keep_list(self, campaigns: list[ListedCampaign], types: tuple[CampaignType, ...]) -> None:
        self.journal.set_listed(campaigns)
        self.state.listed_at = to_milliseconds(self._clock.now())
        self.state.listed_types = types
        run_state.save(self.journal, self.state)

    def listed_ids(self) -> CampaignIds:
        """What the list pass found, as the IDs that are wanted."""
        found = pa.array([campaign.campaign_id for campaign in self.journal.listed()], pa.large_string())
        source = "list:" + self._options.campaign_type
        sha256 = hashlib.sha256("\n".join(map(str, found.to_pylist())).encode()).hexdigest()
        if not len(found):
            self.emit(Warned(f"the list call finds no {self._options.campaign_type} campaigns in this app"))
        return CampaignIds(found, len(found), 0, sha256, source)

    async def carry_over(self) -> None:
        """Take from the base what is still true."""
        if self.state.base is not None:
            await asyncio.to_thread(self._carry_over, self.state.base)

    def _carry_over(self, base: str) -> None:
        pending = set(self.journal.pending())
        items = {campaign.campaign_id: campaign.item for campaign in self.journal.listed()}
        now = to_milliseconds(self._clock.now())
        for block in carried(self._destination, base, wanted=pending.__contains__, item_of=items.get):
            self.journal.add([(response, 1, now) for response in block])

    async def fetch_missing(self, engine: Engine) -> None:
        """Ask for every wanted campaign that has no outcome yet; each answer is journaled before it counts."""
        wanted, to_fetch = self.journal.wanted_count(), self.journal.pending_count()
        self._reused = wanted - to_fetch
        self.emit(
            RunStarted(
                self.state.snapshot_id,
                self.state.mode,
                wanted,
                self._reused,
                to_fetch,
                str(self.journal.path.parent),
            )
        )
        if not to_fetch:
            return
        writer = JournalWriter(self.journal, clock=self._clock, settled=self._settled)

        async def sink(outcome: Response | Failure, attempts: int) -> None:
            steps.reached("request.answered")
            await writer.put(outcome, attempts)

        pool = engine.pool(known_good=self.journal.known_good())
        try:
            await pool.run(self.journal.pending(), sink, self._stop)
        finally:
            self._retries += pool.retries
            await writer.close()

    def _settled(self, outcome: Response | Failure, attempts: int) -> None:
        if isinstance(outcome, Failure):
            self.emit(Settled(outcome.campaign_id, outcome.outcome, attempts, outcome.error))
        else:
            self.emit(Settled(outcome.campaign_id, "ok", attempts))

    async def publish(self, ids: CampaignIds) -> SnapshotResult:
        """Write the files aside, prove them, reveal them, remove old snapshots, close the books."""
        counts = await asyncio.to_thread(self._count, ids)
        self._refuse(counts)
        self.emit(Writing(counts.ok))
        try:
            manifest, where = await asyncio.to_thread(self._write, ids, counts)
        except OSError as error:
            raise StorageFailed(
                f"{self._destination.shown}: {one_line_error(error)}. The same command resumes."
            ) from None
        self._emit(Published(self.state.snapshot_id, where))
        # The books are closed last: a run that is killed before that is only finished by the next one.
        removed = await asyncio.to_thread(self._retain)
        self._close_books(manifest)
        return SnapshotResult(manifest, where, self._reused, tuple(removed))

    def _count(self, ids: CampaignIds) -> Counts:
        counts = self.journal.counts(given=ids.given, repeats=ids.repeats, gone=0)
        if self.state.base is None:
            return counts
        there = {campaign.campaign_id for campaign in self.journal.listed()}
        there.update(self.journal.fetched_ids())
        vanished = gone(self._destination, self.state.base, there=there.__contains__)
        if vanished:
            shown = ", ".join(vanished[:GONE_TOLD]) + (", …" if len(vanished) > GONE_TOLD else "")
            self.emit(Warned(f"{len(vanished)} campaigns of {self.state.base} are gone: {shown}"))
        return self.journal.counts(given=ids.given, repeats=ids.repeats, gone=len(vanished))

    def _refuse(self, counts: Counts) -> None:
        """Raise where the result must not be published; the journal stays."""
        if not counts.reconciled:
            raise NotReconciled(
                f"the counts do not add up ({counts}), so nothing is published. This is a bug of campaign-export: "
                "please report it with this message."
            )
        failed = counts.failed + counts.invalid + (counts.not_found if self._options.fail_on_missing else 0)
        if self._options.max_failures.exceeded_by(failed, counts.unique):
            examples = "; ".join(
                f"{failure.campaign_id}: {failure.error}" for failure in islice(self.journal.failures(), 3)
            )
            raise NotPublished(
                f"not published: {failed:,} of {counts.unique:,} campaigns failed, more than --max-failures "
                f"{self._options.max_failures} allows. The same command tries only those again.\n"
                f"For example: {examples}"
            )
        if self._options.max_missing.exceeded_by(counts.not_found, counts.unique):
            raise NotPublished(
                f"not published: {counts.not_found:,} of {counts.unique:,} campaigns do not exist, more than "
                f"--max-missing {self._options.max_missing} allows. Are the IDs of this app, and is KORE_STREAM_ID "
                f"({self._settings.stream_id}) the right one?"
            )

        self._refuse_an_emptied_table(counts)

    def _refuse_an_emptied_table(self, counts: Counts) -> None:
        """Where the list call decides what is wanted, much less than before is more likely the wrong app."""
        if self.state.base is None and counts.unique:
            return
        base = self.state.base
        latest = latest_of(self._destination, self._settings.identity) if base is None else None
        before = latest.manifest if latest is not None else read_manifest(self._destination, base) if base else None
        if before is None or not before.counts.ok:
            return
        lost = counts.gone if base is not None else before.counts.ok
        if self._options.max_missing.exceeded_by(lost, before.counts.ok):
            raise NotPublished(
                f"not published: {lost:,} of the {before.counts.ok:,} campaigns of {before.snapshot_id} are gone, more "
                f"than --max-missing {self._options.max_missing} allows. Is KORE_STREAM_ID "
                f"({self._settings.stream_id}) the right one?"
            )

    def _write(self, ids: CampaignIds, counts: Counts) -> tuple[Manifest, str]:
        staging = self._stage()
        try:
            receipts = self._write_tables(staging)
            manifest = self._manifest(ids, counts, receipts)
            return manifest, staging.publish(manifests.dump(manifest))
        except BaseException:
            with suppress(OSError):
                staging.discard()
            raise

    def _stage(self) -> Staging:
        while True:
            try:
                return self._destination.stage(self.state.snapshot_id)
            except NameTaken:
                self.state.snapshot_id = self._free_id(next_id(self.state.snapshot_id))
                run_state.save(self.journal, self.state)

    def _write_tables(self, staging: Staging) -> list[Receipt]:
        with SnapshotWriter(staging, form=self._options.format, excel_safe=self._options.excel_safe) as writer:
            for block in self.journal.responses():
                if isinstance(self._stop.reason, Interrupted):
                    raise self._stop.reason
                writer.add(block)
            writer.add_failures(self.journal.failures())
            return writer.close()

    def _manifest(self, ids: CampaignIds, counts: Counts, receipts: list[Receipt]) -> Manifest:
        state, costs = self.state, self.state.costs
        identity = self._settings.identity
        written = {receipt.name: receipt.rows for receipt in receipts}
        if written["responses.parquet"] != counts.ok:
            raise NotReconciled(
                f"{counts.ok} answers were counted and {written['responses.parquet']} written: nothing is published. "
                "This is a bug of campaign-export: please report it with this message."
            )
        return Manifest(
            snapshot_id=state.snapshot_id,
            started_at=manifests.iso(state.started_at),
            finished_at=manifests.iso(to_milliseconds(self._clock.now())),
            program_version=__version__,
            schema_version=SCHEMA_VERSION,
            mode=state.mode,
            base_snapshot=state.base,
            api=manifests.Api(identity.host, identity.stream_id, identity.account_id, identity.version),
            ids=manifests.Ids(ids.source, ids.sha256, ids.given, counts.unique, ids.repeats),
            counts=manifests.outcome_counts(counts),
            requests=manifests.requests_of(costs.as_request_counts()),
            seconds=manifests.Seconds(
                round(costs.seconds, 3), round(costs.waiting_for_rate, 3), round(costs.paused, 3)
            ),
            files=manifests.files_of(receipts),
            warnings=list(state.warnings),
        )

    def _close_books(self, manifest: Manifest) -> None:
        if manifest.counts.failed or manifest.counts.invalid:
            self.state.published_at = to_milliseconds(self._clock.now())
            self.state.costs = Costs()
            run_state.save(self.journal, self.state)
        else:
            self.journal.clear()

    def _retain(self) -> list[str]:
        """Remove old snapshots; one that cannot go is told, and is no reason to fail."""
        in_use = {one for one in (self.state.base,) if one is not None and self._options.keep is None}
        try:
            removed, warnings = apply_retention(
                self._destination,
                self._settings.identity,
                keep=self._options.keep,
                keep_days=self._options.keep_days,
                now=datetime.fromtimestamp(self._clock.now(), UTC),
                in_use=in_use,
            )
        except (DestinationError, StorageFailed, OSError) as error:
            removed, warnings = [], [f"old snapshots were not removed: {one_line_error(error)}"]
        for text in warnings:
            self._emit(Warned(text))
        return removed


class _Costs:
    """Measures one attempt."""

    def __init__(self, run: SnapshotRun, engine: Engine) -> None:
        self._run = run
        self._engine = engine
        self._began = engine.clock.monotonic()

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        run, stats = self._run, self._engine.gate.stats
        run.state.costs = run.state.costs.plus(
            Costs(
                total=stats.total,
                list=run._lists,
                retries=run._retries,
                rate_limited=stats.rate_limited,
                most_in_a_window=stats.most_in_a_window,
                seconds=self._engine.clock.monotonic() - self._began,
                waiting_for_rate=stats.waiting_for_rate,
                paused=stats.paused,
            )
        )
        with suppress(StorageFailed):  # the costs of a run that cannot write any more are not worth an error
            run_state.save(run.journal, run.state)
