"""`exporter.tables.calling_hours`: calling hours as the windows of a week."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.json_text import dumps
from exporter.tables.calling_hours import MOST_ENTRIES, Week, read_week
from exporter.tables.time_of_day import DAY, clock
from exporter.tables.weekdays import WEEKDAYS


def week_of(*entries: tuple[str, str, str]) -> Week:
    return read_week([{"day": d, "start": s, "end": e} for d, s, e in entries], daily=False)


def test_several_windows_of_a_day_stand_in_order_of_start() -> None:
    week = week_of(("FR", "1:15 PM", "6:00 PM"), ("FR", "8:00 AM", "11:30 AM"))
    assert week.texts[4] == "08:00-11:30;13:15-18:00"
    assert [window.start_time for window in week.windows] == ["08:00", "13:15"]
    assert week.minutes == 210 + 285


def test_the_documented_week_with_midnight_ends_and_a_night_window() -> None:
    week = week_of(("SA", "12:00 AM", "11:59:59.999 PM"), ("SU", "4:00 PM", "12:00 AM"), ("MO", "10:00 PM", "2:00 AM"))
    assert week.texts == ("22:00-02:00", None, None, None, None, "00:00-24:00", "16:00-24:00")
    assert [(w.day, w.start_minute, w.end_minute, w.crosses_midnight) for w in week.windows] == [
        ("MO", 1320, 1560, True), ("SA", 0, 1440, False), ("SU", 960, 1440, False),
    ]  # fmt: skip
    assert week.minutes == 240 + 1440 + 480
    assert week.issues == ()


def test_the_same_time_at_both_ends_is_a_whole_day_and_reported() -> None:
    week = week_of(("TU", "9:00 AM", "9:00 AM"))
    assert (week.texts[1], week.minutes) == ("09:00-09:00", 1440)
    assert (week.windows[0].end_minute, week.windows[0].crosses_midnight) == (540 + 1440, True)
    assert week.issues == ((".0", "starts and ends at the same time; read as a whole day"),)
    midnight = week_of(("TU", "12:00 AM", "12:00 AM"))
    assert (midnight.texts[1], midnight.minutes) == ("00:00-24:00", 1440)
    assert "whole day" in midnight.issues[0][1]
    moment_before = week_of(("TU", "11:59:59.999 PM", "11:59:59.999 PM"))
    assert (moment_before.texts[1], moment_before.minutes) == ("23:59:59-23:59:59", 1440)
    assert "whole day" in moment_before.issues[0][1]


def test_overlaps_are_counted_once_also_across_sundays_midnight() -> None:
    assert week_of(("MO", "9:00 AM", "12:00 PM"), ("MO", "11:00 AM", "1:00 PM")).minutes == 240
    assert week_of(("SU", "10:00 PM", "2:00 AM"), ("MO", "1:00 AM", "3:00 AM")).minutes == 120 + 180


def test_daily_without_a_day_gives_seven_rows_and_is_reported() -> None:
    week = read_week([{"start": "10:00 AM", "end": "3:00 PM"}], daily=True)
    assert week.texts == ("10:00-15:00",) * 7
    assert [window.day for window in week.windows] == list(WEEKDAYS)
    assert week.issues == ((".0", "DAILY without a day; read as each of the seven"),)


def test_a_blank_day_that_is_read_as_each_of_the_seven_is_left_over() -> None:
    entry = {"day": " ", "start": "10:00 AM", "end": "3:00 PM"}
    week = read_week([entry], daily=True)
    assert (week.texts, week.left_over) == (("10:00-15:00",) * 7, ((".0", entry),))


def test_an_entry_that_cannot_be_read_is_a_row_with_its_raw_texts() -> None:
    week = week_of(("MO", "noon", "5:00 PM"), ("XX", "9:00 AM", "5:00 PM"))
    assert week.texts == (None,) * 7
    assert week.minutes is None
    assert [(w.day, w.start_time, w.end_time, w.raw_start, w.raw_end) for w in week.windows] == [
        ("MO", None, "17:00", "noon", "5:00 PM"),
        (None, "09:00", "17:00", "9:00 AM", "5:00 PM"),
    ]
    assert [(w.day_of_week, w.start_minute, w.end_minute) for w in week.windows] == [(1, None, None), (None, 540, None)]
    assert [window.crosses_midnight for window in week.windows] == [None, None]
    assert [path for path, _ in week.left_over] == [".0", ".1"]
    assert week.issues == ((".0.start", 'not a time of day: "noon"'), (".1.day", 'not a weekday: "XX"'))


def test_windows_stand_in_order_of_day_and_start_and_those_that_cannot_be_placed_come_last() -> None:
    week = week_of(
        ("XX", "9:00 AM", "5:00 PM"), ("SU", "7:00 AM", "noon"), ("SU", "noon", "5:00 PM"),
        ("SU", "8:00 AM", "9:00 AM"), ("MO", "5:00 PM", "6:00 PM"), ("MO", "7:00 AM", "8:00 AM"),
    )  # fmt: skip
    assert [(w.day, w.start_time) for w in week.windows] == [
        ("MO", "07:00"), ("MO", "17:00"), ("SU", "07:00"), ("SU", "08:00"), ("SU", None), (None, "09:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("odd", [1, True, None, ["MO"], {"a": 1}, 9.0])
@pytest.mark.parametrize("key", ["day", "start", "end"])
def test_a_value_that_is_no_text_makes_no_window(key: str, odd: Any) -> None:
    week = read_week([{"day": "MO", "start": "9:00 AM", "end": "5:00 PM"} | {key: odd}], daily=False)
    assert week.texts == (None,) * 7
    assert len(week.windows) == 1
    assert week.issues


@pytest.mark.parametrize(
    ("entry", "issue"),
    [
        ("MO", (".0", 'not an object with day, start and end: "MO"')),
        ({"start": "9:00 AM", "end": "5:00 PM"}, (".0", "no day")),
        ({"day": "", "start": "9:00 AM", "end": "5:00 PM"}, (".0", "no day")),
        ({"day": "\u200b", "start": "9:00 AM", "end": "5:00 PM"}, (".0", "no day")),
        ({"day": "MO", "end": "5:00 PM"}, (".0", "no start")),
        ({"day": "MO", "start": "", "end": "5:00 PM"}, (".0", "no start")),
        ({"day": "MO", "start": "9:00 AM", "end": []}, (".0", "no end")),
        ({"day": "MO", "start": 9, "end": "5:00 PM"}, (".0.start", "not a time of day: 9")),
        ({"day": "MO", "start": "9:00 AM", "end": ["x"]}, (".0.end", 'not a time of day: ["x"]')),
        ({"day": 7, "start": "9:00 AM", "end": "5:00 PM"}, (".0.day", "not a weekday: 7")),
    ],
)  # fmt: skip
def test_what_is_odd_about_an_entry_is_an_issue_with_its_place_and_the_entry_is_left_over_as_a_whole(
    entry: Any, issue: tuple[str, str]
) -> None:
    week = read_week([entry], daily=False)
    assert week.issues == (issue,)
    assert week.left_over == ((".0", entry),)
    assert week.minutes is None


def test_an_empty_start_is_in_the_rows_raw_start() -> None:
    (window,) = read_week([{"day": "MO", "start": "", "end": "5:00 PM"}], daily=False).windows
    assert (window.raw_start, window.raw_end) == ("", "5:00 PM")


def test_minutes_are_a_lower_bound_when_another_entry_could_not_be_read() -> None:
    week = week_of(("MO", "9:00 AM", "5:00 PM"), ("Weekdays", "9:00 AM", "9:00 PM"), ("TU", "noon", "5:00 PM"))
    assert week.minutes == 480
    assert week.issues[-1] == ("", "2 windows could not be read: the minutes per week are a lower bound")
    one = week_of(("MO", "9:00 AM", "5:00 PM"), ("TU", "noon", "5:00 PM"))
    assert one.issues[-1] == ("", "1 window could not be read: the minutes per week are a lower bound")
    assert all("lower bound" not in text for _, text in week_of(("MO", "noon", "5:00 PM")).issues)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enabled", False), ("isClosed", True), ("is_closed", "true"), ("timezone", "Asia/Tokyo"), ("active", 0),
        ("date", "2026-12-25"), ("type", "closed"), ("enabled", "no"), ("exceptions", [{"day": "MO"}]), ("Day", "TU"),
        ("emergencyOnly", False), ("sendsOnHolidays", "false"),
    ],
)  # fmt: skip
def test_a_flag_or_a_time_zone_inside_an_entry_makes_its_window_not_sure(key: str, value: Any) -> None:
    entry = {"day": "MO", "start": "9:00 AM", "end": "5:00 PM", key: value}
    week = read_week([entry], daily=False)
    ((path, text),) = week.issues
    assert path == ".0"
    assert text == f"not sure, because of {key}: {dumps(value)}"
    assert dict(week.left_over) == {f".0.{key}": value}
    assert week.texts[0] == "09:00-17:00"


@pytest.mark.parametrize(
    ("key", "value"), [("_id", "65ab"), ("enabled", True), ("isClosed", False), ("is_closed", "false"), ("note", None)]
)
def test_a_key_that_says_nothing_about_the_window_leaves_it_sure(key: str, value: Any) -> None:
    assert read_week([{"day": "MO", "start": "9:00 AM", "end": "5:00 PM", key: value}], daily=False).issues == ()


def test_two_identical_windows_are_one_in_the_text_the_rows_and_the_minutes() -> None:
    week = week_of(("MO", "9:00 AM", "5:00 PM"), ("Monday", "09:00", "17:00"), ("MO", "9:00 AM", "5:00 PM"))
    assert (week.texts[0], len(week.windows), week.minutes) == ("09:00-17:00", 1, 480)
    assert (week.windows[0].raw_start, week.windows[0].raw_end) == ("9:00 AM", "5:00 PM")
    assert week.issues == ()
    assert dict(week.left_over) == {".1.start": "09:00", ".1.end": "17:00"}


@pytest.mark.parametrize(
    ("start", "end", "text", "minutes"),
    [
        ("09:00:10", "09:00:40", "09:00:10-09:00:40", (540, 541)),
        ("09:00:00.2", "09:00:00.7", "09:00-09:00:01", (540, 541)),
        ("09:00", "09:00:00.7", "09:00-09:00:01", (540, 541)),
        ("23:59:30", "23:59:59", "23:59:30-23:59:59", (1439, 1440)),
        ("23:59:59", "00:00:01", "23:59:59-00:00:01", (1439, 1440)),
        ("12:00:00 AM", "12:00:05 AM", "00:00-00:00:05", (0, 1)),
    ],
)
def test_a_window_of_less_than_a_minute_is_not_lost(start: str, end: str, text: str, minutes: tuple[int, int]) -> None:
    week = week_of(("WE", start, end))
    (window,) = week.windows
    assert week.texts[2] == text
    assert (window.start_minute, window.end_minute) == minutes
    assert week.minutes == 1
    assert week.issues == ()


def test_days_that_came_as_one_object_are_its_only_entry_and_an_issue() -> None:
    days = {"day": "MO", "start": "9:00 AM", "end": "noon"}
    week = read_week(days, daily=False)
    assert [path for path, _ in week.issues] == ["", ".end"]
    assert "not a list" in week.issues[0][1]
    assert week.left_over == (("", days),)
    daily = read_week({"start": "9:00 AM", "end": "5:00 PM"}, daily=True)
    assert daily.texts == ("09:00-17:00",) * 7
    assert daily.issues[0] == (
        "", 'not a list; read as its only entry: {"start":"9:00 AM","end":"5:00 PM"}'
    )  # fmt: skip


@given(st.text("\u200b\u200e\u202f\ufeff\u00a0 ", max_size=4), st.text("\u200e\u2009 \u2066", max_size=3))
def test_invisible_characters_and_odd_blanks_do_not_keep_a_window_from_being_read(one: str, other: str) -> None:
    week = week_of((f"{one}MO{other}", f"{one}9:00{other}AM{one}", f"{other}5:00 PM{one}"))
    assert (week.texts[0], week.issues) == ("09:00-17:00", ())


def test_minutes_are_whole_numbers_also_where_times_have_seconds() -> None:
    (window,) = week_of(("MO", "09:00:30", "17:59:59")).windows
    assert (repr(window.start_minute), repr(window.end_minute)) == ("540", "1079")
    assert repr(week_of(("MO", "09:00:30", "17:59:59")).minutes) == "539"
    (half,) = week_of(("MO", "09:00:30", "")).windows
    assert repr(half.start_minute) == "540"


def test_as_many_entries_as_are_read_are_a_week_and_one_more_is_none() -> None:
    entry = {"day": "MO", "start": "9:00 AM", "end": "5:00 PM"}
    assert read_week([entry] * MOST_ENTRIES, daily=False).minutes == 480
    days = [entry] * (MOST_ENTRIES + 1)
    week = read_week(days, daily=False)
    assert week.minutes is None
    assert week.issues == (("", "more than 10,000 entries"),)
    assert week.left_over == (("", days),)


def test_an_entry_of_numbers_only_is_read_as_none() -> None:
    week = read_week([{"day": 1, "start": 9, "end": 17}], daily=False)
    assert week.minutes is None
    assert [path for path, _ in week.left_over] == [".0"]


def test_a_raw_time_that_is_no_text_is_kept_as_json() -> None:
    (window,) = read_week([{"day": "MO", "start": True, "end": 1700}], daily=False).windows
    assert (window.raw_start, window.raw_end) == ("true", "1700")


def test_a_raw_time_that_is_a_list_or_an_object_is_only_left_over() -> None:
    entry = {"day": "MO", "start": ["9:00 AM"], "end": {"at": "5:00 PM"}}
    week = read_week([entry], daily=False)
    assert [(window.raw_start, window.raw_end) for window in week.windows] == [(None, None)]
    assert week.left_over == ((".0", entry),)


@pytest.mark.parametrize("days", [None, [], {}, "MO", 7, [None], ["MO"], [[]], [{"day": []}], {"MO": "9-5"}])
def test_nothing_raises_whatever_is_in_days(days: Any) -> None:
    assert len(read_week(days, daily=True).texts) == 7


spans = st.tuples(st.sampled_from(WEEKDAYS), st.integers(0, DAY - 1), st.integers(1, DAY))


@given(st.lists(spans, max_size=6))
def test_minutes_are_those_of_a_week_marked_minute_by_minute(entries: list[tuple[str, int, int]]) -> None:
    """Against a week of 10,080 marks: whole minutes, so that marking is exact."""
    whole = [(day, start // 60 * 60, -(-end // 60) * 60) for day, start, end in entries]
    marks = [False] * (7 * 1440)
    for day, start, end in whole:
        stop = end if end > start else end + DAY
        for minute in range(start // 60, stop // 60):
            marks[(WEEKDAYS.index(day) * 1440 + minute) % (7 * 1440)] = True
    week = week_of(*((day, clock(start) or "", clock(end) or "") for day, start, end in whole))
    assert (week.minutes or 0) == sum(marks)
