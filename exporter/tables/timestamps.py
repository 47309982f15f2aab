"""Timestamps: instants that name their zone, and the dates and times of a schedule, which may not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from exporter.text import without_format_characters

TIME = pa.timestamp("ms", tz="UTC")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all arithmetic here is on wall time, the offset comes last
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = (datetime(1, 1, 1) - _EPOCH) // _MILLISECOND  # noqa: DTZ001
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_000) - _EPOCH) // _MILLISECOND  # noqa: DTZ001

_LONGEST = 64
"""Characters; what is longer is not a date and time."""

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[T ]\s*([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"\s*(?:(Z)|([+-])([0-9]{2}):?([0-9]{2})?)?)?",
    re.IGNORECASE,
)
_BELOW_MILLISECOND = re.compile(r"[.,][0-9]{3}[0-9]*[1-9]")


def read_instants(texts: Sequence[str | None]) -> pa.Array:
    """A block of ISO 8601 instants, at once. Raises ValueError or TypeError when one of them is odd."""
    instants = pa.array(texts, pa.string()).cast(TIME)
    check_years(instants)
    return instants


def check_years(instants: pa.Array | pa.ChunkedArray) -> None:
    """Raise `pa.ArrowInvalid` where an instant is outside the years 1 to 9999, which is all that Python has."""
    bounds = pc.min_max(instants.cast(pa.int64())).as_py()
    if bounds["min"] is not None and not _FIRST <= bounds["min"] <= bounds["max"] <= _LAST:
        raise pa.ArrowInvalid("a time outside the years 1 to 9999")


def read_instant(text: str) -> int | None:
    """Milliseconds since 1970, UTC; None for what is not an ISO 8601 date and time with its zone.

    Tolerates unpadded parts, blanks, an offset, more or fewer decimals (what is below a millisecond is cut).
    A time without a zone is not read: nobody says which zone it means.
    """
    if len(text) > _LONGEST:
        return None
    try:
        # As the whole block is read, so that a row never depends on its neighbours.
        return int(read_instants([text]).cast(pa.int64())[0].as_py())
    except ValueError:
        pass
    match = _ISO.fullmatch(without_format_characters(text))
    wall_time = match and _wall_time(match)
    if not match or not wall_time or not (match[8] or match[9]):
        return None
    offset = int(match[10] or 0) * 60 + int(match[11] or 0)
    signed = -offset if match[9] == "-" else offset
    fraction = int(((match[7] or "") + "000")[:3])
    instant = (wall_time - _EPOCH) // _MILLISECOND + fraction - signed * 60_000
    return instant if _FIRST <= instant <= _LAST else None


def is_finer(text: str) -> bool:
    """Whether an instant says more than whole milliseconds can hold."""
    return _BELOW_MILLISECOND.search(text) is not None


def read_date_time(text: str) -> str | None:
    """A date and time of a schedule as ISO 8601: `2026-10-05T06:00:00`; None for what is none.

    Unpadded parts are padded (page enable-voice-or-sms-campaign-schedule-weekly prints `2026-01-1 …`). The result
    has a zone and decimals only where the text had them, and a date alone stays a date.
    """
    return _cached_date_time(text) if len(text) <= _LONGEST else None


def _parse_date_time(text: str) -> str | None:
    match = _ISO.fullmatch(without_format_characters(text))
    wall_time = match and _wall_time(match)
    if not match or not wall_time:
        return None
    if match[4] is None:
        return wall_time.date().isoformat()
    fraction = (match[7] or "").rstrip("0")
    zone = "Z" if match[8] else f"{match[9]}{match[10]}:{match[11] or '00'}" if match[9] else ""
    return wall_time.isoformat(timespec="seconds") + (f".{fraction}" if fraction else "") + zone


_cached_date_time = lru_cache(maxsize=4096)(_parse_date_time)
"""Schedules begin and end at the same few times: reading each again costs a tenth of flattening."""


def _wall_time(match: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3, 4, 5, 6))
    if int(match[10] or 0) > 23 or int(match[11] or 0) > 59:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).replace(tzinfo=None)
    except ValueError:
        return None
