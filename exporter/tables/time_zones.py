"""The names of the IANA time zones."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from exporter.text import without_format_characters


@cache
def time_zones() -> frozenset[str]:
    """All of them, as the package tzdata has them: the same on every machine.

    `zoneinfo.available_timezones` finds also what the machine itself has, such as Debian's `localtime`, and opens 600
    files for it, which takes longer than flattening a thousand campaigns.
    """
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def resolve_time_zone(text: str) -> str | None:
    """The IANA name that `text` means: letter case, blanks and invisible characters do not matter.

    `asia/kolkata` and `America/New York` are resolved. None for what is not an IANA name: an abbreviation or a Windows
    name can mean several zones, and is never guessed.
    """
    name = without_format_characters(text) if len(text) <= _LONGEST else ""
    if name in time_zones():
        return name
    return _names_by_spelling().get(re.sub(r"\s+", "_", re.sub(r"\s*/\s*", "/", name)).casefold())


_LONGEST = 100
"""Characters; the longest name of a zone has about 30."""


@cache
def _names_by_spelling() -> dict[str, str]:
    return {name.casefold(): name for name in time_zones()}
