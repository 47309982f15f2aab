"""`campaign-export report`: one page about a snapshot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.errors import InputError
from exporter.tables.time_zones import time_zones
from jobs.support.command import job, option
from jobs.support.lean import need
from jobs.support.options import check_output
from jobs.support.param_types import Parsed

if TYPE_CHECKING:
    from exporter.report.quiet_hours import QuietHours
    from jobs.support.console import Console


def _quiet_hours(text: str) -> QuietHours:
    from exporter.report.quiet_hours import parse_quiet_hours

    return parse_quiet_hours(text)


def _time_zone(text: str) -> str:
    if text not in time_zones():
        raise ValueError(f"{text!r} is no IANA time zone; write one like Europe/Lisbon or UTC")
    return text


@job(
    "report",
    example="campaign-export report exports -o report.html --quiet-hours 21:00-08:00 --quiet-hours SU:00:00-24:00",
    codes={0: "written", 1: "with --fail-on-quiet-hours: a calling window reaches into them", 2: "wrong usage"},
)
@click.argument("dest")
@click.argument("snapshot", required=False)
@option("-o", "--output", required=True, metavar="FILE.html", help="Where the page goes, replaced at once.")
@option("--timezone", type=Parsed("ZONE", _time_zone), default="UTC", show_default=True, help="Of the second picture.")
@option(
    "--quiet-hours",
    type=Parsed("[DAYS:]HH:MM-HH:MM", _quiet_hours),
    multiple=True,
    help="Hours in which nothing must be sent, in the campaign's own zone: 21:00-08:00, SU:00:00-12:00. Repeatable.",
)
@option("--fail-on-quiet-hours", is_flag=True, help="Exit with 1 when a calling window reaches into them.")
def command(
    console: Console,
    dest: str,
    snapshot: str | None,
    output: str,
    timezone: str,
    quiet_hours: tuple[Any, ...],
    fail_on_quiet_hours: bool,
) -> int:
    """Write one self-contained HTML page about a snapshot: the latest, if none is named.

    It opens from a mail or a file share, with no network.
    """
    need("numpy")  # for matplotlib
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.reader import find
    from jobs.support.metrics import replace_file

    check_output(output)
    if fail_on_quiet_hours and not quiet_hours:
        raise InputError("--fail-on-quiet-hours needs --quiet-hours: name them, such as --quiet-hours 21:00-08:00.")
    try:
        from exporter.report.page import render_report
    except ModuleNotFoundError as error:
        raise InputError(f"report needs {error.name}: pip install 'campaign-exporter[report]'.") from None
    destination = open_destination(dest, environ=dict(os.environ))
    page, facts = render_report(
        destination, find(destination, snapshot or "latest"), time_zone=timezone, quiet=quiet_hours
    )
    try:
        replace_file(Path(output), page.encode())
    except OSError as error:
        raise InputError(f"-o {output} cannot be written: {error.strerror}.") from None
    console.say(f"{output}: {len(page) / 1e6:.1f} MB", event="reported", file=output, bytes=len(page))
    if facts.breaches:
        number = len({breach.campaign_id for breach in facts.breaches})
        console.say(f"{number:,} campaigns reach into quiet hours", event="quiet_hours", campaigns=number)
    return 1 if fail_on_quiet_hours and facts.breaches else 0
