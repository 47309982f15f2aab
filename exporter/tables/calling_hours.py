"""Calling hours: the windows of a week in which a campaign may send.

Page get-sms-campaign-by-id-v2 shows `days[]` of `{day, start, end}` with times such as `9:00 AM`; page
hours-of-operation, of the same shape, ends a day at `11:59:59.999 PM`. What no page documents (an end at `12:00 AM`,
an end before its start, an entry without a day) is read by the rules below, and `issues` says where it is a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from exporter.json_text import dumps, loads_exactly
from exporter.tables.columns import CALLING_HOURS
from exporter.tables.json_leaves import beginning, escape_key, is_nothing
from exporter.tables.time_of_day import DAY, clock, fraction, read_time
from exporter.tables.weekdays import WEEKDAYS, read_weekday
from exporter.text import excerpt, without_format_characters
from exporter.units import counted

_LONGEST_WEEK = 2048
"""Characters of calling hours that are kept in the cache."""

MOST_ENTRIES = 10_000
"""A list of more is not a week that anybody wrote, and each entry would become a row."""


class WindowCells(NamedTuple):
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
    overlaps counted once; None when no window could be read. `issues`: (path below `days`, text). `left_over`: (path
    below `days`, value) of what is in no column; of an entry that is no whole window, all.
    """

    texts: tuple[str | None, ...] = (None,) * 7
    minutes: int | None = None
    windows: tuple[WindowCells, ...] = ()
    issues: tuple[tuple[str, str], ...] = ()
    left_over: tuple[tuple[str, Any], ...] = ()


NO_WEEK = Week()


_KEYS = ("frequency", "timezone", "days")

_NAMES = {"_id", "id", "__v", "name", "label", "description", "createdAt", "updatedAt"}
"""Keys of an entry that say nothing about when its window is open."""

_OPEN = {"enabled", "isenabled", "active", "isactive", "open", "isopen", "available", "isavailable", "selected"}
_CLOSED = {"closed", "isclosed", "disabled", "isdisabled", "deleted", "isdeleted", "holiday", "isholiday"}


def is_doubtful(key: str, value: Any) -> bool:
    """Whether an unknown key makes calling hours not sure: a flag that may close them, a time zone of its own, a date.

    Not so what only names, and not a flag that says what is so without it: `enabled: true`, `isClosed: false`.
    """
    if key in _NAMES or is_nothing(value):
        return False
    flag = key.casefold().replace("_", "")
    expected = True if flag in _OPEN else False if flag in _CLOSED else None
    return expected is None or str(value).strip().lower() != str(expected).lower()


def read_week(days: Any, *, daily: bool) -> Week:
    """The week that `callingHours.days` describes, whatever is in it.

    `daily`: the frequency is DAILY, so that an entry without a day is one for each of the seven.
    """
    if is_nothing(days):
        return NO_WEEK
    reading = _WeekReading()
    if not isinstance(days, list):
        reading.single(days, daily=daily)
    elif len(days) > MOST_ENTRIES:
        return Week(issues=(("", f"more than {MOST_ENTRIES:,} entries"),), left_over=(("", days),))
    else:
        for index, entry in enumerate(days):
            if not is_nothing(entry):
                reading.entry(f".{index}", entry, daily=daily)
    return reading.week()


class _Span(NamedTuple):
    """A window and its place in the week, in seconds after Monday's midnight."""

    start: int
    stop: int
    window: WindowCells


class _WeekReading:
    """One pass over the entries that notes what is odd."""

    def __init__(self) -> None:
        self._spans: dict[tuple[int, int], WindowCells] = {}
        self._unread: list[WindowCells] = []
        self._issues: list[tuple[str, str]] = []
        self._left_over: dict[str, Any] = {}

    def week(self) -> Week:
        """What was read."""
        spans = sorted(_Span(start, stop, window) for (start, stop), window in self._spans.items())
        texts: list[list[str]] = [[] for _ in WEEKDAYS]
        for span in spans:
            texts[span.start // DAY].append(f"{span.window.start_time}-{span.window.end_time}")
        if spans and self._unread:
            unread = counted(len(self._unread), "window")
            self._issue("", f"{unread} could not be read: the minutes per week are a lower bound")
        return Week(
            tuple(";".join(day) or None for day in texts),
            _minutes(spans) if spans else None,
            tuple(sorted([*(span.window for span in spans), *self._unread], key=_order)),
            tuple(self._issues),
            tuple(self._left_over.items()),
        )

    def single(self, value: Any, *, daily: bool) -> None:
        """What came in place of the list."""
        if isinstance(value, dict):
            self._issue("", f"not a list; read as its only entry: {beginning(value)}")
        self.entry("", value, daily=daily)

    def entry(self, path: str, entry: Any, *, daily: bool) -> None:
        """One element of the list."""
        if not isinstance(entry, dict):
            self._odd(path, entry, "not an object with day, start and end")
            self._left_over[path] = entry
            self._unread.append(WindowCells())
            return
        unknown = {
            key: value for key, value in entry.items() if key not in ("day", "start", "end") and not is_nothing(value)
        }
        for key, value in unknown.items():
            if is_doubtful(key, value):
                self._issue(path, f"not sure, because of {excerpt(key, 40)}: {beginning(value)}")
        days = list(self._days(path, entry, daily=daily))
        raw_start, start = self._time(path, "start", entry.get("start"))
        raw_end, end = self._time(path, "end", entry.get("end"))
        if None in (start, end, *days):
            self._left_over[path] = entry
        elif path not in self._left_over:
            self._left_over |= {f"{path}.{escape_key(key)}": value for key, value in unknown.items()}
        if start is None or end is None:
            # A half is still worth a cell; only a whole window can be compared or counted.
            half = WindowCells(None, None, clock(start), clock(end), None, None, None, raw_start, raw_end)
            minute = None if start is None else start // 60
            self._unread += [half._replace(**_weekday(day), start_minute=minute) for day in days]
            return
        stop = self._stop(path, start, end, raw_start or "", raw_end or "")
        shown_end = clock(stop if stop <= DAY else stop - DAY)
        window = WindowCells(
            None, None, clock(start), shown_end, start // 60, max(stop // 60, start // 60 + 1), stop > DAY, raw_start,
            raw_end,
        )  # fmt: skip
        for day in days:
            if day is None:
                self._unread.append(window._replace(end_minute=None, crosses_midnight=None))
            else:
                self._add(path, day * DAY + start, day * DAY + stop, window._replace(**_weekday(day)))

    def _stop(self, path: str, start: int, end: int, raw_start: str, raw_end: str) -> int:
        """The end of a window in seconds after its midnight; where it is not after the start, a day later."""
        if read_time(raw_end, is_end=False) == start:
            if fraction(raw_end) > fraction(raw_start):
                return start + 1
            self._issue(path, "starts and ends at the same time; read as a whole day")
            return start + DAY
        return end if end > start else end + DAY

    def _add(self, path: str, start: int, stop: int, window: WindowCells) -> None:
        """Two identical windows are one; what the second one's texts have of their own is left over."""
        first = self._spans.setdefault((start, stop), window)
        for key, own, shown in (("start", window.raw_start, first.raw_start), ("end", window.raw_end, first.raw_end)):
            if own != shown:
                self._left_over[f"{path}.{key}"] = own

    def _days(self, path: str, entry: dict[str, Any], *, daily: bool) -> Iterator[int | None]:
        value = entry.get("day")
        if is_nothing(value) or (isinstance(value, str) and not without_format_characters(value)):
            if isinstance(value, str):
                self._left_over[path] = entry
            if daily:
                self._issue(path, "DAILY without a day; read as each of the seven")
                yield from range(7)
            else:
                self._issue(path, "no day")
                yield None
            return
        day = read_weekday(value) if isinstance(value, str) else None
        if day is None:
            self._odd(f"{path}.day", value, "not a weekday")
        yield day

    def _time(self, path: str, key: str, value: Any) -> tuple[str | None, int | None]:
        if is_nothing(value) or value == "":
            self._issue(path, f"no {key}")
            return value if value == "" else None, None
        if not isinstance(value, str):
            self._odd(f"{path}.{key}", value, "not a time of day")
            return (None if isinstance(value, dict | list) else dumps(value)), None
        seconds = read_time(value, is_end=key == "end")
        if seconds is None:
            self._odd(f"{path}.{key}", value, "not a time of day")
        return value, seconds

    def _odd(self, path: str, value: Any, why: str) -> None:
        self._issue(path, f"{why}: {beginning(value)}")

    def _issue(self, path: str, text: str) -> None:
        self._issues.append((path, text))


def _weekday(day: int | None) -> dict[str, Any]:
    return {} if day is None else {"day": WEEKDAYS[day], "day_of_week": day + 1}


def _order(window: WindowCells) -> tuple[int, int]:
    """In order of weekday and start; what has none comes last."""
    return window.day_of_week or 8, DAY if window.start_minute is None else window.start_minute


def _minutes(spans: list[_Span]) -> int:
    """Minutes of a week that are in at least one span, at least one; what passes Sunday's midnight is Monday's."""
    week = 7 * DAY
    pieces = sorted(piece for start, stop, _ in spans for piece in ((start, min(stop, week)), (0, stop - week)))
    seconds = reached = 0
    for start, stop in pieces:
        if stop > reached:
            seconds += stop - max(start, reached)
            reached = stop
    return max(seconds // 60, 1)


def doubts_beside_days(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, text) of unknown keys beside the days of the calling hours that make all windows not sure."""
    strategy = data.get("dialingStrategy")
    hours = strategy.get("callingHours") if isinstance(strategy, dict) else None
    for key, value in hours.items() if isinstance(hours, dict) else ():
        if key not in _KEYS and is_doubtful(key, value):
            yield CALLING_HOURS, f"not sure, because of {excerpt(key, 40)}: {beginning(value)}"


def week_of(days: Any, frequency: Any) -> Week:
    """The week of calling hours with that frequency, whatever is in them.

    No page says what days mean under another frequency than WEEKLY and DAILY: they are read, and not sure. One that is
    no text has an issue of its own.
    """
    word = without_format_characters(frequency).upper() if isinstance(frequency, str) else ""
    week = read_week(days, daily=word == "DAILY")
    if word in ("", "WEEKLY", "DAILY") or week is NO_WEEK:
        return week
    issue = ("", f"not sure, because of frequency: {beginning(frequency)}")
    return msgspec.structs.replace(week, issues=(issue, *week.issues))


def week_in(text: bytes, frequency: str | None) -> Week:
    """The week in the JSON text of `days`. Raises `NotJson`."""
    size = len(text) + len(frequency or "")
    return _cached_week(text, frequency) if size <= _LONGEST_WEEK else _parse_week(text, frequency)


def _parse_week(text: bytes, frequency: str | None) -> Week:
    return week_of(loads_exactly(text.decode()), frequency)


_cached_week = lru_cache(maxsize=4096)(_parse_week)
"""Most campaigns share a few weeks, so a week is read once for all."""
