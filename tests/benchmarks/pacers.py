"""A strict server, and the pacers that are put before it: ours and what people use."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import aiolimiter
import aiometer
import pyrate_limiter

from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.slot_backends import LedgerSlots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.units import Limit
from tests.support.strict_server import most_in_a_window


@dataclass
class Server:
    """Enforces `limit` in a sliding or fixed window; refused requests do not count."""

    limit: Limit
    window: str
    latency: tuple[float, float]
    late: float
    burst: int
    random: Random = field(default_factory=lambda: Random(5))
    granted: deque[float] = field(default_factory=deque)
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0
    durations: list[float] = field(default_factory=list)

    async def ask(self) -> bool:
        """One request: whether it was granted."""
        latency = self.random.uniform(*self.latency)
        # A new connection for each of the first burst: its request comes late.
        way = latency * self.random.random() + (self.late if len(self.arrivals) < self.burst else 0.0)
        await asyncio.sleep(way)
        now = time.monotonic()
        self.arrivals.append(now)
        start = now - self.limit.seconds if self.window == "sliding" else now - now % self.limit.seconds
        while self.granted and self.granted[0] <= start:
            self.granted.popleft()
        good = len(self.granted) < self.limit.slots
        if good:
            self.granted.append(now)
        else:
            self.refused += 1
        await asyncio.sleep(max(0.0, latency - way))
        self.durations.append(max(latency, way))
        return good

    def most(self) -> int:
        """The most arrivals in any window."""
        return most_in_a_window(self.arrivals, self.limit.seconds)


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of a pacer is to do."""

    server: Server
    told: Limit
    number: int
    workers: int
    ledger: Path

    async def by_workers(self, one: Callable[[], Awaitable[bool]]) -> None:
        """Until `number` requests were granted."""
        left = self.number

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                if not await one():
                    left += 1

        await asyncio.gather(*(work() for _ in range(self.workers)))

    async def ask_again(self) -> bool:
        """One request; a refused one waits a second, as people write it."""
        good = await self.ask_once()
        if not good:
            await asyncio.sleep(1.0)
        return good

    async def ask_once(self) -> bool:
        """One request; one that is given up is as one that was refused."""
        try:
            return await self.server.ask()
        except TimeoutError:
            return False


async def ours(work: Work) -> None:
    clock = SystemClock()
    slots = LedgerSlots(work.ledger, clock=clock, emit=ignore)
    limiter = Limiter((work.told,), slots=slots, clock=clock, emit=ignore, meter=UsageMeter(clock), pace="asap")
    requests = count()

    async def one() -> bool:
        async with limiter.acquire(may_probe=True) as permit:
            permit.sent()
            try:
                good = await work.server.ask()
            except TimeoutError:
                permit.failing(str(next(requests)), "no answer in time", answered=False)
                return False
            if good:
                permit.ok()
            else:
                permit.rate_limited(None, "429")
            return good

    await work.by_workers(one)
    await slots.close()


async def leaky_bucket(work: Work) -> None:
    limiter = aiolimiter.AsyncLimiter(work.told.slots, work.told.seconds)

    async def one() -> bool:
        async with limiter:
            pass
        return await work.ask_again()

    await work.by_workers(one)


async def pyrate(work: Work) -> None:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(work.told.slots, int(work.told.seconds * 1000)))

    async def one() -> bool:
        await limiter.try_acquire_async("x")
        return await work.ask_again()

    await work.by_workers(one)


async def metered(work: Work) -> None:
    left = work.number
    while left > 0:
        jobs = [work.ask_once] * left
        left = 0
        async with aiometer.amap(
            lambda job: job(), jobs, max_at_once=work.workers, max_per_second=work.told.slots / work.told.seconds
        ) as results:
            async for good in results:
                left += not good


async def sliding_log(work: Work) -> None:
    """Stamped when it is sent: what most people write."""
    log: deque[float] = deque()
    lock = asyncio.Lock()

    async def one() -> bool:
        async with lock:
            while True:
                now = time.monotonic()
                while log and log[0] <= now - work.told.seconds:
                    log.popleft()
                if len(log) < work.told.slots:
                    log.append(now)
                    break
                await asyncio.sleep(log[0] + work.told.seconds - now)
        return await work.ask_again()

    await work.by_workers(one)


OURS = "campaign-export"
PACERS: dict[str, Callable[[Work], Awaitable[None]]] = {
    OURS: ours,
    "aiolimiter": leaky_bucket,
    "pyrate-limiter": pyrate,
    "aiometer": metered,
    "log stamped at send": sliding_log,
}
