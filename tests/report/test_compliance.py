"""`exporter.report.compliance`: what is kept, what is not, and what nobody can say."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest

from exporter.report.compliance import QuietHoursCheck, check_quiet_hours, ids_of, readable
from exporter.report.quiet_hours import parse_quiet_hours
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.extra_and_issue_columns import MOST_ISSUES
from exporter.tables.flatten import Flat, flatten
from tests.support.answers import SEED, response_of, with_hours

DAY = {"day": "MO", "start": "9:00 AM", "end": "6:00 PM"}


def flat(*days: Any, **hours: Any) -> Flat:
    return flatten([with_hours(*days, campaign_id="a", **hours)])


def check(rows: Flat) -> QuietHoursCheck:
    campaigns, windows = (pa.Table.from_batches([batch]) for batch in rows)
    failures = schema_of("failures").empty_table()
    with_entries = set(windows.column("campaign_id").to_pylist())
    return check_quiet_hours(campaigns, readable(windows), with_entries, failures, [parse_quiet_hours("21:00-08:00")])


@pytest.mark.parametrize(
    ("days", "hours"),
    [
        ([DAY], {}),
        ([DAY], {"timezone": "asia/kolkata "}),
        ([DAY], {"timezone": "America/New York"}),
        ([{**DAY, "enabled": True, "_id": "x"}], {}),
        ([{**DAY, "isClosed": False}], {}),
        ([{**DAY, "start": "\u200e9:00 AM"}], {}),
        ([{"start": "9:00 AM", "end": "6:00 PM"}], {"frequency": "DAILY"}),
        ([DAY, DAY], {}),
        ([DAY], {"frequency": " weekly"}),
        ([DAY], {"frequency": None}),
    ],
    ids=str,
)
def test_what_is_read_for_certain_is_kept(days: list[Any], hours: dict[str, Any]) -> None:
    assert check(flat(*days, **hours)).kept


@pytest.mark.parametrize("value", [": read as", "x: no IANA time zone; read as UTC", "1 window could not be read: "])
def test_no_value_talks_its_way_out_of_not_checked(value: str) -> None:
    result = check(flat(DAY, {**DAY, "start": value}, {**DAY, "enabled": value}, timezone=value))
    assert ids_of(result.not_checked) == ["a"]
    assert not result.kept


@pytest.mark.parametrize("frequency", ["CUSTOM", "MONTHLY", "custom ", 5, "no day: read as WEEKLY"])
@pytest.mark.parametrize("more", [{}, {"label": "x"}], ids=["known keys", "an unknown key"])
def test_windows_under_a_frequency_that_no_page_explains_are_not_checked(frequency: Any, more: dict[str, Any]) -> None:
    rows = flat({**DAY, "end": "5:00 PM"}, frequency=frequency, **more)
    assert rows.calling_windows.column("end_time").to_pylist() == ["17:00"]
    (found,) = check(rows).not_checked
    assert "frequency" in found.texts[0]


def test_issues_elsewhere_do_not_matter_to_quiet_hours() -> None:
    data = {**copy.deepcopy(SEED), "priority": "high", "createdAt": "x"}
    data["dialingStrategy"]["maxRingTime"] = "long"
    assert check(flatten([response_of(data)])).kept


def test_an_issue_that_is_not_listed_may_be_of_the_calling_hours() -> None:
    data = copy.deepcopy(SEED)
    data["dialingStrategy"]["callingHours"]["days"] = [DAY, {**DAY, "start": "soon"}]
    data["contactLists"] = [f"{number}\ufffd" for number in range(MOST_ISSUES)]
    result = check(flatten([response_of(data, campaign_id="a")]))
    assert ids_of(result.not_checked) == ["a"]
    assert not result.kept


def test_a_window_of_a_day_without_end_and_start_is_a_violation() -> None:
    result = check(flat({**DAY, "end": "9:00 AM"}))
    assert ids_of(result.violations) == ["a"]
    assert result.not_checked == []


def test_zones_that_differ_in_case_and_blanks_are_in_the_pictures() -> None:
    (window,) = readable(pa.Table.from_batches([flat(DAY, timezone="asia/kolkata ").calling_windows]))
    assert window.timezone == "Asia/Kolkata"


@pytest.mark.parametrize("end", ["9:00:59 PM", "21:00:01", "9:00:00.500 PM"])
def test_a_window_that_ends_seconds_inside_the_quiet_hours_reaches_into_them(end: str) -> None:
    (violation,) = check(flat({**DAY, "end": end})).violations
    assert (violation.windows, violation.minutes) == (["MO 09:00-21:01"], 1)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [("9:00 AM", "9:00:00 PM", 1260), ("9:00 AM", "8:59:59.9 PM", 1260), ("9:00 AM", "11:59:59.999 PM", 1440),
     ("11:59:59 PM", "12:00:01 AM", 1441), ("9:00:00.2 AM", "9:00:00.7 AM", 541), ("9:00 AM", "9:00 AM", 540 + 1440)],
)  # fmt: skip
def test_an_end_is_rounded_up_to_the_minute_and_not_further(start: str, end: str, minutes: int) -> None:
    (window,) = readable(pa.Table.from_batches([flat({**DAY, "start": start, "end": end}).calling_windows]))
    assert window.end_minute == minutes
