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
from dataclasses import dataclass
from pathlib import Path

from exporter.units import Limit
from tests.benchmarks.engine import light_server, stats
from tests.benchmarks.pacers import OURS, PACERS, Server, Work
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
    true = Limit(max(1, round(told.slots * case.true_share)), told.seconds)
    if case.start is not None:
        await asyncio.sleep((case.start - time.monotonic()) % told.seconds)
    server = Server(true, case.window, case.latency, case.late, burst=case.workers)
    ledger = folder / f"{name}, {pacer}.sqlite"
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
    return ((number - 1) // limit.slots) * limit.seconds


def least_by_the_rule(durations: list[float], limit: Limit) -> float:
    """Seconds of the same requests when each place is taken again the moment the rule frees it."""
    free = [0.0] * limit.slots
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
    rate = ["--rate", f"{limit.slots}/{limit.seconds:g}s"]
    found = []
    for name in ("two processes at once", "a process right after another"):
        with (
            light_server(0.05, places=limit.slots, seconds=limit.seconds) as url,
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
