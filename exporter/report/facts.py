"""What the page tells, gathered from the snapshots of a destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from exporter.report.quiet_hours import DAY, WEEK, Breach, QuietHours, breaches
from exporter.storage.changes import Changes, changes_between
from exporter.storage.destination import Destination
from exporter.storage.manifest import Manifest
from exporter.storage.names import began_at
from exporter.storage.reader import SnapshotInfo, belongs_to, list_snapshots, read_manifest, read_table

HOURS = 24
MOST_SNAPSHOTS = 60
"""Of the snapshots before, so many are in the picture over time."""

Grid = list[list[float]]
"""Seven weekdays of 24 hours: campaigns that may send in that hour, a part of an hour counting as a part."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """A campaign that deserves a look."""

    campaign_id: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the page tells."""

    manifest: Manifest
    where: str
    time_zone: str
    own_zone: Grid
    chosen_zone: Grid
    outside: int
    """campaigns whose zone is unknown and that are therefore not in `chosen_zone`"""
    by_status: list[tuple[str, int]]
    by_type: list[tuple[str, int]]
    by_zone: list[tuple[str, int]]
    history: list[SnapshotInfo]
    statuses_over_time: dict[str, dict[str, int]]
    changes: Changes | None
    requests: list[tuple[datetime, int]]
    failures: list[tuple[str, str, int, list[str]]]
    oddities: list[Oddity]
    quiet: Sequence[QuietHours]
    breaches: list[Breach]
    names: dict[str, str]


def gather(destination: Destination, snapshot: str, *, time_zone: str, quiet: Sequence[QuietHours]) -> Facts:
    """Read what the page needs. Raises `DestinationError`."""
    manifest = read_manifest(destination, snapshot)
    campaigns = read_table(destination, snapshot, "campaigns")
    windows = read_table(destination, snapshot, "calling_windows")
    history = [info for info in list_snapshots(destination) if _same(info.manifest, manifest)]
    history = [info for info in history if info.snapshot_id <= snapshot][-MOST_SNAPSHOTS:]
    before = history[-2].snapshot_id if len(history) > 1 else None
    names = dict(zip(campaigns.column("campaign_id").to_pylist(), campaigns.column("name").to_pylist(), strict=True))
    rows = _readable(windows)
    own, chosen, outside = _grids(rows, time_zone, began_at(snapshot))
    return Facts(
        manifest=manifest,
        where=destination.where(snapshot),
        time_zone=time_zone,
        own_zone=own,
        chosen_zone=chosen,
        outside=outside,
        by_status=_counted(campaigns, "status"),
        by_type=_counted(campaigns, "campaign_type"),
        by_zone=_counted(campaigns, "calling_hours_timezone"),
        history=history,
        statuses_over_time={
            info.snapshot_id: dict(_counted(read_table(destination, info.snapshot_id, "campaigns"), "status"))
            for info in history
        },
        changes=changes_between(destination, before, snapshot) if before is not None else None,
        requests=_per_minute(campaigns),
        failures=_failures(read_table(destination, snapshot, "failures")),
        oddities=_oddities(campaigns, rows),
        quiet=quiet,
        breaches=breaches([(row[0], row[1], row[2], row[3]) for row in rows], quiet),
        names={one: name or "" for one, name in names.items()},
    )


def _same(one: Manifest, other: Manifest) -> bool:
    from exporter.model import Identity

    api = other.api
    return belongs_to(one, Identity(api.host, api.stream_id, api.account_id, api.version))  # type: ignore[arg-type]


Row = tuple[str, int, int, int, str | None]


def _readable(windows: pa.Table) -> list[Row]:
    """(ID, ISO weekday, start minute, end minute, time zone) of every window that could be read."""
    whole = windows.filter(pc.and_(pc.is_valid(windows["day_of_week"]), pc.is_valid(windows["end_minute"])))
    names = ("campaign_id", "day_of_week", "start_minute", "end_minute", "timezone")
    return list(zip(*(whole.column(name).to_pylist() for name in names), strict=True))


def _grids(rows: list[Row], time_zone: str, moment: datetime) -> tuple[Grid, Grid, int]:
    own, chosen = [[0.0] * WEEK for _ in range(2)]
    there = _offset(time_zone, moment)
    known = available_timezones()
    offsets: dict[str | None, int | None] = {None: None}
    strangers: set[str] = set()
    for campaign_id, minutes in _minutes_of(rows).items():
        spans, zone = minutes
        if zone not in offsets:
            offsets[zone] = _offset(zone, moment) if zone in known else None
        here = offsets[zone]
        for start, stop in spans:
            _mark(own, start, stop)
            if here is not None:
                _mark(chosen, start + there - here, stop + there - here)
        if here is None:
            strangers.add(campaign_id)
    return _hours(own), _hours(chosen), len(strangers)


def _minutes_of(rows: list[Row]) -> dict[str, tuple[list[tuple[int, int]], str | None]]:
    """For each campaign its windows, overlaps joined, so that it counts once in an hour."""
    spans: dict[str, tuple[list[tuple[int, int]], str | None]] = {}
    for campaign_id, number, start, end, zone in rows:
        begin = (number - 1) * DAY
        spans.setdefault(campaign_id, ([], zone))[0].append((begin + start, begin + end))
    for found, _ in spans.values():
        found.sort()
        joined: list[tuple[int, int]] = []
        for start, stop in found:
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
            else:
                joined.append((start, stop))
        found[:] = joined
    return spans


def _mark(week: list[float], start: int, stop: int) -> None:
    """Note the steps at which a span begins and ends; `_hours` adds them up."""
    start, length = start % WEEK, stop - start
    stop = start + length
    week[start] += 1
    if stop < WEEK:
        week[stop] -= 1
    else:
        week[0] += 1
        if stop - WEEK < WEEK:
            week[stop - WEEK] -= 1


def _hours(steps: list[float]) -> Grid:
    level = 0.0
    grid = [[0.0] * HOURS for _ in range(7)]
    for minute, step in enumerate(steps):
        level += step
        grid[minute // DAY][minute % DAY // 60] += level / 60
    return grid


def _offset(zone: str | None, moment: datetime) -> int:
    """Minutes by which a zone is ahead of UTC at that moment."""
    offset = moment.astimezone(ZoneInfo(zone or "UTC")).utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0


def _counted(campaigns: pa.Table, column: str) -> list[tuple[str, int]]:
    counts = pc.value_counts(campaigns.column(column)).to_pylist()
    pairs = [(row["values"] or "not given", row["counts"]) for row in counts]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _per_minute(campaigns: pa.Table) -> list[tuple[datetime, int]]:
    fresh = campaigns.filter(pc.is_null(campaigns.column("carried_from")))
    minutes = pc.floor_temporal(fresh.column("fetched_at"), unit="minute")
    counts = {row["values"]: row["counts"] for row in pc.value_counts(minutes).to_pylist()}
    return sorted((moment.astimezone(UTC), number) for moment, number in counts.items())


def _failures(failures: pa.Table) -> list[tuple[str, str, int, list[str]]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in failures.select(["campaign_id", "outcome", "error"]).to_pylist():
        groups.setdefault((row["outcome"], row["error"]), []).append(row["campaign_id"])
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(outcome, error, len(ids), ids[:20]) for (outcome, error), ids in ordered]


def _oddities(campaigns: pa.Table, rows: list[Row]) -> list[Oddity]:
    have = {row[0] for row in rows}
    overlapping = _overlapping(rows)
    known = available_timezones()
    found = []
    columns = ("campaign_id", "name", "calling_hours_timezone", "parse_issues")
    for one, name, zone, issues in zip(*(campaigns.column(c).to_pylist() for c in columns), strict=True):
        what = list(issues or ())
        if one not in have:
            what.append("no calling window that could be read")
        if one in overlapping:
            what.append("calling windows overlap")
        if zone is not None and zone not in known and not any("time zone" in issue for issue in what):
            what.append(f"unknown time zone {zone}")
        if what:
            found.append(Oddity(one, name or "", "; ".join(what)))
    return found


def _overlapping(rows: list[Row]) -> set[str]:
    last: dict[str, int] = {}
    found: set[str] = set()
    for campaign_id, number, start, end, _ in sorted(rows, key=lambda row: (row[0], row[1], row[2])):
        begin = (number - 1) * DAY
        if begin + start < last.get(campaign_id, 0):
            found.add(campaign_id)
        last[campaign_id] = max(last.get(campaign_id, 0), begin + end)
    return found
