"""Pacing against rivals, in real time, before a strict server: who keeps the limit, and at what pace.

Every pacer sends as fast as it thinks it may. The server counts arrivals; a request arrives at a random moment between
its sending and its answer, and the first burst, on new connections, may arrive late. All cases run side by side.
"""

from __future__ import annotations

import asyncio
import heapq
import tempfile
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiolimiter
import aiometer
import pyrate_limiter

from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.pacing.gate import Gate
from exporter.pacing.ledger import Ledger
from exporter.units import Limit

WORKERS = 64


@dataclass
class Server:
    """Enforces `limit` in a sliding or fixed window; refused requests do not count."""

    limit: Limit
    window: str
    latency: tuple[float, float]
    late: float = 0.0
    random: Random = field(default_factory=lambda: Random(5))
    granted: deque[float] = field(default_factory=deque)
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0
    answered: int = 0
    durations: list[float] = field(default_factory=list)

    async def ask(self) -> bool:
        """One request: whether it was granted."""
        latency = self.random.uniform(*self.latency)
        # A new connection for each of the first burst: its request comes late.
        way = latency * self.random.random() + (self.late if len(self.arrivals) < WORKERS else 0.0)
        await asyncio.sleep(way)
        now = time.monotonic()
        self.arrivals.append(now)
        start = now - self.limit.seconds if self.window == "sliding" else now - now % self.limit.seconds
        while self.granted and self.granted[0] <= start:
            self.granted.popleft()
        good = len(self.granted) < self.limit.places
        if good:
            self.granted.append(now)
        else:
            self.refused += 1
        await asyncio.sleep(max(0.0, latency - way))
        self.durations.append(max(latency, way))
        self.answered += good
        return good

    def most(self) -> int:
        """The most arrivals in any window."""
        moments = sorted(self.arrivals)
        return max(i + 1 - bisect_right(moments, at - self.limit.seconds) for i, at in enumerate(moments))


Ask = Callable[[], Awaitable[bool]]


async def with_workers(number: int, one: Callable[[], Awaitable[bool]]) -> None:
    """Until `number` requests were granted."""
    left = number

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            if not await one():
                left += 1

    await asyncio.gather(*(work() for _ in range(WORKERS)))


async def ask_again(server: Server) -> bool:
    """One request; a refused one waits a second, as people write it."""
    good = await server.ask()
    if not good:
        await asyncio.sleep(1.0)
    return good


async def ours(server: Server, told: Limit, number: int, ledger: Ledger | None = None) -> None:
    gate = Gate((told,), clock=SystemClock(), emit=ignore, random=Random(1), ledger=ledger)

    async def one() -> bool:
        async with gate.admit() as turn:
            good = await server.ask()
            if good:
                turn.ok()
            else:
                turn.rate_limited(None, "429")
            return good

    await with_workers(number, one)


async def leaky_bucket(server: Server, told: Limit, number: int) -> None:
    limiter = aiolimiter.AsyncLimiter(told.places, told.seconds)

    async def one() -> bool:
        async with limiter:
            pass
        return await ask_again(server)

    await with_workers(number, one)


async def pyrate(server: Server, told: Limit, number: int) -> None:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(told.places, int(told.seconds * 1000)))

    async def one() -> bool:
        await limiter.try_acquire_async("x")
        return await ask_again(server)

    await with_workers(number, one)


async def metered(server: Server, told: Limit, number: int) -> None:
    left = number
    while left > 0:
        jobs = [server.ask] * left
        left = 0
        async with aiometer.amap(
            lambda job: job(), jobs, max_at_once=WORKERS, max_per_second=told.places / told.seconds
        ) as results:
            async for good in results:
                left += not good


async def sliding_log(server: Server, told: Limit, number: int) -> None:
    """Stamped when it is sent: what most people write."""
    log: deque[float] = deque()
    lock = asyncio.Lock()

    async def one() -> bool:
        async with lock:
            while True:
                now = time.monotonic()
                while log and log[0] <= now - told.seconds:
                    log.popleft()
                if len(log) < told.places:
                    log.append(now)
                    break
                await asyncio.sleep(log[0] + told.seconds - now)
        return await ask_again(server)

    await with_workers(number, one)


PACERS: dict[str, Callable[[Server, Limit, int], Awaitable[None]]] = {
    "campaign-export": ours,
    "aiolimiter": leaky_bucket,
    "pyrate-limiter": pyrate,
    "aiometer": metered,
    "log stamped at send": sliding_log,
}

CASES: dict[str, dict[str, Any]] = {
    "sliding, 50±40 ms": {"window": "sliding", "latency": (0.01, 0.09)},
    "sliding, 200±180 ms": {"window": "sliding", "latency": (0.02, 0.38)},
    "fixed, 50±40 ms": {"window": "fixed", "latency": (0.01, 0.09)},
    "fixed, 200±180 ms": {"window": "fixed", "latency": (0.02, 0.38)},
    "sliding, first burst 150 ms late": {"window": "sliding", "latency": (0.01, 0.09), "late": 0.15},
    "fixed, border in the first burst": {"window": "fixed", "latency": (0.01, 0.09), "late": 0.15, "start": -0.1},
}


async def run_case(case: str, pacer: str, *, limit: Limit, number: int) -> list[str]:
    """One row of the table."""
    options = dict(CASES[case])
    start = options.pop("start", None)
    if start is not None:
        await asyncio.sleep((start - time.monotonic()) % limit.seconds)
    server = Server(limit, **options)
    began = time.monotonic()
    await PACERS[pacer](server, limit, number)
    seconds = time.monotonic() - began
    # The least that the limit allows at all: the first N at once, N more each window.
    ideal = ((number - 1) // limit.places) * limit.seconds
    rule = least_by_the_rule(server.durations, limit)
    return [case, pacer, str(server.refused), str(server.most()), f"{seconds:.1f}", f"{ideal / seconds:.1%}",
            f"{min(1.0, rule / seconds):.1%}" if pacer == "campaign-export" else ""]  # fmt: skip


def least_by_the_rule(durations: list[float], limit: Limit) -> float:
    """Seconds of the same requests when each place is taken again the moment the rule frees it."""
    free = [0.0] * limit.places
    last = 0.0
    for duration in durations:
        done = heapq.heappop(free) + duration
        last = max(last, done)
        heapq.heappush(free, done + limit.seconds)
    return last


async def half_the_limit(number: int) -> list[str]:
    """A server whose true limit is half of what we were told."""
    global WORKERS
    server = Server(Limit(30, 3.0), "sliding", (0.01, 0.09))
    began = time.monotonic()
    workers, WORKERS = WORKERS, 16
    try:
        task = asyncio.ensure_future(ours(server, Limit(60, 3.0), number))
        await asyncio.sleep(0)
    finally:
        WORKERS = workers
    await task
    share = server.refused / len(server.arrivals)
    return ["true limit is half, 16 workers", "campaign-export", f"{server.refused} ({share:.1%})", str(server.most()),
            f"{time.monotonic() - began:.1f}", "", ""]  # fmt: skip


async def two_sharing(number: int) -> list[str]:
    """Two runs at the same time that share a ledger, as two processes do."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Limit(60, 3.0), "sliding", (0.01, 0.09))
        ledgers = [Ledger.open(Path(folder) / "l.sqlite", clock=SystemClock(), emit=ignore) for _ in range(2)]
        began = time.monotonic()
        await asyncio.gather(*(ours(server, server.limit, number // 2, ledger) for ledger in ledgers))
        return _row("two sharing a ledger", server, began, number)


async def restarted(number: int) -> list[str]:
    """A run that ends in mid-window and is begun again at once."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Limit(60, 3.0), "sliding", (0.01, 0.09))
        began = time.monotonic()
        for part in (45, number - 45):
            ledger = Ledger.open(Path(folder) / "l.sqlite", clock=SystemClock(), emit=ignore)
            await ours(server, server.limit, part, ledger)
            ledger.close()
        return _row("restarted in mid-window", server, began, number)


def _row(case: str, server: Server, began: float, number: int) -> list[str]:
    seconds = time.monotonic() - began
    ideal = ((number - 1) // server.limit.places) * server.limit.seconds
    rule = least_by_the_rule(server.durations, server.limit)
    return [case, "campaign-export", str(server.refused), str(server.most()), f"{seconds:.1f}", f"{ideal / seconds:.1%}",
            f"{min(1.0, rule / seconds):.1%}"]  # fmt: skip


async def table(limit: Limit, number: int, pacers: tuple[str, ...] = tuple(PACERS)) -> list[list[str]]:
    """All cases with all pacers, side by side."""
    jobs = [partial(run_case, case, pacer, limit=limit, number=number) for case in CASES for pacer in pacers]
    rows = list(await asyncio.gather(*(job() for job in jobs)))
    if limit.seconds < 10:
        rows += [await one(number) for one in (two_sharing, restarted, half_the_limit)]
    return rows


HEADER = ["case", "pacer", "429s", "most in a window", "seconds", "of the ideal", "of what the rule allows"]
