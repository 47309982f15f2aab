"""Hours in which messages must not be sent, and the calling windows that reach into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from exporter.tables.calling_hours import read_time
from exporter.tables.weekdays import WEEKDAYS, read_weekday

DAY = 1440
WEEK = 7 * DAY
"""Minutes."""

_FORM = re.compile(r"(?:([A-Za-z,]+):)?(\d{1,2}:\d{2})-(\d{1,2}:\d{2})")


class QuietHours(msgspec.Struct, frozen=True):
    """`spans`: (start, stop) in minutes of the week, from Monday's midnight, none beyond Sunday's."""

    text: str
    spans: tuple[tuple[int, int], ...]


def parse_quiet_hours(text: str) -> QuietHours:
    """`21:00-08:00` for every night, `SU:00:00-12:00` or `SA,SU:00:00-24:00` for some days. Raises `ValueError`.

    A night belongs to the day on which it begins.
    """
    found = _FORM.fullmatch(text.strip())
    start = read_time(found[2], is_end=False) if found else None
    stop = read_time(found[3], is_end=True) if found else None
    days = [read_weekday(name) for name in found[1].split(",")] if found and found[1] else list(range(7))
    if start is None or stop is None or None in days:
        raise ValueError(f"{text!r} are no quiet hours: write 21:00-08:00, or SU:00:00-12:00 for a weekday")
    begin, end = start // 60, stop // 60
    end += DAY if end <= begin else 0
    spans: list[tuple[int, int]] = []
    for day in days:
        assert day is not None  # noqa: S101 - looked at above
        spans += wrapped(day * DAY + begin, day * DAY + end)
    return QuietHours(text.strip(), tuple(sorted(spans)))


def wrapped(start: int, stop: int) -> list[tuple[int, int]]:
    """A span of minutes as one or two within the week."""
    if stop <= WEEK:
        return [(start, stop)]
    return [(start, WEEK), (0, stop - WEEK)]


class Breach(msgspec.Struct, frozen=True):
    """A calling window that reaches into quiet hours, in the campaign's own time zone.

    `minutes` of it lie in them; `spans` are the window's minutes of the week.
    """

    campaign_id: str
    window: str
    quiet: str
    minutes: int
    spans: tuple[tuple[int, int], ...]


def breaches(windows: Iterable[tuple[str, int, int, int]], quiet: Sequence[QuietHours]) -> list[Breach]:
    """`windows`: (campaign ID, ISO weekday, start minute, end minute as calling_windows has them)."""
    found = []
    for campaign_id, number, start, end in windows:
        begin = (number - 1) * DAY
        spans = wrapped(begin + start, begin + end)
        for hours in quiet:
            minutes = sum(
                max(0, min(stop, quiet_stop) - max(first, quiet_first))
                for first, stop in spans
                for quiet_first, quiet_stop in hours.spans
            )
            if minutes:
                shown = f"{WEEKDAYS[number - 1]} {clock(start)}-{clock(end)}"
                found.append(Breach(campaign_id, shown, hours.text, minutes, tuple(spans)))
    return found


def clock(minute: int) -> str:
    """`09:00`; a day's end is `24:00`."""
    minute = minute if minute <= DAY else minute - DAY
    return f"{minute // 60:02}:{minute % 60:02}"
