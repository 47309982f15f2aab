"""Times of day, as calling hours write them."""

from __future__ import annotations

import re

from exporter.text import without_format_characters

DAY = 24 * 3600
"""Seconds. A day of a calling week is a wall-clock day: it has no 23 or 25 hours."""

_LONGEST = 40
"""Characters; what is longer is not a time of day."""

_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?)?\s*(?:([ap])\.?\s*m\.?)?", re.IGNORECASE)


def read_time(text: str, *, is_end: bool) -> int | None:
    """Seconds after midnight that a time of day names; None for what is none.

    `9:00 AM`, `09:00`, `9 pm`, `11:59:59.999 PM`, `18:30:00`. As an end, midnight is the day's end, and so is
    the last moment before it.
    """
    match = _match(text)
    if not match or (match[2] is None and match[5] is None):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    half = (match[5] or "").lower()
    if minute > 59 or second > 59 or hour > 24 or (half == "a" and hour > 12):
        return None
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    seconds = hour * 3600 + minute * 60 + second
    if is_end:
        rounded_up = seconds == DAY - 1 and (match[4] or "").startswith("9")
        return DAY if rounded_up or seconds == 0 else seconds if seconds <= DAY else None
    return seconds if seconds < DAY else None


def fraction(text: str) -> float:
    """The part of a second that a time of day names; `read_time` leaves it out."""
    match = _match(text)
    return float(f"0.{match[4]}") if match and match[4] else 0.0


def _match(text: str) -> re.Match[str] | None:
    return _TIME.fullmatch(without_format_characters(text)) if len(text) <= _LONGEST else None


def clock(seconds: int | None) -> str | None:
    """`09:00`, `24:00`; seconds only where they are not zero."""
    if seconds is None:
        return None
    hours_minutes = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{hours_minutes}:{seconds % 60:02}" if seconds % 60 else hours_minutes
