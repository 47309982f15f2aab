"""What the page tells, gathered from the snapshots of a destination."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.errors import DestinationError
from exporter.model import Identity
from exporter.report.quiet_hours import Breach, QuietHours, breaches
from exporter.report.week import Grid, Window, grids, overlapping, quiet_grid
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.diff import Changes, changes_between
from exporter.snapshot_store.manifest import Manifest, milliseconds
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import SnapshotInfo, belongs_to, list_snapshots, read_manifest, read_table
from exporter.tables.time_zones import time_zones

MOST_SNAPSHOTS = 60
"""Of the snapshots before, so many are in the picture over time."""

NOT_GIVEN = "not given"

__all__ = ["Facts", "Grid", "Halt", "Oddity", "gather"]


class Oddity(msgspec.Struct, frozen=True):
    """A campaign that deserves a look."""

    campaign_id: str
    name: str
    what: list[str]


class Halt(msgspec.Struct, frozen=True):
    """A time when every worker waited."""

    began: datetime
    seconds: float
    why: str


class Course(msgspec.Struct, frozen=True):
    """How the run went: answers at moments, against the limits, with pauses."""

    answers: list[tuple[datetime, int]]
    step: timedelta
    limits: list[str]
    pauses: list[Halt]


class Facts(msgspec.Struct, frozen=True):
    """All that the page tells."""

    manifest: Manifest
    where: str
    time_zone: str
    own_zone: Grid
    chosen_zone: Grid
    breached: Grid
    """as `own_zone`, in quiet hours only"""
    outside: int
    """campaigns whose zone is unknown and that are therefore not in `chosen_zone`"""
    unchecked: int
    """campaigns without a window that could be read: quiet hours cannot be checked for them"""
    by_status: list[tuple[str, int]]
    by_type: list[tuple[str, int]]
    by_zone: list[tuple[str, int]]
    history: list[SnapshotInfo]
    statuses_over_time: dict[str, dict[str, int]]
    before: str | None
    changes: Changes | None
    unreadable: list[str]
    course: Course
    failures: list[tuple[str, str, int, list[str]]]
    oddities: list[Oddity]
    quiet: Sequence[QuietHours]
    breaches: list[Breach]
    names: dict[str, str]
    zones: dict[str, str]


def gather(destination: Destination, snapshot: str, *, time_zone: str, quiet: Sequence[QuietHours]) -> Facts:
    """Read what the page needs. Raises `DestinationError`."""
    manifest = read_manifest(destination, snapshot)
    campaigns = read_table(destination, snapshot, "campaigns")
    windows = read_table(destination, snapshot, "calling_windows")
    failures = read_table(destination, snapshot, "failures")
    unreadable: list[str] = []
    history = _history(destination, snapshot, manifest)
    before = history[-2].snapshot_id if len(history) > 1 else None
    ids: list[str] = campaigns.column("campaign_id").to_pylist()
    rows = _readable(windows)
    own, chosen, outside = grids(rows, time_zone, began_at(snapshot))
    return Facts(
        manifest=manifest,
        where=destination.where(snapshot),
        time_zone=time_zone,
        own_zone=own,
        chosen_zone=chosen,
        breached=quiet_grid(rows, quiet),
        outside=outside,
        unchecked=len(set(ids) - {row[0] for row in rows}),
        by_status=_counted(campaigns, "status"),
        by_type=_counted(campaigns, "campaign_type"),
        by_zone=_counted(campaigns, "calling_hours_timezone"),
        history=history,
        statuses_over_time=_statuses(destination, history, unreadable),
        before=before,
        changes=_changes(destination, before, snapshot, unreadable),
        unreadable=unreadable,
        course=_course(manifest, campaigns, failures),
        failures=_failures(failures),
        oddities=_oddities(campaigns, rows, set(windows.column("campaign_id").to_pylist())),
        quiet=quiet,
        breaches=breaches([(row[0], row[1], row[2], row[3]) for row in rows], quiet),
        names={one: name or "" for one, name in zip(ids, campaigns.column("name").to_pylist(), strict=True)},
        zones={
            one: zone or NOT_GIVEN
            for one, zone in zip(ids, campaigns.column("calling_hours_timezone").to_pylist(), strict=True)
        },
    )


def _history(destination: Destination, snapshot: str, manifest: Manifest) -> list[SnapshotInfo]:
    """The snapshots of the same account up to this one."""
    api = manifest.api
    identity = Identity(api.host, api.stream_id, api.account_id, api.version)  # type: ignore[arg-type]
    found = [info for info in list_snapshots(destination) if belongs_to(info.manifest, identity)]
    return [info for info in found if info.snapshot_id <= snapshot][-MOST_SNAPSHOTS:]


def _statuses(
    destination: Destination, history: list[SnapshotInfo], unreadable: list[str]
) -> dict[str, dict[str, int]]:
    """Of each snapshot its campaigns by status. A damaged old snapshot is no reason to tell nothing of this one."""
    found: dict[str, dict[str, int]] = {}
    for info in history:
        try:
            found[info.snapshot_id] = dict(
                _counted(read_table(destination, info.snapshot_id, "campaigns", ["status"]), "status")
            )
        except DestinationError as error:
            unreadable.append(str(error))
    return found


def _changes(destination: Destination, before: str | None, snapshot: str, unreadable: list[str]) -> Changes | None:
    try:
        return changes_between(destination, before, snapshot) if before is not None else None
    except DestinationError as error:
        if str(error) not in unreadable:
            unreadable.append(str(error))
        return None


def _readable(windows: pa.Table) -> list[Window]:
    """Every window that could be read."""
    whole = windows.filter(pc.and_(pc.is_valid(windows["day_of_week"]), pc.is_valid(windows["end_minute"])))
    names = ("campaign_id", "day_of_week", "start_minute", "end_minute", "timezone")
    return list(zip(*(whole.column(name).to_pylist() for name in names), strict=True))


def _counted(campaigns: pa.Table, column: str) -> list[tuple[str, int]]:
    counts = pc.value_counts(campaigns.column(column)).to_pylist()
    pairs = [(row["values"] or NOT_GIVEN, row["counts"]) for row in counts]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _course(manifest: Manifest, campaigns: pa.Table, failures: pa.Table) -> Course:
    """Answers by minute, or by second in a run of a few minutes, from when each answer came."""
    limits: list[str] = []
    pauses: list[Halt] = []
    if not isinstance(manifest.pacing, msgspec.UnsetType):
        limits = manifest.pacing.limits
        pauses = [
            Halt(datetime.fromtimestamp(milliseconds(pause.at) / 1000, UTC), pause.seconds, pause.why)
            for pause in manifest.pacing.pauses
        ]
    if manifest.mode == "rebuild":
        return Course([], timedelta(minutes=1), limits, pauses)
    fresh = campaigns.filter(pc.is_null(campaigns.column("carried_from"))).column("fetched_at")
    moments = pa.chunked_array([*fresh.chunks, *failures.column("last_at").chunks], fresh.type)
    if not len(moments):
        return Course([], timedelta(minutes=1), limits, pauses)
    span = pc.max(moments).as_py() - pc.min(moments).as_py()
    unit, step = ("second", timedelta(seconds=1)) if span < timedelta(minutes=4) else ("minute", timedelta(minutes=1))
    if span > timedelta(hours=24):
        unit, step = "hour", timedelta(hours=1)
    counts = pc.value_counts(pc.floor_temporal(moments, unit=unit)).to_pylist()
    found = {row["values"].astimezone(UTC): row["counts"] for row in counts}
    first, last = min(found), max(found)
    steps = min(int((last - first) / step), 24 * 400)
    return Course([(at, found.get(at, 0)) for at in (first + step * n for n in range(steps + 1))], step, limits, pauses)


def _failures(failures: pa.Table) -> list[tuple[str, str, int, list[str]]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in failures.select(["campaign_id", "outcome", "error"]).to_pylist():
        groups.setdefault((row["outcome"], row["error"]), []).append(row["campaign_id"])
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(outcome, error, len(ids), ids[:8]) for (outcome, error), ids in ordered]


def _oddities(campaigns: pa.Table, rows: list[Window], with_any: set[str]) -> list[Oddity]:
    have = {row[0] for row in rows}
    doubled = overlapping(rows)
    known = time_zones()
    found = []
    columns = ("campaign_id", "name", "calling_hours_timezone", "parse_issues")
    for one, name, zone, issues in zip(*(campaigns.column(c).to_pylist() for c in columns), strict=True):
        what = list(issues or ())
        if one not in with_any:
            what.append("no calling window at all")
        elif one not in have:
            what.append("no calling window that could be read")
        if one in doubled:
            what.append("calling windows overlap")
        if zone is not None and zone not in known and not any("time zone" in issue for issue in what):
            what.append(f"unknown time zone {zone}")
        if what:
            found.append(Oddity(one, name or "", what))
    return found
