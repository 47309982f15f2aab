"""`campaign-export plan`: what a snapshot would cost."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.events import Warned
from exporter.ratelimit.estimate import list_requests, seconds_for, shared
from exporter.units import format_duration
from jobs.support.command import every_fault, job, take_settings
from jobs.support.options import (
    METRICS_FILE,
    fetch_options,
    settings_options,
    snapshot_options,
    take_fetch_options,
    take_ids,
    take_snapshot_options,
)

if TYPE_CHECKING:
    from jobs.support.console import Console


@job(
    "plan", example="campaign-export plan ids.csv --out exports", codes={0: "told", 2: "wrong usage, settings or input"}
)
@click.argument("ids", required=False, metavar="[IDS]")
@snapshot_options
@METRICS_FILE
@fetch_options
@settings_options
def command(
    console: Console,
    ids: str | None,
    metrics_file: str | None,
    id_column: str | None,
    delimiter: str | None,
    **options: Any,
) -> int:
    """Say what `snapshot` with the same options would cost: IDs, requests, time. Sends nothing, writes nothing."""
    from exporter.pipeline.snapshot import needs_list
    from exporter.pipeline.start import already_fetched
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.reader import latest_of

    settings, found, (locations, wanted) = every_fault(
        lambda: take_settings(options),
        lambda: take_ids(ids, id_column, delimiter),
        lambda: take_snapshot_options(options),
    )
    fetch = take_fetch_options(options, settings)
    lists = needs_list(found, wanted)
    destination = open_destination(locations.dest, environ=locations.environ)
    usual = destination.default_work_dir(Path(locations.state_dir))
    work_dir = Path(locations.work_dir) if locations.work_dir else usual
    base = latest_of(destination, settings.identity) if lists else None
    known = base.manifest.counts.ok if base is not None else None
    lines: list[tuple[str, str]] = []
    if found is not None:
        for warning in found.warnings:
            console.emit(Warned(warning))
        done = 0
        if not wanted.fresh:
            done = already_fetched(
                work_dir, settings.identity, found.ids.to_pylist(), resume_within=wanted.resume_within, now=time.time()
            )
        repeats = f" ({found.repeats:,} repeat{'s' if found.repeats > 1 else ''})" if found.repeats else ""
        lines.append(("campaigns wanted", f"{len(found.ids):,}{repeats}"))
        lines.append(("already fetched", f"{done:,}"))
        requests = len(found.ids) - done
    else:
        requests = known or 0
        told = f"about {known:,}, by {base.snapshot_id}" if base is not None else "unknown before the list call"
        lines.append(("campaigns wanted", told))
    if lists:
        pages = list_requests(known or (len(found.ids) if found is not None else 0), fetch.page_size)
        if wanted.campaign_type == "all":
            pages += 1  # the API has no type for all: two passes, and each can end in a page that is not full
        lines.append(("list call", f"about {pages:,} request" + ("s" if pages != 1 else "")))
        requests += pages
    if wanted.incremental and base is not None:
        lines.append(
            ("incremental", f"on {base.snapshot_id}; fetches only what changed, so this is the most it can cost")
        )
    limits = shared(fetch.rates, fetch.rate_share)
    seconds = seconds_for(requests, limits, pace=fetch.pace)
    end = datetime.fromtimestamp(time.time() + seconds, UTC)
    lines += [
        ("requests to send", f"{requests:,}" + (" or more" if found is None and known is None else "")),
        ("rate limit", ", ".join(map(str, limits)) or "off"),
        ("time", "at least " + format_duration(seconds) if limits else "as fast as the service answers"),
        ("ends", f"{end:%Y-%m-%d %H:%M:%S} UTC, if it began now" if limits else "soon after it begins"),
    ]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        click.echo(f"{name:{width}}  {text}")
    return 0
