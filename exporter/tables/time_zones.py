"""The names of the IANA time zones."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def time_zones() -> frozenset[str]:
    """All of them, as the package tzdata has them: the same on every machine.

    `zoneinfo.available_timezones` finds also what the machine itself has, such as Debian's `localtime`, and opens 600
    files for it, which takes longer than flattening a thousand campaigns.
    """
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())
