"""How it is measured: each rival in turn with ours, so that the noise of the machine hits all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.running import ROOT, full

HERE = ROOT / "tests" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    rounds: int = 5
    long_rounds: int = 3
    short_rounds: int = 20
    gets: int = 20_000
    gets_with_latency: int = 2_000
    whole: int = 2_000
    answers: int = 200_000
    growth: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    journal: int = 100_000
    ids: int = 1_000_000
    rows: int = 100_000
    paced: int = 600
    paced_minutes: int = 240
    under_limit: int = 120


TINY = Sizes(1, 1, 1, 200, 100, 20, 600, (300, 600), 600, 1_000, 600, 20, 5, 5)
"""Only to see that everything runs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one process took."""

    seconds: float
    megabytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `holds` None: there is no goal."""

    what: str
    rival: str
    ours: str
    rivals: str
    ratio: str
    goal: str = ""
    holds: bool | None = None

    def cells(self) -> list[str]:
        """As they are printed."""
        held = "" if self.holds is None else "yes" if self.holds else "**no**"
        return [self.what, self.rival, self.ours, self.rivals, self.ratio, self.goal, held]


NOTES: list[str] = []
"""What is printed below the table."""

DETAILS: list[list[list[str]]] = []
"""Further tables, printed after it."""

HEADER = ["what", "rival", "ours", "rival's", "ratio", "goal", "holds"]

Take = Callable[[], Figure]


def alternately(rounds: int, *takes: Take, warm: bool = True) -> list[list[Figure]]:
    """What each gave in each round: A B A B. `warm`: a round before that does not count, when there are several."""
    if warm and rounds > 1:
        for take in takes:
            take()
    found: list[list[Figure]] = [[] for _ in takes]
    for _ in range(rounds):
        for figures, take in zip(found, takes, strict=True):
            figures.append(take())
    return found


def seconds(figures: Sequence[Figure]) -> float:
    """The median."""
    return statistics.median(one.seconds for one in figures)


def megabytes(figures: Sequence[Figure]) -> float:
    """The median of the peaks."""
    return statistics.median(one.megabytes for one in figures)


def times(ours: Sequence[Figure], rivals: Sequence[Figure]) -> float:
    """Ours in rival's: the median of the rounds' ratios, which a slow minute of the machine does not change."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(ours, rivals, strict=True))


def told(*command: str, env: Mapping[str, str] | None = None) -> Figure:
    """A process that prints its own seconds and its peak in MB."""
    done = subprocess.run(
        command, env={**full({}), **(env or {})}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return Figure(*(float(word) for word in done.stdout.split()[-2:]))


def script(name: str, *arguments: object) -> Take:
    """A measurement of a script of this folder."""
    return lambda: told(sys.executable, str(HERE / name), *(str(one) for one in arguments))


def whole(*command: str, env: Mapping[str, str] | None = None) -> Take:
    """A process from its start to its end, seen from outside."""

    def take() -> Figure:
        began = time.perf_counter()
        done = subprocess.run(
            command, env=full(env or {}), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        spent = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.decode()[-2000:]}")
        return Figure(spent)

    return take


@contextmanager
def on_cores(*wanted: int) -> Iterator[None]:
    """What is started inside runs on these cores, where the machine lets us pin."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    if set(wanted) <= before:
        os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
