"""`exporter.tables.time_of_day`: times as calling hours write them."""

from __future__ import annotations

import pytest

from exporter.tables.time_of_day import DAY, clock, read_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9:00 AM", "09:00"), ("09:00 am", "09:00"), ("9:00PM", "21:00"), ("9:05\u202fp.m.", "21:05"),
        ("12:00 AM", "00:00"), ("12:30 PM", "12:30"), ("18:45", "18:45"), ("18:45:10", "18:45:10"),
        ("18:45:10.12345678901", "18:45:10"),
        ("9 AM", "09:00"), ("  7:00   PM ", "19:00"), ("0:15", "00:15"), ("13:15 PM", "13:15"),
    ],
)  # fmt: skip
def test_a_start_is_read_in_every_form(text: str, expected: str) -> None:
    assert clock(read_time(text, is_end=False)) == expected


@pytest.mark.parametrize("text", ["", "9", "25:00", "9:60 AM", "24:00", "noon", "13:00 AM", "9:00 XM", "1" * 99])
def test_what_is_no_time_of_day_is_not_read(text: str) -> None:
    assert read_time(text, is_end=False) is None


@pytest.mark.parametrize("text", ["12:00 AM", "00:00", "24:00", "0:00", "11:59:59.999 PM"])
def test_midnight_as_an_end_is_the_days_end(text: str) -> None:
    assert clock(read_time(text, is_end=True)) == "24:00"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("23:59:59", DAY - 1), ("23:59:59.5", DAY - 1), ("23:59:59.999", DAY), ("24:00", DAY), ("24:00:01", None),
     ("0:00", DAY), ("25:00", None), ("9:00:60", None), ("9:60", None), ("24:00 PM", DAY)],
)  # fmt: skip
def test_an_end_is_at_most_the_days_end(text: str, seconds: int | None) -> None:
    assert read_time(text, is_end=True) == seconds
