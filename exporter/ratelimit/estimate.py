"""How long requests will take under the rate limit, before the first one is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.options import Pace
from exporter.ratelimit.pacing import spacing
from exporter.units import Limit, part_of

TYPICAL_LATENCY = 0.05
"""Seconds, where nothing was measured yet: it lengthens each window a little, since slots are held through it."""


def seconds_for(
    requests: int, limits: Sequence[Limit], *, latency: float = TYPICAL_LATENCY, pace: Pace = "auto"
) -> float:
    """Seconds until the last of `requests` is answered, when none was sent before.

    The first N go at once, or `spacing` apart; each further N waits for a window, and for the answers that free its
    slots.
    """
    if requests <= 0:
        return 0.0
    gap = spacing(pace, requests, limits)
    longest = (requests - 1) * gap
    for limit in limits:
        windows, rest = divmod(requests - 1, limit.slots)
        longest = max(longest, windows * (max(limit.seconds, limit.slots * gap) + latency) + rest * gap)
    return longest + latency


def shared(limits: Sequence[Limit], share: float) -> tuple[Limit, ...]:
    """The limits of which only a share is ours."""
    return tuple(Limit(max(1, int(part_of(share, limit.slots))), limit.seconds) for limit in limits)
