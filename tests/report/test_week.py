"""`exporter.report.week`: calling windows on the grid of weekday and hour."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.report.quiet_hours import DAY, WEEK, parse_quiet_hours
from exporter.report.week import Grid, Window, common, grids, joined, overlapping, quiet_grid

NOVEMBER = datetime(2026, 11, 24, 2, tzinfo=UTC)


def total(grid: Grid) -> float:
    return sum(value for day in grid for value in day)


def test_the_own_zone_shows_the_campaigns_clock_and_the_chosen_zone_that_of_its_readers() -> None:
    own, chosen, strangers = grids([("a", 1, 540, 630, "Asia/Kolkata")], "Europe/Lisbon", NOVEMBER)
    assert (own[0][9], own[0][10]) == (1, 0.5)
    # 09:00 to 10:30 there is 03:30 to 05:00 here.
    assert (chosen[0][3], chosen[0][4]) == (0.5, 1)
    assert strangers == 0


def test_a_zone_behind_moves_sunday_night_into_monday() -> None:
    _, chosen, _ = grids([("a", 7, 1320, 1440, "America/Halifax")], "UTC", NOVEMBER)
    assert (chosen[0][2], chosen[0][3], total(chosen)) == (1, 1, 2)


@pytest.mark.parametrize("zone", ["Mars/Olympus", None])
def test_a_campaign_without_a_known_zone_is_counted_as_left_out(zone: str | None) -> None:
    own, chosen, strangers = grids([("a", 1, 540, 600, zone), ("a", 2, 540, 600, zone)], "UTC", NOVEMBER)
    assert (total(own), total(chosen), strangers) == (2, 0, 1)


def test_a_campaign_counts_once_in_an_hour_over_the_end_of_the_week_too() -> None:
    windows: list[Window] = [("a", 7, 1320, 1560, "UTC"), ("a", 1, 0, 540, "UTC"), ("a", 1, 60, 120, "UTC")]
    own, _, _ = grids(windows, "UTC", NOVEMBER)
    assert max(value for day in own for value in day) == 1
    assert total(own) == 11


@pytest.mark.parametrize(
    ("windows", "overlap"),
    [
        ([(1, 540, 720), (1, 720, 900)], False),
        ([(1, 540, 720), (1, 719, 900)], True),
        ([(1, 1320, 1560), (2, 60, 120)], True),
        ([(7, 1320, 1560), (1, 60, 120)], True),
        ([(7, 1320, 1500), (1, 60, 120)], False),
    ],
)
def test_windows_that_overlap_are_found(windows: list[tuple[int, int, int]], overlap: bool) -> None:
    assert overlapping([("a", *window, "UTC") for window in windows]) == ({"a"} if overlap else set())


def test_the_quiet_grid_holds_only_what_is_sent_in_quiet_hours() -> None:
    hours = [parse_quiet_hours("21:30-08:00"), parse_quiet_hours("SU:00:00-24:00")]
    grid = quiet_grid([("a", 1, 540, 1320, "UTC"), ("a", 7, 600, 660, "UTC")], hours)
    assert (grid[0][21], grid[6][10], total(grid)) == (0.5, 1, 1.5)


spans = st.lists(
    st.tuples(st.integers(0, WEEK - 1), st.integers(1, DAY)).map(lambda one: (one[0], min(WEEK, one[0] + one[1]))),
    max_size=6,
)


@given(spans, spans)
def test_common_minutes_are_those_of_both_marked_minute_by_minute(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    marked = [{minute for start, stop in each for minute in range(start, stop)} for each in (one, other)]
    found = common(joined(one), joined(other))
    assert sum(stop - start for start, stop in found) == len(marked[0] & marked[1])
