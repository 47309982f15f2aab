"""`campaign-export report`: one page about a snapshot."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import click

from exporter.errors import InputError
from exporter.units import counted, format_size
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT, check_output
from jobs.support.output_formats import write_output
from jobs.support.param_types import OUTPUT_FILE, Parsed

with lazy_imports(__name__):
    from exporter.report.compliance import ids_of
    from exporter.report.page import render_report
    from exporter.report.quiet_hours import parse_quiet_hours
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.tables.time_zones import resolve_time_zone

MOST_NAMED = 10
"""Campaigns that stderr names; the page has all of them."""


def _time_zone(text: str) -> str:
    name = resolve_time_zone(text)
    if name is None:
        raise ValueError(f"{text!r} is not an IANA time zone; write one like Europe/Lisbon or UTC")
    return name


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a day: write one like 2026-03-29") from None
    if not date.min.year < day.year < date.max.year:
        raise ValueError(f"{text!r} is too near the end of the calendar: write a day like 2026-03-29")
    return day


@job(
    "report",
    example="campaign-export report exports -o report.html --quiet-hours 21:00-08:00 --quiet-hours SU:00:00-24:00",
    codes={**READING, 0: "written", 1: "written, and a --fail-on… option found something"},
)
@click.argument("dest")
@click.argument("snapshot", required=False)
@option(
    "-o", "--output", required=True, type=OUTPUT_FILE, metavar="FILE.html",
    help="HTML file to write, atomically; - for standard output.",
)  # fmt: skip
@option(
    "--timezone",
    type=Parsed("ZONE", _time_zone),
    default="UTC",
    help="Time zone of the second heat map.",
)
@option(
    "--week",
    type=Parsed("YYYY-MM-DD", _day, dates=True),
    help="A day of the week whose UTC offsets the second heat map uses.  [default: the snapshot's]",
)
@option(
    "--quiet-hours",
    type=Parsed("[DAYS:]HH:MM-HH:MM", parse_quiet_hours),
    multiple=True,
    help="Hours when nothing must be sent, in the campaign's time zone: 21:00-08:00, MO-FR:20:00-09:00. Repeatable.",
)
@option(
    "--fail-on-quiet-hours",
    is_flag=True,
    help="Exit with 1 when a campaign reaches into quiet hours, or could not be checked.",
)
@option(
    "--fail-on-missing-dnc",
    is_flag=True,
    help="Exit with 1 when an SMS campaign has no do-not-contact list, or could not be checked.",
)
@ACCOUNT
def command(
    console: Console,
    dest: str,
    snapshot: str | None,
    output: str | None,
    timezone: str,
    week: date | None,
    quiet_hours: tuple[Any, ...],
    fail_on_quiet_hours: bool,
    fail_on_missing_dnc: bool,
    account: str | None,
) -> int:
    """Write one self-contained HTML page about a snapshot: by default the latest.

    The page opens from a mail or a file share, without a network.
    """
    check_output(output, "html", "htm")
    if fail_on_quiet_hours and not quiet_hours:
        raise InputError("--fail-on-quiet-hours needs --quiet-hours, such as --quiet-hours 21:00-08:00.")
    destination = open_destination(dest)
    page, facts = render_report(
        destination,
        snapshot,
        now=time.time(),
        account=account,
        time_zone=timezone,
        quiet=quiet_hours,
        week=week,
    )
    console.notices((*facts.notices, *(f"quiet hours {hours.text}" for hours in quiet_hours if "whole" in hours.text)))
    data = page.encode()
    write_output(data, output)
    console.say(f"{output or 'report'}: {format_size(len(data))}", event="reported", file=output, bytes=len(data))
    check, dnc = facts.quiet_hours, facts.dnc
    findings = (
        ("quiet_hours", "reach into quiet hours", ids_of(check.violations), fail_on_quiet_hours),
        ("quiet_hours_not_checked", "not checked for quiet hours", ids_of(check.not_checked), fail_on_quiet_hours),
        ("dnc_missing", "SMS without a do-not-contact list", dnc.missing, fail_on_missing_dnc),
        ("dnc_not_checked", "not checked for a do-not-contact list", ids_of(dnc.not_checked), fail_on_missing_dnc),
    )
    code = 0
    for event, finding, campaign_ids, fails in findings:
        if campaign_ids:
            named = ", ".join(campaign_ids[:MOST_NAMED]) + (", …" if len(campaign_ids) > MOST_NAMED else "")
            tell = console.trouble if fails else console.say
            number = len(campaign_ids)
            tell(f"{finding}: {counted(number, 'campaign')} ({named})", event=event, campaigns=number)
            code = 1 if fails else code
    return code
