"""`exporter.report.quiet_hours`: windows that reach into hours when nothing must be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.report.intervals import DAY, WEEK, joined, total
from exporter.report.quiet_hours import parse_quiet_hours, violations
from exporter.report.week_grid import Window


def minutes(window: tuple[int, int, int], quiet: str) -> int:
    return sum(row.minutes for row in violations([Window("cd-1", *window, "UTC")], [parse_quiet_hours(quiet)]))


@pytest.mark.parametrize(
    ("window", "quiet", "expected"),
    [
        ((1, 540, 1080), "21:00-08:00", 0),
        ((1, 420, 1080), "21:00-08:00", 60),
        ((1, 540, 1320), "21:00-08:00", 60),
        ((7, 1320, 1560), "21:00-08:00", 240),
        ((7, 600, 720), "SU:00:00-12:00", 120),
        ((6, 600, 720), "SU:00:00-12:00", 0),
        ((6, 600, 1440), "SA,SU:12:00-24:00", 720),
        ((1, 0, 60), "SU:22:00-02:00", 60),
        ((1, 0, 1440), "00:00-24:00", 1440),
    ],
)
def test_minutes_in_quiet_hours_are_counted(window: tuple[int, int, int], quiet: str, expected: int) -> None:
    assert minutes(window, quiet) == expected


@given(st.integers(1, 7), st.integers(0, DAY - 1), st.integers(1, DAY), st.integers(0, 23), st.integers(0, 23))
def test_they_are_those_of_a_week_marked_minute_by_minute(
    day: int, start: int, length: int, begin: int, end: int
) -> None:
    marks = [False] * WEEK
    quiet_end = end if end > begin else end + 24
    for number in range(7):
        for minute in range(number * DAY + begin * 60, number * DAY + quiet_end * 60):
            marks[minute % WEEK] = True
    first = (day - 1) * DAY + start
    expected = sum(marks[minute % WEEK] for minute in range(first, first + length))
    assert minutes((day, start, start + length), f"{begin:02}:00-{end:02}:00") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "21-8",
        "25:00-08:00",
        "XX:21:00-08:00",
        "21:00",
        "21:00-08:61",
        "MO-:21:00-08:00",
        "MO-TU-WE:1:00-2:00",
        ",:1:00-2:00",
    ],
)
def test_what_are_no_quiet_hours_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"21:00-08:00"):
        parse_quiet_hours(text)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("MO-FR:21:00-08:00", "MO,TU,WE,TH,FR:21:00-08:00"),
        ("mon-fri : 21:00 - 08:00", "MO,TU,WE,TH,FR:21:00-08:00"),
        ("SA-MO:00:00-24:00", "SA,SU,MO:00:00-24:00"),
        ("SA, SU 00:00-12:00", "SA,SU:00:00-12:00"),
        ("MO-TU,FR:21:00–22:00", "MO,TU,FR:21:00-22:00"),
        (" 21:00 - 08:00 ", "21:00-08:00"),
        ("MO-MO:21:00-08:00", "MO:21:00-08:00"),
    ],
)
def test_ranges_of_days_and_blanks_are_read(text: str, same_as: str) -> None:
    assert parse_quiet_hours(text).intervals == parse_quiet_hours(same_as).intervals


@pytest.mark.parametrize(
    ("text", "length"),
    [("12:00-12:00", WEEK), ("SU:00:00-00:00", DAY), ("8:00-08:00", WEEK), ("0:00-00:00", WEEK)],
)
def test_the_same_time_at_both_ends_is_a_whole_day_and_says_so(text: str, length: int) -> None:
    hours = parse_quiet_hours(text)
    assert hours.text == f"{text} (a whole day)"
    assert total(joined(hours.intervals)) == length
