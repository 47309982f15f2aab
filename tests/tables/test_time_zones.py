"""`exporter.tables.time_zones`: IANA names, as they are and in other spellings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.tables.time_zones import resolve_time_zone, time_zones


def test_every_name_is_a_zone_that_python_finds() -> None:
    assert {ZoneInfo(name).key for name in time_zones()} == time_zones() >= {"UTC", "Europe/Berlin", "US/Pacific"}


def test_what_only_one_machine_calls_a_zone_is_none() -> None:
    assert not time_zones() & {"localtime", "posixrules", "posix/Europe/Berlin", "Europe", ""}


def test_no_two_names_differ_in_case_only() -> None:
    assert len({name.casefold() for name in time_zones()}) == len(time_zones())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("asia/kolkata", "Asia/Kolkata"), ("Asia/Kolkata ", "Asia/Kolkata"), ("\u200eEurope/Oslo", "Europe/Oslo"),
        ("America/New York", "America/New_York"), ("america / new_york", "America/New_York"), ("utc", "UTC"),
        ("US/PACIFIC", "US/Pacific"), ("Asia/\u200bTokyo", "Asia/Tokyo"), ("gmt+0", "GMT+0"), ("w-su", "W-SU"),
        ("Europe/Kyiv", "Europe/Kyiv"), ("Asia/Saigon", "Asia/Saigon"),
    ],
)  # fmt: skip
def test_a_name_in_other_case_or_with_blanks_is_resolved(text: str, name: str) -> None:
    assert resolve_time_zone(text) == name


@pytest.mark.parametrize(
    "text",
    ["IST", "PST", "CET/CEST", "India Standard Time", "Pacific Standard Time", "(UTC+05:30) Chennai", "+05:30",
     "Kolkata", "New York", "Mars/Olympus", "", " ", "Asia", "AsiaKolkata", "x" * 1000],
)  # fmt: skip
def test_abbreviations_and_windows_names_are_never_guessed(text: str) -> None:
    assert resolve_time_zone(text) is None


@given(st.sampled_from(sorted(time_zones())), st.text("\u200b\u200e\ufeff \u00a0\u202f\t", max_size=3), st.booleans())
def test_every_name_is_resolved_in_every_spelling(name: str, around: str, upper: bool) -> None:
    spelled = name.upper() if upper else name.lower()
    assert resolve_time_zone(f"{around}{spelled}{around}") == resolve_time_zone(name) == name
