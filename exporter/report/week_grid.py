"""The week as a grid of weekday and hour, and the calling windows on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.report.intervals import DAY, WEEK, Intervals, common, joined, wrapped
from exporter.tables.time_zones import time_zones

Grid = list[list[float]]
"""Seven weekdays of 24 hours: campaigns that may send in that hour, a part of an hour counting as a part."""


class Window(NamedTuple):
    """A calling window that could be read, as `calling_windows` has it."""

    campaign_id: str
    day_of_week: int
    start_minute: int
    end_minute: int
    timezone: str | None

    @property
    def intervals(self) -> Intervals:
        """Its minutes of the week."""
        midnight = (self.day_of_week - 1) * DAY
        return wrapped(midnight + self.start_minute, midnight + self.end_minute)


class CampaignWeek(NamedTuple):
    """The minutes of the week in which a campaign may send, overlaps joined, and its time zone."""

    intervals: Intervals
    timezone: str | None


def by_campaign(windows: Iterable[Window]) -> dict[str, list[Window]]:
    """The windows of each campaign."""
    result: dict[str, list[Window]] = {}
    for window in windows:
        result.setdefault(window.campaign_id, []).append(window)
    return result


def weeks_of(windows: Iterable[Window]) -> dict[str, CampaignWeek]:
    """The week of each campaign."""
    return {
        campaign_id: CampaignWeek(joined(part for window in own for part in window.intervals), own[0].timezone)
        for campaign_id, own in by_campaign(windows).items()
    }


def own_time_grid(weeks: Mapping[str, CampaignWeek], only: Intervals | None = None) -> Grid:
    """The week in each campaign's own time zone; `only`: no other minutes than these."""
    steps = [0.0] * WEEK
    for week in weeks.values():
        for start, stop in week.intervals if only is None else common(week.intervals, only):
            _mark(steps, start, stop)
    return _hours(steps)


def time_zone_grid(weeks: Mapping[str, CampaignWeek], time_zone: str, monday: date) -> Grid:
    """The week that begins on `monday` as the clock of `time_zone` shows it, with the UTC offsets of that week.

    Campaigns without a known time zone are left out.
    """
    steps = [0.0] * WEEK
    for week in weeks.values():
        if week.timezone is None or week.timezone not in time_zones():
            continue
        for start, stop in week.intervals:
            begin = minute_in(time_zone, week.timezone, start, monday)
            _mark(steps, begin, minute_in(time_zone, week.timezone, stop, monday))
    return _hours(steps)


@cache
def minute_in(time_zone: str, other: str, minute: int, monday: date) -> int:
    """What minute of the week it is in `time_zone` when it is `minute` in `other`."""
    midnight = datetime.combine(monday, time())
    moment = (midnight + timedelta(minutes=minute)).replace(tzinfo=ZoneInfo(other))
    there = moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    return int((there - midnight).total_seconds() // 60)


def overlapping(windows: Iterable[Window]) -> set[str]:
    """The campaigns with windows that overlap, over the end of the week too."""
    return {campaign_id for campaign_id, own in by_campaign(windows).items() if _overlap(own)}


def _overlap(windows: list[Window]) -> bool:
    intervals = sorted(part for window in windows for part in window.intervals)
    return any(following < stop for (_, stop), (following, _) in pairwise(intervals))


def _mark(steps: list[float], start: int, stop: int) -> None:
    """Note the minutes at which an interval begins and ends; `_hours` adds them up."""
    start, length = start % WEEK, stop - start
    for first, last in wrapped(start, start + length) if length > 0 else ():
        steps[first] += 1
        if last < WEEK:
            steps[last] -= 1


def _hours(steps: list[float]) -> Grid:
    level = 0.0
    grid = [[0.0] * 24 for _ in range(7)]
    for minute, step in enumerate(steps):
        level += step
        grid[minute // DAY][minute % DAY // 60] += level / 60
    # Sixtieths add up to 0.9999…, and that is a whole campaign.
    return [[round(value, 6) for value in day] for day in grid]
