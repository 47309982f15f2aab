"""`exporter.report.week_grid`: calling windows on the grid of weekday and hour."""

from __future__ import annotations

from datetime import date

import pytest

from exporter.report.quiet_hours import all_of, parse_quiet_hours
from exporter.report.week_grid import Grid, Window, overlapping, own_time_grid, time_zone_grid, weeks_of

NOVEMBER = date(2026, 11, 23)


def total(grid: Grid) -> float:
    return sum(value for day in grid for value in day)


def own(*windows: Window) -> Grid:
    return own_time_grid(weeks_of(windows))


def in_zone(zone: str, *windows: Window, monday: date = NOVEMBER) -> Grid:
    return time_zone_grid(weeks_of(windows), zone, monday)


def test_the_own_zone_shows_the_campaigns_clock_and_the_chosen_zone_that_of_its_readers() -> None:
    window = Window("a", 1, 540, 630, "Asia/Kolkata")
    here, there = own(window), in_zone("Europe/Lisbon", window)
    assert (here[0][9], here[0][10]) == (1, 0.5)
    # 09:00 to 10:30 in Kolkata is 03:30 to 05:00 in Lisbon.
    assert (there[0][3], there[0][4]) == (0.5, 1)


def test_a_zone_behind_moves_sunday_night_into_monday() -> None:
    there = in_zone("UTC", Window("a", 7, 1320, 1440, "America/Halifax"))
    assert (there[0][2], there[0][3], total(there)) == (1, 1, 2)


def test_the_offsets_are_those_of_each_day_of_the_chosen_week() -> None:
    """The clocks of Lisbon go forward on Sunday, 29 March 2026."""
    saturday, sunday = Window("a", 6, 540, 600, "Europe/Lisbon"), Window("b", 7, 540, 600, "Europe/Lisbon")
    there = in_zone("UTC", saturday, sunday, monday=date(2026, 3, 23))
    assert (there[5][9], there[6][8], total(there)) == (1, 1, 2)
    assert in_zone("UTC", sunday)[6][9] == 1


@pytest.mark.parametrize("zone", ["Mars/Olympus", None])
def test_a_campaign_without_a_known_zone_is_left_out_of_other_zones(zone: str | None) -> None:
    windows = [Window("a", 1, 540, 600, zone), Window("a", 2, 540, 600, zone)]
    assert (total(own(*windows)), total(in_zone("UTC", *windows))) == (2, 0)


def test_a_campaign_counts_once_in_an_hour_over_the_end_of_the_week_too() -> None:
    grid = own(Window("a", 7, 1320, 1560, "UTC"), Window("a", 1, 0, 540, "UTC"), Window("a", 1, 60, 120, "UTC"))
    assert max(value for day in grid for value in day) == 1
    assert total(grid) == 11


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
    assert overlapping([Window("a", *window, "UTC") for window in windows]) == ({"a"} if overlap else set())


def test_a_grid_can_be_limited_to_quiet_hours() -> None:
    hours = all_of([parse_quiet_hours("21:30-08:00"), parse_quiet_hours("SU:00:00-24:00")])
    weeks = weeks_of([Window("a", 1, 540, 1320, "UTC"), Window("a", 7, 600, 660, "UTC")])
    grid = own_time_grid(weeks, hours)
    assert (grid[0][21], grid[6][10], total(grid)) == (0.5, 1, 1.5)
