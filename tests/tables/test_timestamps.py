"""`exporter.tables.timestamps`: instants and the dates of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.tables.timestamps import read_date_time, read_instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-11T10:04:31.512Z", datetime(2026, 2, 11, 10, 4, 31, 512000, UTC)),
        ("2026-02-11T10:04:31Z", datetime(2026, 2, 11, 10, 4, 31, 0, UTC)),
        ("2026-02-11T12:04:31+02:00", datetime(2026, 2, 11, 10, 4, 31, 0, UTC)),
        ("2026-02-11T10:04:31.5129876543210Z", datetime(2026, 2, 11, 10, 4, 31, 512000, UTC)),
        ("2026-2-1 6:04 z", datetime(2026, 2, 1, 6, 4, 0, 0, UTC)),
        ("2026-2-11 10:04:31 +23:59", datetime(2026, 2, 10, 10, 5, 31, 0, UTC)),
        ("2026-2-11 10:04:31 -02", datetime(2026, 2, 11, 12, 4, 31, 0, UTC)),
        ("2026-2-11 10:04 +24:00", None),
        ("2026-2-11 10:04 +01:60", None),
        ("2026-2-11 10:04:60Z", None),
        ("2026-02-11T10:04:31", None),
        ("2026-13-11T10:04:31Z", None),
        ("yesterday", None),
        (" 2026-2-11T10:04:31.5Z ", datetime(2026, 2, 11, 10, 4, 31, 500000, UTC)),
        ("2026-2-11T10:04:31.5129Z", datetime(2026, 2, 11, 10, 4, 31, 512000, UTC)),
        ("2026-2-11T10:04:31.51+01:00", datetime(2026, 2, 11, 9, 4, 31, 510000, UTC)),
        ("0001-1-1 00:00 +00:01", None),
        ("9999-12-31 23:59 -00:01", None),
        ("2026-2-11T10:04:31Z" + " " * 64, None),
    ],
)
def test_an_instant_needs_its_zone(text: str, expected: datetime | None) -> None:
    milliseconds = None if expected is None else round(expected.timestamp() * 1000)
    assert read_instant(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-5 06:00:00", "2026-10-05T06:00:00"),
        ("2026-01-1 6:00", "2026-01-01T06:00:00"),
        ("2026-09-01T07:30:00.000Z", "2026-09-01T07:30:00Z"),
        ("2026-09-01T07:30:00+0530", "2026-09-01T07:30:00+05:30"),
        ("2026-09-01", "2026-09-01"),
        ("2026-02-30 06:00:00", None),
        ("2026-2-3 06:07:08,25", "2026-02-03T06:07:08.25"),
        ("2026-2-3 06:07:08.12345678912", "2026-02-03T06:07:08.12345678912"),
        ("2026-2-3 06:00 +23:59", "2026-02-03T06:00:00+23:59"),
        ("2026-2-3 06:00 +24:00", None),
        ("2026-2-3 06:00 +01:60", None),
        ("soon", None),
        ("2026-10-5 06:00:00" + " " * 64, None),
        (" 2026-10-5 06:00:00 ", "2026-10-05T06:00:00"),
        ("2026-10-5 06:00:00.120 z", "2026-10-05T06:00:00.12Z"),
        ("2026-10-5 06:00 -03", "2026-10-05T06:00:00-03:00"),
    ],
)
def test_a_schedules_date_is_padded_and_keeps_its_zone(text: str, expected: str | None) -> None:
    assert read_date_time(text) == expected


@given(st.text(max_size=30))
def test_nothing_raises(text: str) -> None:
    read_instant(text)
    read_date_time(text)
