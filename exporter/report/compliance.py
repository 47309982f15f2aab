"""What a compliance officer asks of a snapshot: quiet hours, do-not-contact lists, and what could not be checked.

What could not be read is *not checked*; it never counts as kept.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from exporter.json_text import loads
from exporter.report.intervals import DAY
from exporter.report.quiet_hours import QuietHours, Violation, violations
from exporter.report.week_grid import Window
from exporter.tables.answer_walk import spelling
from exporter.tables.extra_and_issue_columns import MORE_ISSUES
from exporter.tables.time_of_day import DAY as SECONDS
from exporter.tables.time_of_day import fraction, read_time
from exporter.tables.time_zones import resolve_time_zone

_OF_CALLING_HOURS = re.compile(r"dialingStrategy(?:\.callingHours\b[^:]*)?: ", re.IGNORECASE)
"""How an issue with the calling hours begins, or with what holds them."""

_READ_ALL_THE_SAME = re.compile(
    r"[^:]*: (?:starts and ends at the same time; |DAILY without a day; |not a list; read as its only entry"
    r"|no IANA time zone; read as |[\d,]+ windows? could not be read: )"
)
"""Issues that say how something was read, or repeat what another issue says."""


class CampaignNotes(msgspec.Struct, frozen=True):
    """What a section of the report says of one campaign."""

    campaign_id: str
    texts: list[str]


class QuietHoursCheck(msgspec.Struct, frozen=True):
    """Calling windows against quiet hours. A campaign can be in both lists. `not_checked`: and why."""

    quiet: Sequence[QuietHours]
    violations: list[Violation]
    not_checked: list[CampaignNotes]

    @property
    def kept(self) -> bool:
        """Whether every campaign is known to keep them."""
        return not self.violations and not self.not_checked


class DncCheck(msgspec.Struct, frozen=True):
    """SMS campaigns without a do-not-contact list: nobody is scrubbed for them."""

    missing: list[str]
    not_checked: list[CampaignNotes]


def ids_of(findings: Sequence[Violation] | Sequence[CampaignNotes]) -> list[str]:
    """The campaigns of findings."""
    return [finding.campaign_id for finding in findings]


def rows_of(table: pa.Table, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, with some of its columns."""
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def not_fetched(failures: pa.Table) -> list[CampaignNotes]:
    """Campaigns that may be there and could not be read: their hours and lists are not known."""
    outcomes = rows_of(failures, ("campaign_id", "outcome"))
    return [
        CampaignNotes(campaign_id, ["could not be fetched"])
        for campaign_id, outcome in outcomes
        if outcome != "not_found"
    ]


def check_quiet_hours(
    campaigns: pa.Table,
    windows: Iterable[Window],
    with_entries: Container[str],
    failures: pa.Table,
    quiet: Sequence[QuietHours],
) -> QuietHoursCheck:
    """Compare the windows of every campaign with quiet hours, both on the clock of the campaign's time zone.

    `windows`: those that could be read. `with_entries`: the campaigns with a window, readable or not.
    """
    if not quiet:
        return QuietHoursCheck(quiet, [], [])
    not_checked = not_fetched(failures)
    for campaign_id, zone, issues in rows_of(campaigns, ("campaign_id", "calling_hours_timezone", "parse_issues")):
        reasons = [issue for issue in issues or () if is_unsure(issue)]
        if campaign_id not in with_entries:
            reasons.append("no calling window")
        if zone is None:
            reasons.append("no time zone")
        if reasons:
            not_checked.append(CampaignNotes(campaign_id, reasons))
    return QuietHoursCheck(quiet, violations(windows, quiet), not_checked)


def is_unsure(issue: str) -> bool:
    """Whether a parse issue means that the windows of its campaign are not known for certain."""
    if issue == MORE_ISSUES:
        return True  # one that is not listed may be of the calling hours
    return _OF_CALLING_HOURS.match(issue) is not None and _READ_ALL_THE_SAME.match(issue) is None


def readable(windows: pa.Table) -> list[Window]:
    """Every window that could be read, its end rounded up to the minute, its time zone by its IANA name if it has one.

    `end_minute` leaves seconds out, and a window that ends seconds after nine reaches into quiet hours from nine.
    """
    rows = rows_of(windows, (*Window._fields, "end_time", "raw_end", "crosses_midnight"))
    return [
        Window(campaign_id, day, start, _end(end_time, raw_end or "") + crosses * DAY, zone_name(zone))
        for campaign_id, day, start, end, zone, end_time, raw_end, crosses in rows
        if day is not None and end is not None
    ]


@cache
def _end(end_time: str, raw_end: str) -> int:
    """The minute of its day at which a window has ended; `24:00` is also how a moment before midnight is read."""
    seconds = read_time(end_time, is_end=True) or 0
    return -(-(seconds + (fraction(raw_end) > 0 and seconds < SECONDS)) // 60)


@cache
def zone_name(zone: str | None) -> str | None:
    """The IANA name of a time zone that differs in case or blanks; what has none is as it was given."""
    return zone and (resolve_time_zone(zone) or zone)


def check_dnc(campaigns: pa.Table, failures: pa.Table, api_version: str) -> DncCheck:
    """Find the SMS campaigns that no do-not-contact list is linked to.

    The account's global list covers voice campaigns only (the vendor's user guide). The paths of API v1 show no lists.
    """
    missing: list[str] = []
    not_checked = not_fetched(failures)
    columns = ("campaign_id", "campaign_type", "dnc_list_ids", "dnc_list_names", "extra")
    for campaign_id, kind, list_ids, list_names, extra in rows_of(campaigns, columns):
        if kind == "voice" or any(list_ids or ()) or any(list_names or ()):
            continue
        if any(spelling(path).startswith("dnclist") for path in loads(extra or "{}")):
            not_checked.append(CampaignNotes(campaign_id, ["its dncLists could not be read"]))
        elif kind is None:
            not_checked.append(CampaignNotes(campaign_id, ["neither known to be SMS nor voice"]))
        elif api_version == "v1":
            not_checked.append(CampaignNotes(campaign_id, ["API v1 shows no do-not-contact lists"]))
        else:
            missing.append(campaign_id)
    return DncCheck(missing, not_checked)
