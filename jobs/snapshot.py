"""`campaign-export snapshot`: the main job."""

from __future__ import annotations

from typing import Any

import click

from jobs.support.command import job
from jobs.support.event_console import Console
from jobs.support.exit_codes import MEANINGS
from jobs.support.lazy_imports import lazy_imports
from jobs.support.metrics import MetricsFile
from jobs.support.options import METRICS_FILE, fetch_options, snapshot_options, take_job
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.pipeline.take_snapshot import take_snapshot


@job("snapshot", example="campaign-export snapshot ids.csv --out exports", codes=MEANINGS)
@click.argument("ids", required=False, metavar="[IDS]")
@snapshot_options
@METRICS_FILE
@fetch_options
def command(
    console: Console,
    ids: str | None,
    metrics_file: MetricsFile | None,
    **options: Any,
) -> int:
    """Fetch every campaign and publish one snapshot: the main job.

    IDS is a CSV file of campaign IDs, or - for standard input. Without it, all SMS campaigns of the app are taken;
    --type all takes its voice campaigns, too. The same command run again resumes what was interrupted.
    """
    job = take_job(ids, options)

    if job.ids is not None and job.ids.repeats:
        console.say(
            f"{job.ids.repeats:,} repeated {'IDs are' if job.ids.repeats > 1 else 'ID is'} fetched once",
            event="repeats",
            repeats=job.ids.repeats,
        )

    with console.tracking(job.fetch):
        result = run_until_stopped(
            lambda stop: take_snapshot(job, clock=SystemClock(), emit=console.emit, stop=stop), resumes=True
        )
    console.summarize(result)
    if metrics_file is not None:
        metrics_file.manifest = result.manifest
    return 0 if result.complete else 1
