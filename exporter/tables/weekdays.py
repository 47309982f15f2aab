"""Weekdays: calling hours write `MO`, schedules write `Mon`, and people write `Monday`."""

from __future__ import annotations

from exporter.text import without_format_characters

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""As calling hours write them, in ISO order."""

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_PREFIXES = {
    name[:length].upper(): index for index, name in enumerate(WEEKDAY_NAMES) for length in range(2, len(name) + 1)
}


def read_weekday(text: str) -> int | None:
    """0 for Monday … 6 for Sunday; None for what is not an English weekday.

    Two or more of its first letters are enough, in any case: `MO`, `Mon`, `tues.`, `Thursday`.
    """
    index = _PREFIXES.get(text)
    return _PREFIXES.get(without_format_characters(text).rstrip(".").upper()) if index is None else index
