"""How long something will take under the rate limit, before the first request is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.units import Limit

TYPICAL_LATENCY = 0.2
"""Seconds, where nothing was measured yet: it lengthens each window a little, since places are held through it."""


def seconds_for(
    requests: int, limits: Sequence[Limit], *, latency: float = TYPICAL_LATENCY, pace: str = "asap"
) -> float:
    """Seconds until the last of so many requests is answered, when none was sent before.

    The first N go at once; each further N waits for a window, and for the answers that free its places.
    """
    if requests <= 0:
        return 0.0
    longest = latency
    for limit in limits:
        if pace == "even":
            waiting = (requests - 1) * limit.seconds / limit.slots
        else:
            waiting = (requests - 1) // limit.slots * (limit.seconds + latency)
        longest = max(longest, waiting + latency)
    return longest


def shared(limits: Sequence[Limit], share: float) -> tuple[Limit, ...]:
    """The limits of which only a share is ours."""
    return tuple(Limit(max(1, int(limit.slots * share)), limit.seconds) for limit in limits)


def list_requests(campaigns: int, page_size: int) -> int:
    """Requests of a list pass that finds so many campaigns."""
    return max(1, -(-campaigns // page_size))
