"""`campaign-export snapshot`: the main job."""

from __future__ import annotations

from typing import Any

import click

from exporter.events import Event
from jobs.support.command import job, read_all, take_settings
from jobs.support.event_console import Console
from jobs.support.lazy_imports import lazy_imports
from jobs.support.metrics import MetricsFile
from jobs.support.options import (
    METRICS_FILE,
    fetch_options,
    settings_options,
    snapshot_options,
    take_fetch_options,
    take_ids,
    take_snapshot_options,
)
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.pipeline.publish import SnapshotResult
    from exporter.pipeline.snapshot import take_snapshot
    from exporter.ratelimit.estimate import shared
    from exporter.stop import Stop
    from jobs.support.summary import summary_of


@job(
    "snapshot",
    example="campaign-export snapshot ids.csv --out exports",
    codes=(0, 1, 2, 3, 4, 5, 6, 130, 143),
)
@click.argument("ids", required=False, metavar="[IDS]")
@snapshot_options
@METRICS_FILE
@fetch_options
@settings_options
def command(
    console: Console,
    ids: str | None,
    metrics_file: MetricsFile | None,
    id_column: str | None,
    delimiter: str | None,
    **options: Any,
) -> int:
    """Fetch every campaign and publish one snapshot: the main job.

    IDS is a CSV file of campaign IDs, or - for standard input; without it, all campaigns that the list call finds
    are taken. The same command run again resumes what was interrupted.
    """
    settings, campaign_ids, (locations, wanted) = read_all(
        lambda: take_settings(options),
        lambda: take_ids(ids, id_column, delimiter),
        lambda: take_snapshot_options(options),
    )
    fetch = take_fetch_options(options, settings)

    def emit(event: Event) -> None:
        console.emit(event)
        if metrics_file is not None:
            metrics_file.note(event)

    if campaign_ids is not None and campaign_ids.repeats:
        console.say(
            f"{campaign_ids.repeats:,} repeated {'IDs are' if campaign_ids.repeats > 1 else 'ID is'} fetched once",
            event="repeats",
            repeats=campaign_ids.repeats,
        )

    async def main(stop: Stop) -> SnapshotResult:
        return await take_snapshot(
            campaign_ids,
            settings=settings,
            locations=locations,
            fetch=fetch,
            options=wanted,
            clock=SystemClock(),
            emit=emit,
            stop=stop,
        )

    console.track(shared(fetch.rates, fetch.rate_share))
    try:
        result = run_until_stopped(main)
    finally:
        console.close()
    if not console.quiet:
        console.summarize(summary_of(result, console.tally.attempt), result)
    if metrics_file is not None:
        metrics_file.manifest = result.manifest
    return 0 if result.complete else 1
