"""The week as a grid of weekday and hour, and the calling windows on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.report.quiet_hours import DAY, WEEK, QuietHours, wrapped
from exporter.tables.time_zones import time_zones

HOURS = 24

Grid = list[list[float]]
"""Seven weekdays of 24 hours: campaigns that may send in that hour, a part of an hour counting as a part."""

Window = tuple[str, int, int, int, str | None]
"""Campaign ID, ISO weekday, start minute, end minute, time zone, as `calling_windows` has them."""

Spans = list[tuple[int, int]]


def grids(windows: Iterable[Window], time_zone: str, moment: datetime) -> tuple[Grid, Grid, int]:
    """The week in each campaign's own zone and in `time_zone`, with the offsets of that moment.

    The third is the number of campaigns whose zone is not known: they are not in the second grid.
    """
    own, chosen = [[0.0] * WEEK for _ in range(2)]
    there = _offset(time_zone, moment)
    offsets: dict[str | None, int | None] = {None: None}
    strangers = 0
    for spans, zone in spans_of(windows).values():
        if zone not in offsets:
            offsets[zone] = _offset(zone, moment) if zone in time_zones() else None
        here = offsets[zone]
        for start, stop in spans:
            _mark(own, start, stop)
            if here is not None:
                _mark(chosen, start + there - here, stop + there - here)
        strangers += here is None
    return _hours(own), _hours(chosen), strangers


def quiet_grid(windows: Iterable[Window], quiet: Sequence[QuietHours]) -> Grid:
    """The week in each campaign's own zone, of what is sent in quiet hours only."""
    marks = [0.0] * WEEK
    hours = joined(span for one in quiet for span in one.spans)
    for spans, _ in spans_of(windows).values():
        for start, stop in common(spans, hours):
            _mark(marks, start, stop)
    return _hours(marks)


def spans_of(windows: Iterable[Window]) -> dict[str, tuple[Spans, str | None]]:
    """For each campaign its minutes of the week, overlaps joined so that it counts once, and its zone."""
    found: dict[str, tuple[Spans, str | None]] = {}
    for campaign_id, number, start, end, zone in windows:
        begin = (number - 1) * DAY
        found.setdefault(campaign_id, ([], zone))[0].extend(wrapped(begin + start, begin + end))
    for spans, _ in found.values():
        spans[:] = joined(spans)
    return found


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """The same minutes in spans that neither overlap nor touch, in order."""
    found: Spans = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def common(one: Spans, other: Spans) -> Spans:
    """The minutes that are in both. Both as `joined` gives them."""
    return [
        (max(start, first), min(stop, last))
        for start, stop in one
        for first, last in other
        if max(start, first) < min(stop, last)
    ]


def overlapping(windows: Iterable[Window]) -> set[str]:
    """The campaigns with windows that overlap, over the end of the week too."""
    minutes: dict[str, int] = {}
    for campaign_id, _, start, end, _ in (rows := list(windows)):
        minutes[campaign_id] = minutes.get(campaign_id, 0) + end - start
    spans = spans_of(rows)
    return {one for one, total in minutes.items() if total > sum(stop - start for start, stop in spans[one][0])}


def _mark(week: list[float], start: int, stop: int) -> None:
    """Note the steps at which a span begins and ends; `_hours` adds them up."""
    start, length = start % WEEK, stop - start
    for first, last in wrapped(start, start + length):
        week[first] += 1
        if last < WEEK:
            week[last] -= 1


def _hours(steps: list[float]) -> Grid:
    level = 0.0
    grid = [[0.0] * HOURS for _ in range(7)]
    for minute, step in enumerate(steps):
        level += step
        grid[minute // DAY][minute % DAY // 60] += level / 60
    # Sixtieths add up to 0.9999…, and that is a whole campaign.
    return [[round(value, 6) for value in day] for day in grid]


def _offset(zone: str | None, moment: datetime) -> int:
    """Minutes by which a zone is ahead of UTC at that moment."""
    offset = moment.astimezone(ZoneInfo(zone or "UTC")).utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0
