"""Quantities: durations, sizes, shares, allowances, rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from exporter.units import (
    Allowance,
    Limit,
    format_duration,
    parse_allowance,
    parse_bound,
    parse_days,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)
from tests.fuzz.promises import assert_one_line
from tests.fuzz.target import Target

PARSERS: tuple[Callable[[str], Any], ...] = (
    parse_duration, parse_bound, parse_days, parse_size, parse_percent, parse_allowance, parse_rate,
)  # fmt: skip


def read(data: bytes) -> dict[str, Any]:
    """The text by every parser; the error of those that refuse it."""
    text = data.decode("utf-8", "surrogateescape")
    found: dict[str, Any] = {}
    for parse in PARSERS:
        try:
            found[parse.__name__] = parse(text)
        except ValueError as error:
            found[parse.__name__] = error
    return found


def check(data: bytes, found: dict[str, Any]) -> None:
    """In range, and the same again when read from what it is shown as."""
    for name, value in found.items():
        if isinstance(value, ValueError):
            assert_one_line(str(value), 500)
        elif isinstance(value, Limit):
            assert value.slots >= 1 and 0 < value.seconds < 366 * 86400
            assert parse_rate(str(value)) == value
        elif isinstance(value, Allowance):
            assert (value.count is None) != (value.share is None)
            assert value.exceeded_by(10**15 + 1, 10**15 + 1) or (value.share or 0) >= 1 or (value.count or 0) > 10**15
        else:
            assert math.isfinite(value) and value >= 0, name
            assert format_duration(value)


TARGET = Target(
    read, check,
    words=(
        "60/1m", "1800/1h", "80%", "16MiB", "1h30m", "500ms", "30s", "7d", "/s", "min", "0.5", "1e5", "٣", "kib",
    ),
)  # fmt: skip
