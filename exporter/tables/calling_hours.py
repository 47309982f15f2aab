"""Calling hours: the windows of a week in which a campaign may send.

Page get-sms-campaign-by-id-v2 shows `days[]` of `{day, start, end}` with times such as `9:00 AM`; page
hours-of-operation, of the same shape, ends a day at `11:59:59.999 PM`. What no page tells (an end at `12:00 AM`,
an end before its start, an entry without a day) is read by the rules below, and told where it is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from exporter.tables.converters import is_nothing
from exporter.tables.weekdays import WEEKDAYS, read_weekday
from exporter.text import dumps

DAY = 24 * 3600
"""Seconds. A day of a calling week is a wall-clock day: it has no 23 or 25 hours."""

_LONGEST = 40
"""Characters; what is longer is no time of day, and is not worth a place in a cache."""

MOST_ENTRIES = 10_000
"""A list of more is no week that anybody wrote, and each entry would become a row."""

_TIME = re.compile(
    r"(\d{1,2})(?:[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?)?\s*(?:([ap])\.?\s*m\.?)?", re.IGNORECASE
)
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009]+")


class Window(NamedTuple):
    """One row of calling_windows, but for the campaign and its time zone."""

    day: str | None = None
    day_of_week: int | None = None
    start: str | None = None
    end: str | None = None
    start_minute: int | None = None
    end_minute: int | None = None
    crosses_midnight: bool | None = None
    raw_start: str | None = None
    raw_end: str | None = None


class Week(NamedTuple):
    """The calling hours of one campaign.

    `texts`: the windows of Monday … Sunday as the campaigns table shows them. `minutes`: allowed in a week,
    overlaps counted once; None when no window could be read. `left_over`: (path below `days`, value) of what is
    in no column.
    """

    texts: tuple[str | None, ...]
    minutes: int | None
    windows: tuple[Window, ...]
    issues: tuple[str, ...] = ()
    left_over: tuple[tuple[str, Any], ...] = ()


NO_WEEK = Week((None,) * 7, None, ())


def read_week(days: Any, *, daily: bool) -> Week:
    """The week that `callingHours.days` describes, whatever stands in it.

    `daily`: the frequency is DAILY, so that an entry without a day stands for each of the seven.
    """
    entries = days if isinstance(days, list) else [days]
    if len(entries) > MOST_ENTRIES:
        return NO_WEEK._replace(issues=(f"days: more than {MOST_ENTRIES:,} entries",), left_over=(("", days),))
    try:
        plain = tuple([(e["day"], e["start"], e["end"]) for e in entries if len(e) == 3])
        if len(plain) == len(entries):
            return _remembered_week(plain)
    except (KeyError, TypeError, ValueError):
        pass  # an odd entry: the careful reading tells what is odd about it
    return _read_week(entries, daily=daily)


class _Span(NamedTuple):
    """A window and where it stands in the week, in seconds after Monday's midnight."""

    start: int
    stop: int
    window: Window


def _plain_week(entries: tuple[tuple[str, str, str], ...]) -> Week:
    """Most campaigns share a few weeks, so a week is read once.

    Raises ValueError or TypeError for one that is not plain.
    """
    spans = sorted([_remembered_span(*entry) for entry in entries])
    return _week_of(spans, [span.window for span in spans])


_remembered_week = lru_cache(maxsize=8192)(_plain_week)


def _plain_span(day: str, start: str, end: str) -> _Span:
    reading = _Reading()
    if len(day + start + end) > 3 * _LONGEST:
        raise ValueError
    reading.entry("", {"day": day, "start": start, "end": end}, daily=False)
    if reading.issues or reading.left_over:
        raise ValueError
    return reading.spans[0]


_remembered_span = lru_cache(maxsize=65536)(_plain_span)


class _Reading:
    """One pass over the entries that notes what is odd."""

    def __init__(self) -> None:
        self.spans: list[_Span] = []
        self.unread: list[Window] = []
        self.issues: list[str] = []
        self.left_over: dict[str, Any] = {}

    def odd(self, path: str, value: Any, why: str) -> None:
        self.left_over[path] = value
        self.issues.append(f"days{path}: {why}")

    def entry(self, path: str, entry: Any, *, daily: bool) -> None:
        if not isinstance(entry, dict):
            self.odd(path, entry, "not an object with day, start and end")
            self.unread.append(Window())
            return
        for key, value in entry.items():
            if key not in ("day", "start", "end") and not is_nothing(value):
                self.left_over[f"{path}.{escape_key(key)}"] = value
        days = list(self._days(path, entry.get("day"), daily=daily))
        raw_start, start = self._time(path, "start", entry.get("start"))
        raw_end, end = self._time(path, "end", entry.get("end"))
        for day in days:
            name = None if day is None else WEEKDAYS[day]
            number = None if day is None else day + 1
            if start is None or end is None or day is None:
                # A half is still worth a cell; only a whole window can be compared or counted.
                self.unread.append(
                    Window(name, number, show(start), show(end), _minute(start), None, None, raw_start, raw_end)
                )
                continue
            stop = end if end > start else end + DAY
            window = Window(
                name, number, show(start), show(end), start // 60, stop // 60, stop > DAY, raw_start, raw_end
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
            self.odd(f"{path}.day", value, "not a weekday")
        yield day

    def _time(self, path: str, key: str, value: Any) -> tuple[str | None, int | None]:
        if is_nothing(value):
            self.issues.append(f"days{path}: no {key}")
            return None, None
        if not isinstance(value, str):
            self.odd(f"{path}.{key}", value, "not a time of day")
            return (None if isinstance(value, dict | list) else dumps(value)), None
        seconds = read_time(value, is_end=key == "end")
        if seconds is None:
            self.odd(f"{path}.{key}", value, "not a time of day")
        return value, seconds


def _read_week(entries: list[Any], *, daily: bool) -> Week:
    reading = _Reading()
    for index, entry in enumerate(entries):
        if not is_nothing(entry):
            reading.entry(f".{index}", entry, daily=daily)
    reading.spans.sort()
    windows = sorted(
        [*(span.window for span in reading.spans), *reading.unread],
        key=lambda w: (w.day_of_week or 8, w.start_minute if w.start_minute is not None else DAY),
    )
    week = _week_of(reading.spans, windows)
    return week._replace(issues=tuple(reading.issues), left_over=tuple(reading.left_over.items()))


def _week_of(spans: list[_Span], windows: list[Window]) -> Week:
    texts: list[str | None] = [None] * 7
    for span in spans:
        day = (span.window.day_of_week or 1) - 1
        text = f"{span.window.start}-{span.window.end}"
        texts[day] = text if texts[day] is None else f"{texts[day]};{text}"
    return Week(tuple(texts), _minutes(spans) if spans else None, tuple(windows))


def _minutes(spans: list[_Span]) -> int:
    """Minutes of a week that are in at least one span; what passes Sunday's midnight is Monday's."""
    week = 7 * DAY
    pieces = [(start, stop) for start, stop, _ in spans]
    if any(stop > week for _, stop in pieces):
        pieces = sorted([*pieces, *((0, stop - week) for _, stop in pieces if stop > week)])
    seconds = reached = 0
    for start, stop in pieces:
        begin, end = max(start, reached), min(stop, week)
        if end > begin:
            seconds += end - begin
            reached = end
    return seconds // 60


def read_time(text: str, *, is_end: bool) -> int | None:
    """Seconds after midnight that a time of day names; None for what is none.

    `9:00 AM`, `09:00`, `9 pm`, `11:59:59.999 PM`, `18:30:00`. As an end, midnight is the day's end, and so is
    the last moment before it.
    """
    return _remembered_time(text, is_end) if len(text) <= _LONGEST else None


def _read_time(text: str, is_end: bool) -> int | None:
    found = _TIME.fullmatch(_BLANKS.sub(" ", text).strip())
    if not found or (found[2] is None and found[5] is None):
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    half = (found[5] or "").lower()
    if minute > 59 or second > 59 or hour > 24 or (half == "a" and hour > 12):
        return None
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    seconds = hour * 3600 + minute * 60 + second
    if is_end:
        rounded_up = seconds == DAY - 1 and (found[4] or "").startswith("9")
        return DAY if rounded_up or seconds == 0 else seconds if seconds <= DAY else None
    return seconds if seconds < DAY else None


_remembered_time = lru_cache(maxsize=4096)(_read_time)


def show(seconds: int | None) -> str | None:
    """`09:00`, `24:00`; seconds only where they are not zero."""
    if seconds is None:
        return None
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{clock}:{seconds % 60:02}" if seconds % 60 else clock


def _minute(seconds: int | None) -> int | None:
    return None if seconds is None else seconds // 60


def escape_key(key: str) -> str:
    """A key as a part of a dotted path: a dot of its own is written with a backslash."""
    return key.replace("\\", "\\\\").replace(".", "\\.") if "." in key or "\\" in key else key
