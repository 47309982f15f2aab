"""Quantities as people write them: durations, sizes, shares, allowances and rates.

Every parser raises `ValueError` with a text that says how the value is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, TypeVar

import msgspec

Item = TypeVar("Item")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_BYTES |= {"k": 2**10, "m": 2**20, "g": 2**30}
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,40})?)"
"""No more digits before the point than a double holds: longer ones are typing errors, and would overflow elsewhere."""

LONGEST = 36_600 * 86400.0
"""Seconds, about a hundred years."""

LONGEST_WINDOW = 366 * 86400.0
"""Seconds; the window of a rate is shorter."""


class Limit(msgspec.Struct, frozen=True):
    """At most `slots` requests in any `seconds`."""

    slots: Annotated[int, msgspec.Meta(ge=1, lt=10**15)]
    seconds: Annotated[float, msgspec.Meta(ge=1e-6, lt=LONGEST_WINDOW)]
    """What `parse_rate` reads again: a manifest holds it as text."""

    def __str__(self) -> str:
        return f"{self.slots}/{_compact(self.seconds)}"


class Allowance(msgspec.Struct, frozen=True):
    """How many may go wrong: `count` of them, or a `share` (0 to 1) of all; one of the two is None."""

    count: Annotated[int, msgspec.Meta(ge=0)] | None
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None

    def exceeded_by(self, number: int, total: int) -> bool:
        """Whether `number` of `total` is more than is allowed."""
        return number > (self.count if self.count is not None else part_of(self.share or 0.0, total))

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{float(part_of(self.share or 0.0, 100)):.15g}%"


def part_of(share: float, total: int) -> Fraction:
    """A share of `total`, exactly as it is written: 29% of 100 is 29, where 0.29 * 100 is less."""
    return Fraction(repr(float(share))) * total


def parse_duration(text: str) -> float:
    """Seconds: `500ms`, `30s`, `15m`, `4h`, `7d`, several together (`1h30m`), or a bare number of seconds."""
    value = text.strip().lower().replace(" ", "")
    if re.fullmatch(_NUMBER, value):
        value += "s"
    part = _NUMBER + r"(ms|min|s|m|h|d)"
    if not re.fullmatch(f"(?:{part})+", value):
        raise ValueError(f"{_shown(text)} is not a duration: write 30s, 15m, 4h or 7d")
    seconds = math.fsum(float(number) * _SECONDS[unit] for number, unit in re.findall(part, value))
    if seconds > LONGEST:
        raise ValueError(f"{_shown(text)} is more than a hundred years; write 30s, 15m, 4h or 7d")
    return seconds


def parse_bound(text: str) -> float:
    """A duration that bounds something: above zero."""
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"{_shown(text)} leaves no time at all; write 30s or 2m")
    return seconds


def parse_days(text: str) -> float:
    """A number of days above zero: `30`, `0.5`."""
    days = float(text) if re.fullmatch(_NUMBER, text.strip()) else 0.0
    if not 0 < days * 86400 <= LONGEST:
        raise ValueError(f"{_shown(text)} is not a number of days: write 30 or 0.5")
    return days


def parse_size(text: str) -> int:
    """Bytes: `16MiB`, `1GB`, or a bare number of bytes."""
    match = re.fullmatch(_NUMBER + r"([kmg]?i?b?)", text.strip().lower().replace(" ", ""))
    size = int(Fraction(match[1]) * _BYTES[match[2]]) if match and match[2] in _BYTES else 0
    if size < 1:
        raise ValueError(f"{_shown(text)} is not a size: write 512KiB, 16MiB or 1GB")
    return size


def parse_percent(text: str) -> float:
    """A share from above 0 to 1: `80%`, or `0.8`."""
    match = re.fullmatch(_NUMBER + r"(%?)", text.strip())
    share = float(Fraction(match[1]) / (100 if match[2] else 1)) if match else -1.0
    if not 0 < share <= 1:
        raise ValueError(f"{_shown(text)} is not a share: write a percentage above 0% and up to 100%, such as 80%")
    return share


def parse_allowance(text: str) -> Allowance:
    """A number (`5`) or a share of all (`5%`)."""
    match = re.fullmatch(r"([0-9]{1,15})|([0-9]{1,15}(?:\.[0-9]{1,15})?)%", text.strip())
    if not match or (match[2] and float(match[2]) > 100):
        raise ValueError(f"{_shown(text)} is neither a number nor a percentage: write 5 or 5%")
    if match[1]:
        return Allowance(int(match[1]), None)
    return Allowance(None, float(Fraction(match[2]) / 100))


def parse_rate(text: str) -> Limit:
    """A number of requests in a window: `60/1m`, `1800/1h`, `10/s`."""
    number, slash, window = (part.strip() for part in text.partition("/"))
    try:
        slots = int(number) if re.fullmatch(r"[0-9]{1,15}", number) else 0
        seconds = parse_duration(window if window[:1] in "0123456789" else "1" + window)
    except ValueError:
        slots, seconds = 0, 0.0
    if not slash or slots < 1 or not 0 < seconds < LONGEST_WINDOW:
        raise ValueError(f"{_shown(text)} is not a rate: write requests/window, such as 60/1m or 1800/1h, or off")
    return Limit(slots, seconds)


def format_duration(seconds: float) -> str:
    """`seconds` for people: `0.4 s`, `41 s`, `3 min 5 s`, `1 h 23 min`, `2 d 4 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for unit, size, below, small in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def format_size(size: int) -> str:
    """Bytes for people: `640 B`, `97.7 kB`, `1.4 MB`."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.{0 if unit == 'B' else 1}f} {unit}"


def counted(number: int, noun: str) -> str:
    """`1 campaign`, `4,500 campaigns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_of(items: Sequence[Item], most: int, show: Callable[[Item], str] = str) -> str:
    """The first `most` of `items`, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(map(show, items[:most])) + more


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _compact(seconds: float) -> str:
    """Seconds in the largest unit that fits, so that `parse_duration` reads the same number again."""
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]:.0f}{unit}"
    return f"{Decimal(repr(seconds)):f}".removesuffix(".0") + "s"
