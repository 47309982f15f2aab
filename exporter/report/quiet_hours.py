"""Hours in which messages must not be sent, and the calling windows that reach into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from exporter.report.intervals import DAY, Intervals, common, joined, total, wrapped
from exporter.report.week_grid import Window, by_campaign
from exporter.tables.time_of_day import read_time
from exporter.tables.weekdays import WEEKDAYS, read_weekday

_FORM = re.compile(r"(?:(?P<days>[A-Za-z.,\s-]+?)\s*:?\s*)?(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})")


class QuietHours(msgspec.Struct, frozen=True):
    """`text` as it was given; `intervals` in minutes of the week."""

    text: str
    intervals: tuple[tuple[int, int], ...]


def parse_quiet_hours(text: str) -> QuietHours:
    """`21:00-08:00` for every night, `MO-FR:21:00-08:00` or `SA,SU:00:00-24:00` for some days. Raises `ValueError`.

    A night belongs to the day on which it begins. The same time at both ends is a whole day, and `text` says so.
    """
    match = _FORM.fullmatch(text.replace("–", "-").strip())
    start = read_time(match["start"], is_end=False) if match else None
    stop = read_time(match["end"], is_end=True) if match else None
    days = _days(match["days"]) if match else None
    if match is None or start is None or stop is None or days is None:
        raise ValueError(f"{text!r} are not quiet hours: write 21:00-08:00, MO-FR:21:00-08:00 or SU:00:00-12:00")
    begin, end = start // 60, stop // 60
    end += DAY if end <= begin else 0
    intervals = [part for day in days for part in wrapped(day * DAY + begin, day * DAY + end)]
    whole = " (a whole day)" if start == read_time(match["end"], is_end=False) else ""
    return QuietHours(text.strip() + whole, tuple(sorted(intervals)))


def _days(text: str | None) -> list[int] | None:
    """The weekdays of `MO-FR` or `SA, SU`; no text: all; None for what is not a weekday. A range may pass Sunday."""
    if text is None:
        return list(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, *last = (read_weekday(name) for name in part.split("-"))
        if first is None or None in last or len(last) > 1:
            return None
        length = (last[0] - first) % 7 if last and last[0] is not None else 0
        days |= {(first + number) % 7 for number in range(length + 1)}
    return sorted(days)


def all_of(quiet: Sequence[QuietHours]) -> Intervals:
    """The minutes of all quiet hours together."""
    return joined(interval for hours in quiet for interval in hours.intervals)


class Violation(msgspec.Struct, frozen=True):
    """A campaign whose `windows` reach into quiet hours, `minutes` a week, in its own time zone."""

    campaign_id: str
    windows: list[str]
    minutes: int


def violations(windows: Iterable[Window], quiet: Sequence[QuietHours]) -> list[Violation]:
    """The campaigns that reach into quiet hours, the worst first. No minute counts twice."""
    hours = all_of(quiet)
    result = []
    for campaign_id, own in by_campaign(windows).items():
        reaching = [window for window in own if common(window.intervals, hours)]
        minutes = total(common(joined(part for window in reaching for part in window.intervals), hours))
        if minutes:
            result.append(Violation(campaign_id, list(dict.fromkeys(map(window_text, reaching))), minutes))
    return sorted(result, key=lambda violation: (-violation.minutes, violation.campaign_id))


def window_text(window: Window) -> str:
    """`MO 09:00-18:00`; one that ends on the next day is marked."""
    text = f"{WEEKDAYS[window.day_of_week - 1]} {clock(window.start_minute)}-{clock(window.end_minute)}"
    return f"{text} (overnight)" if window.end_minute > DAY else text


def clock(minute: int) -> str:
    """`09:00`; the end of a day is `24:00`."""
    minute = minute if minute <= DAY else minute - DAY
    return f"{minute // 60:02}:{minute % 60:02}"
