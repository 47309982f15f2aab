from __future__ import annotations

from zoneinfo import ZoneInfo

from exporter.tables.time_zones import time_zones


def test_every_name_is_a_zone_that_python_finds() -> None:
    assert {ZoneInfo(name).key for name in time_zones()} == time_zones() >= {"UTC", "Europe/Berlin", "US/Pacific"}


def test_what_only_one_machine_calls_a_zone_is_none() -> None:
    assert not time_zones() & {"localtime", "posixrules", "posix/Europe/Berlin", "Europe", ""}
