"""`campaign-export plan`: what a snapshot would cost."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click

from exporter.units import counted, format_duration
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import fetch_options, snapshot_options, take_job

with lazy_imports(__name__):
    from exporter.pipeline.plan import Plan, make_plan


@job(
    "plan",
    example="campaign-export plan ids.csv --out exports",
    codes={**READING, 0: "printed", 2: "wrong usage, settings or input"},
)
@click.argument("ids", required=False, metavar="[IDS]")
@snapshot_options
@option("--metrics-file", metavar="FILE", help="Ignored, so that the options of `snapshot` can be given as they are.")
@fetch_options
def command(
    console: Console,
    ids: str | None,
    metrics_file: str | None,
    **options: Any,
) -> int:
    """Estimate what `snapshot` with the same options costs: IDs, requests, time. Sends nothing, writes nothing.

    Without IDS it goes by the number of campaigns in the latest snapshot.
    """
    options.update(ledger=None, no_ledger=True)  # nothing is sent: nothing to count, and no home folder is needed
    plan = make_plan(take_job(ids, options), now=time.time(), emit=console.emit)
    lines = lines_of(plan, time.time())
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        click.echo(f"{name:{width}}  {text}")
    return 0


def lines_of(plan: Plan, now: float) -> list[tuple[str, str]]:
    """What is printed: names and texts."""
    lines = [("campaigns wanted", _wanted(plan)), ("already fetched", f"{plan.already_fetched:,}")]
    if plan.list_requests:
        lines.append(("list call", f"about {counted(plan.list_requests, 'request')}"))
    if plan.base is not None:
        lines.append(("incremental", _incremental(plan)))
    end = datetime.fromtimestamp(now + plan.seconds, UTC)
    limited = bool(plan.limits)
    return [
        *lines,
        ("requests to send", f"{plan.requests:,}" + (" or more" if plan.wanted is None else "")),
        ("rate limit", ", ".join(map(str, plan.limits)) or "off"),
        ("time", "at least " + format_duration(plan.seconds) if limited else "as fast as the service answers"),
        ("ends", f"{end:%Y-%m-%d %H:%M:%S} UTC, if it began now" if limited else "soon after it begins"),
    ]


def _wanted(plan: Plan) -> str:
    if plan.wanted is None:
        return "unknown before the list call; `campaign-export discover` counts them"
    if plan.basis is not None:
        return f"about {plan.wanted:,}, by {plan.basis}"
    return f"{plan.wanted:,}" + (f" ({counted(plan.repeats, 'repeat')})" if plan.repeats else "")


def _incremental(plan: Plan) -> str:
    if plan.changes is None:
        return f"on {plan.base}; fetches only what changed, so this is the most it can cost"
    saved = max(plan.full_requests - plan.requests, 0)
    text = f"on {plan.base}; about {counted(plan.changes, 'campaign')} to fetch, if as many changed as the last time"
    minutes = format_duration(max(plan.full_seconds - plan.seconds, 0.0))
    return f"{text}: that saves {counted(saved, 'request')} and {minutes} against a full run"
