"""Times as answers write them: instants, dates and times of a schedule, times of day, weekdays, time zones."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from exporter.tables.time_of_day import DAY, clock, fraction, read_time
from exporter.tables.time_zones import resolve_time_zone, time_zones
from exporter.tables.timestamps import is_finer, read_date_time, read_instant, read_instants
from exporter.tables.weekdays import read_weekday
from tests.fuzz.target import Target
from tests.support.second_reading import date_time, instant, second, weekday

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Times(NamedTuple):
    """What one text means as each kind of time."""

    text: str
    instant: int | None
    date_time: str | None
    start: int | None
    end: int | None
    weekday: int | None
    zone: str | None


def read(data: bytes) -> Times:
    """The text as every kind of time."""
    text = data.decode("utf-8", "replace")
    is_finer(text), fraction(text)
    return Times(
        text,
        read_instant(text),
        read_date_time(text),
        read_time(text, is_end=False),
        read_time(text, is_end=True),
        read_weekday(text),
        resolve_time_zone(text),
    )


def check(data: bytes, times: Times) -> None:
    """In range, the same in a block, the same again when read from what it was written as, as a second reader reads."""
    if times.instant is not None:
        moment = _EPOCH + timedelta(milliseconds=times.instant)
        assert read_instant(moment.isoformat()) == times.instant
    try:
        block = read_instants([times.text, "2026-01-01T00:00:00Z", None]).cast(pa.int64())[0].as_py()
    except ValueError:
        pass
    else:
        assert block == times.instant or len(times.text) > 64, "a block differs from its values"
    if times.date_time is not None:
        assert read_date_time(times.date_time) == times.date_time
    assert times.start is None or 0 <= times.start < DAY
    assert times.end is None or 0 < times.end <= DAY
    for seconds, is_end in ((times.start, False), (times.end, True)):
        if seconds is not None:
            assert read_time(clock(seconds) or "", is_end=is_end) == seconds
    assert times.zone is None or times.zone in time_zones()
    if len(times.text) <= 40 and re.fullmatch(r"[ -~]*", times.text):
        _check_second_reading(times)


def _check_second_reading(times: Times) -> None:
    moment = instant(times.text)
    if moment is not None:
        assert times.instant == (moment - _EPOCH) // timedelta(milliseconds=1)
    if (written := date_time(times.text)) is not None:
        assert times.date_time == written
    assert times.weekday == weekday(times.text)
    seconds = second(times.text)
    if seconds is not None and seconds < DAY:
        assert times.start == int(seconds)


TARGET = Target(
    read, check,
    words=(
        "2026-02-11T10:04:31.512Z", "2026-10-5 06:00:00", "+05:30", "-0330", "9:00 AM", "11:59:59.999 PM", "24:00",
        "p.m.", "Mon", "thursday", "America/New York", "asia/kolkata", "Etc/UTC", "T", "Z", "0001-01-01",
        "9999-12-31T23:59:59.999999",
    ),
)  # fmt: skip
