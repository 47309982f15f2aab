"""Pacing against rivals, in real time, before a strict server: who keeps the limit, and at what pace.

Every pacer sends as fast as it thinks it may. The server counts arrivals; a request arrives at a random moment between
its sending and its answer, and the first burst, on new connections, may arrive late. All cases run side by side.
"""

from __future__ import annotations

import asyncio
import heapq
import subprocess
import tempfile
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiolimiter
import aiometer
import pyrate_limiter

from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.pacing.gate import Gate
from exporter.pacing.ledger import Ledger
from exporter.units import Limit
from tests.benchmarks.engine import light_server, stats
from tests.support.running import ROOT, full, program, write_ids
from tests.support.serving import environment

FAST, SLOW = (0.01, 0.09), (0.02, 0.38)
"""50±40 ms and 200±180 ms."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the pacers are put before. `start`: seconds from the border of a fixed window."""

    window: str = "sliding"
    latency: tuple[float, float] = FAST
    late: float = 0.0
    start: float | None = None
    true_share: float = 1.0
    workers: int = 64
    at_once: int = 1
    restart_after: int = 0


CASES: dict[str, Case] = {
    "sliding, 50±40 ms": Case(),
    "sliding, 200±180 ms": Case(latency=SLOW),
    "fixed, 50±40 ms": Case("fixed"),
    "fixed, 200±180 ms": Case("fixed", SLOW),
    "sliding, first burst 150 ms late": Case(late=0.15),
    "fixed, border in the first burst": Case("fixed", late=0.15, start=-0.1),
    "two runs at once": Case(at_once=2),
    "restarted in mid-window": Case(restart_after=45),
    "true limit is half, 16 workers": Case(true_share=0.5, workers=16),
}


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
        good = len(self.granted) < self.limit.places
        if good:
            self.granted.append(now)
        else:
            self.refused += 1
        await asyncio.sleep(max(0.0, latency - way))
        self.durations.append(max(latency, way))
        return good

    def most(self) -> int:
        """The most arrivals in any window."""
        moments = sorted(self.arrivals)
        return max(i + 1 - bisect_right(moments, at - self.limit.seconds) for i, at in enumerate(moments))


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
        good = await self.server.ask()
        if not good:
            await asyncio.sleep(1.0)
        return good


async def ours(work: Work) -> None:
    ledger = Ledger.open(work.ledger, clock=SystemClock(), emit=ignore)
    gate = Gate((work.told,), clock=SystemClock(), emit=ignore, random=Random(1), ledger=ledger)

    async def one() -> bool:
        async with gate.admit() as turn:
            good = await work.server.ask()
            if good:
                turn.ok()
            else:
                turn.rate_limited(None, "429")
            return good

    await work.by_workers(one)
    ledger.close()


async def leaky_bucket(work: Work) -> None:
    limiter = aiolimiter.AsyncLimiter(work.told.places, work.told.seconds)

    async def one() -> bool:
        async with limiter:
            pass
        return await work.ask_again()

    await work.by_workers(one)


async def pyrate(work: Work) -> None:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(work.told.places, int(work.told.seconds * 1000)))

    async def one() -> bool:
        await limiter.try_acquire_async("x")
        return await work.ask_again()

    await work.by_workers(one)


async def metered(work: Work) -> None:
    left = work.number
    while left > 0:
        jobs = [work.server.ask] * left
        left = 0
        async with aiometer.amap(
            lambda job: job(), jobs, max_at_once=work.workers, max_per_second=work.told.places / work.told.seconds
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
                if len(log) < work.told.places:
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


@dataclass(frozen=True, slots=True)
class Result:
    """How one pacer did in one case. `rule`: of what our rule allows; None for rivals, who have another."""

    case: str
    pacer: str
    requests: int
    refused: int
    most: int
    seconds: float
    ideal: float
    rule: float | None = None

    def cells(self) -> list[str]:
        """As they are printed."""
        share = f"{self.refused} ({self.refused / self.requests:.1%})" if self.refused else "0"
        return [self.case, self.pacer, share, str(self.most), f"{self.seconds:.1f}", f"{self.ideal / self.seconds:.1%}",
                "" if self.rule is None else f"{self.rule:.1%}"]  # fmt: skip


HEADER = ["case", "pacer", "429s", "most in a window", "seconds", "of the ideal", "of what the rule allows"]


async def run_case(name: str, pacer: str, *, told: Limit, number: int, folder: Path) -> Result:
    """One row of the table."""
    case = CASES[name]
    true = Limit(max(1, round(told.places * case.true_share)), told.seconds)
    if case.start is not None:
        await asyncio.sleep((case.start - time.monotonic()) % told.seconds)
    server = Server(true, case.window, case.latency, case.late, burst=case.workers)
    ledger = folder / f"{list(CASES).index(name)}-{list(PACERS).index(pacer)}.sqlite"
    began = time.monotonic()
    for part in (case.restart_after, number - case.restart_after) if case.restart_after else (number,):
        work = Work(server, told, part // case.at_once, case.workers, ledger)
        await asyncio.gather(*(PACERS[pacer](work) for _ in range(case.at_once)))
    seconds = time.monotonic() - began
    rule = min(1.0, least_by_the_rule(server.durations, true) / seconds) if pacer == OURS and true == told else None
    return Result(
        name, pacer, len(server.arrivals), server.refused, server.most(), seconds, ideal_of(number, true), rule
    )


def ideal_of(number: int, limit: Limit) -> float:
    """The least that the limit allows at all: the first N at once, N more each window."""
    return ((number - 1) // limit.places) * limit.seconds


def least_by_the_rule(durations: list[float], limit: Limit) -> float:
    """Seconds of the same requests when each place is taken again the moment the rule frees it."""
    free = [0.0] * limit.places
    last = 0.0
    for duration in durations:
        done = heapq.heappop(free) + duration
        last = max(last, done)
        heapq.heappush(free, done + limit.seconds)
    return last


async def side_by_side(told: Limit, number: int, cases: list[str], pacers: list[str]) -> list[Result]:
    """All cases with all pacers at the same time: they mostly wait."""
    with tempfile.TemporaryDirectory() as folder:
        return list(
            await asyncio.gather(
                *(run_case(c, p, told=told, number=number, folder=Path(folder)) for c in cases for p in pacers)
            )
        )


def as_processes(number: int, limit: Limit) -> list[Result]:
    """Real processes that share the ledger: two at once, and one right after the other."""
    rate = ["--rate", f"{limit.places}/{limit.seconds:g}s"]
    found = []
    for name in ("two processes at once", "a process right after another"):
        with (
            light_server(0.05, places=limit.places, seconds=limit.seconds) as url,
            tempfile.TemporaryDirectory() as home,
        ):
            folder, env = Path(home), full(environment(url, home))
            ids = [f"cd-{index:08x}" for index in range(number)]
            first = number // 2 if name.startswith("two") else min(45, number // 2)
            commands = [
                program(
                    "snapshot", str(write_ids(folder / f"{part}.csv", some)), "--out", str(folder / str(part)), *rate
                )
                for part, some in enumerate((ids[:first], ids[first:]))
            ]
            began = time.monotonic()
            running = []
            for command in commands:
                running.append(subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL))
                if not name.startswith("two"):
                    running[-1].wait()
            codes = [one.wait() for one in running]
            seconds = time.monotonic() - began
            if any(codes):
                raise RuntimeError(f"{name}: exit codes {codes}")
            seen = stats(url)
            found.append(Result(name, OURS, int(seen["requests"]), int(seen["refused"]), int(seen["most"]), seconds,
                                ideal_of(number, limit)))  # fmt: skip
    return found
