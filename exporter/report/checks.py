"""What a compliance officer asks of a snapshot: quiet hours, do-not-contact lists, and what could not be checked.

What could not be read is *not checked*; it never counts as kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from exporter.report.quiet_hours import QuietHours, Violation, violations
from exporter.report.week_grid import Window
from exporter.tables.columns import CALLING_HOURS
from exporter.tables.time_zones import time_zones
from exporter.text import dumps, loads

_ENTRY = re.compile(r"\.days\.\d+\.(?:day|start|end)(?:\.|$)")
"""What an entry of the calling hours consists of. Where it could not be read, its row says so already."""


class NotChecked(msgspec.Struct, frozen=True):
    """A campaign of which a check cannot say anything, and why."""

    campaign_id: str
    reasons: list[str]


class QuietHoursCheck(msgspec.Struct, frozen=True):
    """Calling windows against quiet hours. A campaign can be in both lists."""

    quiet: Sequence[QuietHours]
    violations: list[Violation]
    not_checked: list[NotChecked]

    @property
    def kept(self) -> bool:
        """Whether every campaign is known to keep them."""
        return not self.violations and not self.not_checked


class DncCheck(msgspec.Struct, frozen=True):
    """SMS campaigns without a do-not-contact list: nobody is scrubbed for them."""

    missing: list[str]
    not_checked: list[NotChecked]


def ids_of(findings: Sequence[Violation] | Sequence[NotChecked]) -> list[str]:
    """The campaigns of findings."""
    return [finding.campaign_id for finding in findings]


def check_quiet_hours(campaigns: pa.Table, windows: pa.Table, quiet: Sequence[QuietHours]) -> QuietHoursCheck:
    """Compare the windows of every campaign with quiet hours, both on the clock of the campaign's time zone."""
    if not quiet:
        return QuietHoursCheck(quiet, [], [])
    unread: dict[str, list[str]] = {}
    known: set[str] = set()
    for row in windows.select(["campaign_id", "day", "end_minute", "raw_start", "raw_end"]).to_pylist():
        known.add(row["campaign_id"])
        if row["day"] is None or row["end_minute"] is None:
            unread.setdefault(row["campaign_id"], []).append(_unread_text(row))
    not_checked = []
    for row in campaigns.select(["campaign_id", "calling_hours_timezone", "extra"]).to_pylist():
        reasons = list(dict.fromkeys(unread.get(row["campaign_id"], [])))
        if row["campaign_id"] not in known:
            reasons.append("has no calling window")
        reasons += _time_zone_reason(row["calling_hours_timezone"])
        reasons += _unsure_reasons(row["extra"])
        if reasons:
            not_checked.append(NotChecked(row["campaign_id"], reasons))
    return QuietHoursCheck(quiet, violations(readable(windows), quiet), not_checked)


def readable(windows: pa.Table) -> list[Window]:
    """Every window that could be read."""
    columns = (windows.column(name).to_pylist() for name in Window._fields)
    return [Window(*row) for row in zip(*columns, strict=True) if row[1] is not None and row[3] is not None]


def _unread_text(row: dict[str, Any]) -> str:
    start, end = row["raw_start"], row["raw_end"]
    return f"window {row['day'] or 'without a weekday'} {start or '?'}-{end or '?'} could not be read"


def _time_zone_reason(zone: str | None) -> Iterator[str]:
    if zone is None:
        yield "has no time zone"
    elif zone not in time_zones():
        yield f"{zone!r} is no IANA time zone"


def _unsure_reasons(extra: str | None) -> Iterator[str]:
    """What stands beside the windows and is not understood, such as `enabled: false` inside an entry."""
    if extra is None or CALLING_HOURS.casefold() not in extra.casefold():
        return
    for path, value in loads(extra).items():
        below = path[len(CALLING_HOURS) :]
        if path.casefold().startswith(CALLING_HOURS.casefold()) and below[:1] in ("", ".") and not _ENTRY.match(below):
            yield f"callingHours{below} is {dumps(value)}"


def check_dnc(campaigns: pa.Table, api_version: str) -> DncCheck:
    """Find the SMS campaigns that no do-not-contact list is linked to.

    The account's global list covers voice campaigns only (the vendor's user guide). The paths of API v1 show no lists.
    """
    missing: list[str] = []
    not_checked: list[NotChecked] = []
    columns = ["campaign_id", "campaign_type", "dnc_list_ids", "dnc_list_names", "extra"]
    for row in campaigns.select(columns).to_pylist():
        campaign_id, kind = row["campaign_id"], row["campaign_type"]
        if kind == "voice" or row["dnc_list_ids"] or row["dnc_list_names"]:
            continue
        if row["extra"] is not None and "dnclist" in row["extra"].casefold():
            not_checked.append(NotChecked(campaign_id, ["its dncLists could not be read"]))
        elif kind is None:
            not_checked.append(NotChecked(campaign_id, ["neither known to be SMS nor voice"]))
        elif api_version == "v1":
            not_checked.append(NotChecked(campaign_id, ["API v1 shows no do-not-contact lists"]))
        else:
            missing.append(campaign_id)
    return DncCheck(missing, not_checked)
