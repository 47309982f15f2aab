"""What the page shows, read from the snapshots of a destination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.errors import DestinationError
from exporter.model import FailureGroup, Pause, group_failures
from exporter.report.compliance import (
    CampaignNotes,
    DncCheck,
    QuietHoursCheck,
    check_dnc,
    check_quiet_hours,
    readable,
    rows_of,
    zone_name,
)
from exporter.report.intervals import DAY
from exporter.report.quiet_hours import QuietHours, all_of, window_text
from exporter.report.week_grid import Grid, Window, by_campaign, overlapping, own_time_grid, time_zone_grid, weeks_of
from exporter.snapshot_store.catalog import SnapshotInfo
from exporter.snapshot_store.choose_account_and_snapshot import find, one_per_run, snapshots_of_account
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.diff import Changes, changes_between
from exporter.snapshot_store.manifest import Manifest, Pacing, milliseconds
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import read_table
from exporter.tables.time_zones import time_zones

MOST_SNAPSHOTS = 60
"""Snapshots in the chart over time."""

EXAMPLES = 8
"""IDs that are named of each kind of failure."""

NOT_GIVEN = "not given"

STEPS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
"""The units in which the progress of a run is shown."""

Counted = list[tuple[str, int]]
"""Values with the number of campaigns that have them, the most frequent first."""


class Campaign(msgspec.Struct, frozen=True):
    """What the page shows beside a campaign's ID."""

    name: str
    status: str
    timezone: str


class Progress(msgspec.Struct, frozen=True):
    """How the run went: answers by time (second, minute or hour), the limits, the pauses."""

    answers: list[tuple[datetime, int]]
    unit: str
    limits: list[str]
    pauses: list[tuple[datetime, Pause]]
    """when each began, and what it was"""

    @property
    def step(self) -> timedelta:
        """From one of the answers to the next."""
        return STEPS[self.unit]


class Facts(msgspec.Struct, frozen=True):
    """All that the page shows."""

    manifest: Manifest
    where: str
    notices: list[str]
    """about the choice of the account and of its snapshots"""
    campaigns: dict[str, Campaign]
    time_zone: str
    monday: date
    own_week: Grid
    time_zone_week: Grid
    quiet_week: Grid
    """as `own_week`, in quiet hours only"""
    overnight: list[CampaignNotes]
    """windows whose end is not after their start, read as an end on the next day"""
    zone_unknown: int
    """campaigns that are not in `time_zone_week`"""
    by_status: Counted
    by_type: Counted
    by_zone: Counted
    history: list[SnapshotInfo]
    statuses: dict[str, dict[str, int]]
    """campaigns by status in each snapshot of `history` that could be read"""
    previous: str | None
    changes: Changes | None
    unreadable: list[str]
    progress: Progress
    failures: tuple[FailureGroup, ...]
    issues: list[CampaignNotes]
    """what deserves a look"""
    quiet_hours: QuietHoursCheck
    dnc: DncCheck


def gather(
    destination: Destination,
    snapshot: str | None,
    *,
    now: float,
    account: str | None = None,
    time_zone: str = "UTC",
    quiet: Sequence[QuietHours] = (),
    week: date | None = None,
) -> Facts:
    """Read what the page needs about a snapshot; None: the newest of the account. Raises `DestinationError`.

    `now`: seconds since 1970. `account`: where the destination has several. `week`: a day of the week whose UTC offsets
    count.
    """
    named = find(destination, snapshot) if snapshot is not None else None
    chosen = snapshots_of_account(destination, now, account=account, snapshot=named)
    snapshot = named or chosen.snapshots[-1].snapshot_id
    history = _history(chosen.snapshots, snapshot)
    manifest = history[-1].manifest
    campaigns = read_table(destination, snapshot, "campaigns", manifest=manifest)
    windows = read_table(destination, snapshot, "calling_windows", manifest=manifest)
    failures = read_table(destination, snapshot, "failures", manifest=manifest)
    previous = history[-2].snapshot_id if len(history) > 1 else None
    unreadable: list[str] = []
    day = week or began_at(snapshot).date()
    monday = day - timedelta(days=day.weekday())
    rows = readable(windows)
    weeks = weeks_of(rows)
    with_entries = set(windows.column("campaign_id").to_pylist())
    by_status = _counted(campaigns, "status")
    return Facts(
        manifest=manifest,
        where=destination.where(snapshot),
        notices=chosen.notices,
        campaigns=_campaigns(campaigns),
        time_zone=time_zone,
        monday=monday,
        own_week=own_time_grid(weeks),
        time_zone_week=time_zone_grid(weeks, time_zone, monday),
        quiet_week=own_time_grid(weeks, all_of(quiet)),
        overnight=_overnight(rows),
        zone_unknown=sum(own.timezone not in time_zones() for own in weeks.values()),
        by_status=by_status,
        by_type=_counted(campaigns, "campaign_type"),
        by_zone=_counted(campaigns, "calling_hours_timezone", zone_name),
        history=history,
        statuses=_statuses(destination, history[:-1], unreadable) | {snapshot: dict(by_status)},
        previous=previous,
        changes=_changes(destination, previous, snapshot, unreadable),
        unreadable=unreadable,
        progress=_progress(manifest, campaigns, failures),
        failures=group_failures(rows_of(failures, ("campaign_id", "outcome", "error")), examples=EXAMPLES),
        issues=_issues(campaigns, rows, with_entries),
        quiet_hours=check_quiet_hours(campaigns, rows, with_entries, failures, quiet),
        dnc=check_dnc(campaigns, failures, manifest.api.version),
    )


def _campaigns(campaigns: pa.Table) -> dict[str, Campaign]:
    rows = rows_of(campaigns, ("campaign_id", "name", "status", "calling_hours_timezone"))
    return {row[0]: Campaign(row[1] or "", row[2] or NOT_GIVEN, row[3] or NOT_GIVEN) for row in rows}


def _history(snapshots: list[SnapshotInfo], snapshot: str) -> list[SnapshotInfo]:
    """The runs up to this snapshot."""
    end = next(index for index, info in enumerate(snapshots) if info.snapshot_id == snapshot)
    return one_per_run(snapshots[: end + 1])[-MOST_SNAPSHOTS:]


def _overnight(windows: list[Window]) -> list[CampaignNotes]:
    late = by_campaign(window for window in windows if window.end_minute > DAY)
    return [CampaignNotes(campaign_id, list(map(window_text, own))) for campaign_id, own in late.items()]


def _statuses(
    destination: Destination, snapshots: list[SnapshotInfo], unreadable: list[str]
) -> dict[str, dict[str, int]]:
    """Campaigns by status in older snapshots. A damaged one does not hide the others."""
    result: dict[str, dict[str, int]] = {}
    for info in snapshots:
        try:
            campaigns = read_table(destination, info.snapshot_id, "campaigns", ["status"], manifest=info.manifest)
        except DestinationError as error:
            unreadable.append(str(error))
        else:
            result[info.snapshot_id] = dict(_counted(campaigns, "status"))
    return result


def _changes(destination: Destination, previous: str | None, snapshot: str, unreadable: list[str]) -> Changes | None:
    try:
        return changes_between(destination, previous, snapshot) if previous is not None else None
    except DestinationError as error:
        if str(error) not in unreadable:
            unreadable.append(str(error))
        return None


def _counted(campaigns: pa.Table, column: str, name_of: Callable[[str], str | None] = str) -> Counted:
    """Null, an empty text and `not given` are the same to a reader, and are added up."""
    counts: dict[str, int] = {}
    for row in pc.value_counts(campaigns.column(column)).to_pylist():
        name = name_of(row["values"] or "") or NOT_GIVEN
        counts[name] = counts.get(name, 0) + row["counts"]
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _progress(manifest: Manifest, campaigns: pa.Table, failures: pa.Table) -> Progress:
    """Answers by second, minute or hour, as long as the run was, from the time of each answer."""
    pacing = manifest.pacing if isinstance(manifest.pacing, Pacing) else Pacing([], [])
    pauses = [(datetime.fromtimestamp(milliseconds(pause.at) / 1000, UTC), pause) for pause in pacing.pauses]
    fresh = campaigns.filter(pc.is_null(campaigns.column("carried_from"))).column("fetched_at")
    times = pa.chunked_array([*fresh.chunks, *failures.column("last_at").chunks], fresh.type)
    if manifest.mode == "rebuild" or not len(times):
        return Progress([], "minute", pacing.limits, pauses)
    span = pc.max(times).as_py() - pc.min(times).as_py()
    unit = "second" if span < timedelta(minutes=4) else "minute" if span <= timedelta(hours=24) else "hour"
    counts = pc.value_counts(pc.floor_temporal(times, unit=unit)).to_pylist()
    answers = {row["values"].astimezone(UTC): row["counts"] for row in counts}
    first, last = min(answers), max(answers)
    step = STEPS[unit]
    steps = min(int((last - first) / step), 24 * 400)
    every = (first + step * index for index in range(steps + 1))
    return Progress([(moment, answers.get(moment, 0)) for moment in every], unit, pacing.limits, pauses)


def _issues(campaigns: pa.Table, rows: list[Window], with_entries: set[str]) -> list[CampaignNotes]:
    with_overlaps = overlapping(rows)
    result = []
    for campaign_id, parse_issues in rows_of(campaigns, ("campaign_id", "parse_issues")):
        texts = list(parse_issues or ())
        if campaign_id not in with_entries:
            texts.append("no calling window")
        if campaign_id in with_overlaps:
            texts.append("calling windows overlap")
        if texts:
            result.append(CampaignNotes(campaign_id, texts))
    return result
