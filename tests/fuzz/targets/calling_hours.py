"""Calling hours: whatever stands in `days` gives a week."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from exporter.json_text import NotJson, loads_exactly
from exporter.tables.calling_hours import Week, read_week
from exporter.tables.weekdays import WEEKDAYS
from exporter.text import has_control
from tests.fuzz.target import Target
from tests.support.second_reading import week as second_week


class Hours(NamedTuple):
    """The value of `days`, and the week in it."""

    text: str
    days: Any
    daily: bool
    week: Week


def read(data: bytes) -> Hours | None:
    """JSON; behind the head `DAILY` the days are those of a daily frequency."""
    text = data.decode("utf-8", "replace")
    daily = text.startswith("DAILY\n\n")
    text = text.removeprefix("DAILY\n\n")
    try:
        days = loads_exactly(text)
    except NotJson:
        return None
    return Hours(text, days, daily, read_week(days, daily=daily))


def check(data: bytes, hours: Hours | None) -> None:
    """Windows are whole or said to be not, minutes are those of a week, and a second reader finds the same."""
    if hours is None:
        return
    week = hours.week
    assert week.minutes is None or 1 <= week.minutes <= 7 * 1440
    assert not any(has_control(text) for _, text in week.issues)
    whole = [window for window in week.windows if window.end_minute is not None]
    assert (week.minutes is not None) == bool(whole)
    for window in whole:
        assert window.day in WEEKDAYS and window.start_minute is not None and window.end_minute is not None
        assert 0 <= window.start_minute < 1440 and window.start_minute < window.end_minute <= 2880
        assert f"{window.start_time}-{window.end_time}" in (week.texts[WEEKDAYS.index(window.day)] or "").split(";")
    assert sum(len(text.split(";")) for text in week.texts if text) == len(whole)
    if len(hours.text) < 5000 and re.fullmatch(r"[ -~]*", hours.text) and "\\u" not in hours.text:
        _check_second_reading(hours)


def _check_second_reading(hours: Hours) -> None:
    columns, windows = second_week({"days": hours.days, "frequency": "DAILY" if hours.daily else "WEEKLY"})
    assert columns["calling_hours_minutes_per_week"] == hours.week.minutes
    for day, text in zip(WEEKDAYS, hours.week.texts, strict=True):
        assert columns[f"calling_hours_{day.lower()}"] == text
    shown = [(w.day, w.start_time, w.end_time, w.end_minute) for w in hours.week.windows]
    assert sorted(shown, key=repr) == sorted(windows, key=repr)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "day", "start", "end", "MO", "TU", "SU", "9:00 AM", "12:00 AM", "11:59:59.999 PM", "24:00", "00:00",
        "enabled", "timezone",
    ),
)  # fmt: skip
