"""The rule of the rate limit, pure: when is a slot free for the next request?

A request holds a slot from the moment before it is sent until one window after its answer has completely come. The
service sees the request at some unknown moment in between, so whatever the latencies, two requests that share a window
of the service's clock share a window here too: at most N of them, by construction.

A request that was given up (timed out, connection lost, process killed) may still reach the service, as long as the
service or a queue before it hangs. It holds its slot until one window after the first answer to a request that
was sent after it had been given up. While such requests hold all slots, only a probe can go: one request beyond the
limit, to learn whether the service answers again.

What remains: a queue that still delivers a given-up request after a later request has been answered.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from exporter.units import Limit

Slot = int
"""A slot that a request holds, to be given back. Later ones have larger numbers."""

Ending = Literal["answered", "given_up", "not_sent"]
"""How a request ended: an answer began to come, none came, or nothing was sent."""


class Wait(NamedTuple):
    """Why there is no slot now.

    `seconds` until one may be free; infinity: not before a request under way has ended. `silence`: requests that were
    given up hold the slots, and only a probe can end that.
    """

    seconds: float
    silence: bool = False


class SlidingWindow:
    """The slots of one process. Times are seconds on any clock that never goes back."""

    def __init__(self) -> None:
        self._under_way: set[Slot] = set()
        self._given_up: dict[Slot, Slot] = {}
        """given-up request -> the newest slot at that time"""
        self._released: list[float] = []
        self._newest: Slot = 0

    def acquire(self, limits: Sequence[Limit], now: float, *, probe: bool = False) -> Slot | Wait:
        """A slot, or how long to wait. A probe counts no request that was given up.

        `limits`: the one of the longest window last.
        """
        self._forget(limits[-1].seconds, now)
        given_up = 0 if probe else len(self._given_up)
        wait = wait_for(limits, now, len(self._under_way), given_up, self._released)
        if wait is not None:
            return wait
        self._newest += 1
        self._under_way.add(self._newest)
        return self._newest

    def release(self, slot: Slot, ending: Ending, now: float) -> None:
        """The request that held `slot` has ended."""
        self._under_way.discard(slot)
        if ending == "given_up":
            self._given_up[slot] = self._newest
        elif ending == "answered":
            over = [other for other, newest in self._given_up.items() if newest < slot]
            for other in over:
                del self._given_up[other]
            self._released.extend([now] * (1 + len(over)))

    def held(self, seconds: float, now: float) -> int:
        """Slots that are held in a window of `seconds`: as many requests the service may see within one."""
        free = _free(self._released, seconds, now)
        return len(self._under_way) + len(self._given_up) + len(self._released) - free

    def _forget(self, longest: float, now: float) -> None:
        free = _free(self._released, longest, now)
        if free > len(self._released) // 2:  # not for each request: what comes behind has to be moved
            del self._released[:free]


def _free(released: Sequence[float], seconds: float, now: float) -> int:
    """How many of the released slots, in order of time, are free again. Compared by the very expression that
    `wait_for` waits by, so that rounding can never make the two disagree.
    """
    if not released or released[0] + seconds > now:
        return 0  # as a rule: the others were forgotten
    return bisect_right(released, now, key=lambda at: at + seconds)


def wait_for(
    limits: Sequence[Limit], now: float, under_way: int, given_up: int, released: Sequence[float]
) -> Wait | None:
    """How long one more request has to wait; None: it may go now.

    `released`: when requests were answered, in order of time.
    """
    seconds = 0.0
    for limit in limits:
        free = _free(released, limit.seconds, now)
        too_many = under_way + given_up + len(released) - free - limit.slots + 1
        if too_many <= 0:
            continue
        last = free + too_many - 1
        if last >= len(released):
            return Wait(math.inf, silence=not under_way)
        # At least the smallest step the clock knows: a wait of nothing would spin.
        seconds = max(seconds, released[last] + limit.seconds - now, 1e-6)
    return Wait(seconds) if seconds else None
