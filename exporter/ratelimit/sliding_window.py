"""The promise about the limit, pure: when may the next request go, given the places that are taken?

A request occupies a place from the moment before it is sent until one window after its answer has completely
come. The service sees the request at some unknown moment in between, so whatever the latencies, two requests that
share a window of the service's clock share a window here too: at most N of them, by construction.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from exporter.units import Limit

Slot = int
"""A taken place, to be given back."""


class SlidingWindow:
    """The places of one process. Times are seconds on any clock that never goes back."""

    def __init__(self) -> None:
        self._open: set[Slot] = set()
        self._released: list[float] = []
        self._next = 0

    def acquire(self, limits: Sequence[Limit], now: float) -> tuple[Slot | None, float]:
        """A place and 0, or None and the seconds until one may be free.

        Infinity: that depends on requests that are still under way.
        """
        self.forget(limits, now)
        wait = wait_for(limits, now, len(self._open), self._released)
        if wait > 0:
            return None, wait
        self._next += 1
        self._open.add(self._next)
        return self._next, 0.0

    def release(self, slot: Slot, now: float) -> None:
        """The answer to the request has completely come, or its connection was given up."""
        self._open.discard(slot)
        self._released.append(now)

    def cancel(self, slot: Slot) -> None:
        """The request was not sent after all."""
        self._open.discard(slot)

    def forget(self, limits: Sequence[Limit], now: float) -> None:
        """Drop places that no window holds any more."""
        longest = max(limit.seconds for limit in limits)
        del self._released[: _gone(self._released, longest, now)]


def _gone(released: Sequence[float], seconds: float, now: float) -> int:
    """How many of the released places, in order of time, are free again. Compared by the very expression that
    `wait_for` waits by, so that rounding can never make the two disagree.
    """
    return bisect_right(released, now, key=lambda at: at + seconds)


def wait_for(limits: Sequence[Limit], now: float, under_way: int, released: Sequence[float]) -> float:
    """Seconds until one more request may go; 0: now; infinity: not before another has been answered.

    `released`: when places were given back, in order of time.
    """
    wait = 0.0
    for limit in limits:
        gone = _gone(released, limit.seconds, now)
        too_many = under_way + len(released) - gone - limit.slots + 1
        if too_many <= 0:
            continue
        last = gone + too_many - 1
        if last >= len(released):
            return math.inf
        # At least the smallest step the clock knows: a wait of nothing would spin.
        wait = max(wait, released[last] + limit.seconds - now, 1e-6)
    return wait
