"""The main job: from campaign IDs to a published snapshot, top to bottom.

    wanted IDs -> journal (what is there already?) -> pool -> journal -> rows and files -> publish

Everything before the journal can be lost without harm, nothing after it is asked again. Rows are made from the
journal alone, never from the live request.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from exporter._version import __version__
from exporter.clock import Clock, to_milliseconds
from exporter.errors import InputError, NotPublished, NotReconciled, StoppedEarly
from exporter.events import Emit, Event, Published, RunStarted, Settled, Warned, Writing
from exporter.ids import CampaignIds
from exporter.model import CampaignType, Counts, Failure, Receipt, RequestCounts, Response, SnapshotMode
from exporter.pipeline.carry import carry_over, choose_base
from exporter.pipeline.engine import Engine, open_engine
from exporter.pipeline.listing import ListPass, Listing
from exporter.pipeline.stop import Stop
from exporter.run_options import FetchOptions, Place, SnapshotOptions
from exporter.settings import Settings
from exporter.snapshots.destination import Destination, open_destination
from exporter.snapshots.journal import Journal, JournalWriter
from exporter.snapshots.lock import RunLock
from exporter.snapshots.manifest import Manifest
from exporter.snapshots.retention import apply_retention
from exporter.snapshots.writer import SnapshotWriter

REUSE_AFTER_PUBLISHING = 12 * 3600.0
"""Seconds. What a published run fetched is used again only that long, to complete a snapshot with failures.
Without this bound a nightly run would find last night's answers just young enough, and publish them again."""


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """What was published."""

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
    wants_list = _wants_list(ids, options)
    destination = open_destination(place.dest, environ=place.environ or {})
    destination.check_writable()
    work_dir = Path(place.work_dir) if place.work_dir else destination.default_work_dir(Path(place.state_dir))
    with ExitStack() as held:
        held.enter_context(RunLock(work_dir, clock=clock, emit=emit))
        destination.clean_up()
        journal = Journal.open(work_dir, settings.identity, clock=clock, emit=emit)
        held.callback(journal.close)
        run = _Run(settings, fetch, options, destination, journal, clock, emit, stop, work_dir)
        if (finished := run.finish_interrupted_publishing()) is not None:
            return finished
        run.begin()
        try:
            async with open_engine(settings, fetch, clock=clock, emit=run.emit) as engine:
                run.engine = engine
                listing = await run.listing() if wants_list else None
                await run.want(ids, listing)
                await run.fetch_missing()
        finally:
            run.remember_costs()
        return await run.publish()


def _wants_list(ids: CampaignIds | None, options: SnapshotOptions) -> bool:
    if options.list_pass == "never" and (ids is None or options.incremental):
        what = "--incremental" if options.incremental else "snapshot without IDS"
        raise InputError(
            f"{what} needs the list call, and --list never forbids it. Give IDS, or drop --list."
        )
    return options.list_pass == "always" or ids is None or options.incremental


def types_of(options: SnapshotOptions) -> tuple[CampaignType, ...]:
    """The list calls to make: the API has no type for all."""
    return ("sms", "voice") if options.campaign_type == "all" else (options.campaign_type,)
