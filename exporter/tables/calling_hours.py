"""Calling hours: the windows of a week in which a campaign may send.

Page get-sms-campaign-by-id-v2 shows `days[]` of `{day, start, end}` with times such as `9:00 AM`; page
hours-of-operation, of the same shape, ends a day at `11:59:59.999 PM`. What no page tells (an end at `12:00 AM`,
an end before its start, an entry without a day) is read by the rules below, and `issues` says where it is a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from exporter.tables.leaves import escape_key, is_nothing
from exporter.tables.time_of_day import DAY, clock, read_time
from exporter.tables.weekdays import WEEKDAYS, read_weekday
from exporter.text import dumps

MOST_ENTRIES = 10_000
"""A list of more is no week that anybody wrote, and each entry would become a row."""


class Window(NamedTuple):
    """One row of calling_windows, but for the columns of its campaign."""

    day: str | None = None
    day_of_week: int | None = None
    start_time: str | None = None
    end_time: str | None = None
    start_minute: int | None = None
    end_minute: int | None = None
    crosses_midnight: bool | None = None
    raw_start: str | None = None
    raw_end: str | None = None


class Week(msgspec.Struct, frozen=True, eq=False):
    """The calling hours of one campaign. Two are the same only when they are one object: a week is read once.

    `texts`: the windows of Monday … Sunday as the campaigns table shows them. `minutes`: allowed in a week,
    overlaps counted once; None when no window could be read. `left_over`: (path below `days`, value) of what is
    in no column.
    """

    texts: tuple[str | None, ...] = (None,) * 7
    minutes: int | None = None
    windows: tuple[Window, ...] = ()
    issues: tuple[str, ...] = ()
    left_over: tuple[tuple[str, Any], ...] = ()


NO_WEEK = Week()


def read_week(days: Any, *, daily: bool) -> Week:
    """The week that `callingHours.days` describes, whatever is in it.

    `daily`: the frequency is DAILY, so that an entry without a day is one for each of the seven.
    """
    if is_nothing(days):
        return NO_WEEK
    entries = days if isinstance(days, list) else [days]
    if len(entries) > MOST_ENTRIES:
        return Week(issues=(f"days: more than {MOST_ENTRIES:,} entries",), left_over=(("", days),))
    reading = _Reading()
    for index, entry in enumerate(entries):
        if not is_nothing(entry):
            reading.entry(f".{index}", entry, daily=daily)
    return reading.week()


class _Span(NamedTuple):
    """A window and its place in the week, in seconds after Monday's midnight."""

    start: int
    stop: int
    window: Window


class _Reading:
    """One pass over the entries that notes what is odd."""

    def __init__(self) -> None:
        self.spans: list[_Span] = []
        self.unread: list[Window] = []
        self.issues: list[str] = []
        self.left_over: dict[str, Any] = {}

    def week(self) -> Week:
        """What was read."""
        self.spans.sort()
        texts: list[list[str]] = [[] for _ in WEEKDAYS]
        for span in self.spans:
            texts[(span.window.day_of_week or 1) - 1].append(f"{span.window.start_time}-{span.window.end_time}")
        return Week(
            tuple(";".join(day) or None for day in texts),
            _minutes(self.spans) if self.spans else None,
            tuple(sorted([*(span.window for span in self.spans), *self.unread], key=_order)),
            tuple(self.issues),
            tuple(self.left_over.items()),
        )

    def entry(self, path: str, entry: Any, *, daily: bool) -> None:
        if not isinstance(entry, dict):
            self._odd(path, entry, "not an object with day, start and end")
            self.unread.append(Window())
            return
        for key, value in entry.items():
            if key not in ("day", "start", "end") and not is_nothing(value):
                self.left_over[f"{path}.{escape_key(key)}"] = value
        days = list(self._days(path, entry.get("day"), daily=daily))
        raw_start, start = self._time(path, "start", entry.get("start"))
        raw_end, end = self._time(path, "end", entry.get("end"))
        for day in days:
            name, number = (None, None) if day is None else (WEEKDAYS[day], day + 1)
            if start is None or end is None or day is None:
                # A half is still worth a cell; only a whole window can be compared or counted.
                minute = None if start is None else start // 60
                self.unread.append(
                    Window(name, number, clock(start), clock(end), minute, None, None, raw_start, raw_end)
                )
                continue
            stop = end if end > start else end + DAY
            window = Window(
                name, number, clock(start), clock(end), start // 60, stop // 60, stop > DAY, raw_start, raw_end
            )
            self.spans.append(_Span(day * DAY + start, day * DAY + stop, window))
        if raw_end is not None and start is not None and read_time(raw_end, is_end=False) == start:
            self.issues.append(f"days{path}: starts and ends at the same time; read as a whole day")

    def _days(self, path: str, value: Any, *, daily: bool) -> Iterator[int | None]:
        if is_nothing(value) or value == "":
            if daily:
                self.issues.append(f"days{path}: DAILY without a day; read as each of the seven")
                yield from range(7)
            else:
                self.issues.append(f"days{path}: no day")
                yield None
            return
        day = read_weekday(value) if isinstance(value, str) else None
        if day is None:
            self._odd(f"{path}.day", value, "not a weekday")
        yield day

    def _time(self, path: str, key: str, value: Any) -> tuple[str | None, int | None]:
        if is_nothing(value):
            self.issues.append(f"days{path}: no {key}")
            return None, None
        if not isinstance(value, str):
            self._odd(f"{path}.{key}", value, "not a time of day")
            return (None if isinstance(value, dict | list) else dumps(value)), None
        seconds = read_time(value, is_end=key == "end")
        if seconds is None:
            self._odd(f"{path}.{key}", value, "not a time of day")
        return value, seconds

    def _odd(self, path: str, value: Any, why: str) -> None:
        self.left_over[path] = value
        self.issues.append(f"days{path}: {why}")


def _order(window: Window) -> tuple[int, int]:
    """In order of weekday and start; what has none comes last."""
    return window.day_of_week or 8, DAY if window.start_minute is None else window.start_minute


def _minutes(spans: list[_Span]) -> int:
    """Minutes of a week that are in at least one span; what passes Sunday's midnight is Monday's."""
    week = 7 * DAY
    pieces = sorted(piece for start, stop, _ in spans for piece in ((start, min(stop, week)), (0, stop - week)))
    seconds = reached = 0
    for start, stop in pieces:
        if stop > reached:
            seconds += stop - max(start, reached)
            reached = stop
    return seconds // 60
