"""A service that enforces its limit, in virtual time: what the pacing is judged by."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random

from exporter.clock import Clock
from exporter.units import Limit


@dataclass
class StrictServer:
    """Answers after a random latency; a request arrives somewhere between its sending and its answer."""

    limit: Limit
    clock: Clock
    random: Random
    latency: tuple[float, float] = (0.01, 0.09)
    retry_after: bool = False
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0
    down: list[tuple[float, float]] = field(default_factory=list)
    _granted: list[float] = field(default_factory=list)

    async def ask(self) -> tuple[int, float | None]:
        """(status, Retry-After) of one request."""
        latency = self.random.uniform(*self.latency)
        way = self.random.random() * latency
        await asyncio.sleep(way)
        now = self.clock.monotonic()
        status, wait = self._judge(now)
        await asyncio.sleep(latency - way)
        return status, wait

    def _judge(self, now: float) -> tuple[int, float | None]:
        self.arrivals.append(now)
        if any(began <= now < ended for began, ended in self.down):
            return 500, None
        recent = self._granted[bisect_right(self._granted, now - self.limit.seconds) :]
        if len(recent) >= self.limit.slots:
            self.refused += 1
            return 429, recent[0] + self.limit.seconds - now if self.retry_after else None
        self._granted.append(now)
        return 200, None


def most_in_a_window(arrivals: list[float], seconds: float) -> int:
    """The most arrivals in any half-open window of that length."""
    moments = sorted(arrivals)
    return max((i + 1 - bisect_right(moments, at - seconds) for i, at in enumerate(moments)), default=0)
