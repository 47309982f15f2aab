"""The parts that put us before what a user would use, and all before a real limit. Each yields its rows of the table."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from exporter.units import Limit
from tests.benchmarks import whole
from tests.benchmarks.engine import light_server, stats
from tests.benchmarks.measuring import DETAILS, NOTES, Figure, Row, Sizes, alternately, seconds, times
from tests.benchmarks.measuring import whole as process
from tests.support.running import write_ids


def installed() -> list[str]:
    """The rivals that can be run here; of the others it is noted why not."""
    names = []
    for name in whole.RIVALS:
        try:
            whole.python_of(name)
        except whole.NoRival as error:
            NOTES.append(f"not measured: {error}")
        else:
            names.append(name)
            NOTES.append(f"{name}: {whole.version_of(name)}")
    return names


def processes(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Whole processes end to end, start and files included, against what a user would use. Not pinned: some are two."""
    goals = {"plain script": 0.85, "dlt, async": 2.0, "dlt": 3.0, "Singer SDK": 4.0, "Airbyte CDK": 5.0}
    names = [whole.OURS, *installed()]
    places = count()
    with light_server() as url:
        ids = write_ids(home / "ids.csv", (f"cd-{index:08x}" for index in range(sizes.whole)))

        def take(name: str) -> Figure:
            out = home / "out" / str(next(places))
            options = ("--rate", "off") if name == whole.OURS else ()
            spent = process(*whole.command(name, url, ids, out, *options), env=whole.variables(url, home))()
            if (got := whole.campaigns_in(name, out)) != sizes.whole:
                raise RuntimeError(f"{name} wrote {got} of {sizes.whole} campaigns")
            shutil.rmtree(out)
            return spent

        found = dict(zip(names, alternately(sizes.rounds, *(partial(take, name) for name in names)), strict=True))
    ours = found.pop(whole.OURS)
    for name, rival in found.items():
        ratio = 1 / times(ours, rival)
        yield Row(f"{sizes.whole:,} IDs, whole process", name, f"{seconds(ours):.2f} s", f"{seconds(rival):.2f} s",
                  f"{ratio:.2f} × its speed", f"≥ {goals[name]:g} ×", ratio >= goals[name])  # fmt: skip


def pacing(home: Path, sizes: Sizes) -> Iterator[Row]:
    """60 requests in 3 seconds, before a server that enforces it."""
    from tests.benchmarks import pacers
    from tests.benchmarks import pacing as paced

    limit = Limit(60, 3.0)
    found = asyncio.run(paced.side_by_side(limit, sizes.paced, list(paced.CASES), list(pacers.PACERS)))
    found += paced.as_processes(sizes.paced, limit)
    DETAILS.append([paced.HEADER, *(one.cells() for one in found)])
    ours = [one for one in found if one.rule is not None]
    rule = min(one.rule or 0.0 for one in ours)
    refused = sum(one.refused for one in found if one.pacer == pacers.OURS and "half" not in one.case)
    rivals = [sum(one.refused for one in found if one.pacer == name) for name in pacers.PACERS if name != pacers.OURS]
    yield Row(f"the limit, {len(ours)} cases of {sizes.paced} requests, 60 in 3 s", "four pacers", f"{refused} × 429",
              f"{min(rivals)} to {max(rivals)} × 429", f"{rule:.1%} of what the rule allows, at least",
              "0 × 429, ≥ 99%", not refused and rule >= 0.99)  # fmt: skip
    (half,) = [one for one in found if one.pacer == pacers.OURS and "half" in one.case]
    yield Row("a true limit that is half of what we were told", "–", f"{half.refused} × 429", "",
              f"{half.refused / half.requests:.1%} of the requests", "< 3%", half.refused / half.requests < 0.03)  # fmt: skip


def stalls(home: Path, sizes: Sizes) -> Iterator[Row]:
    """60 requests in 3 seconds, before a server that hangs and then serves all that waited."""
    from tests.benchmarks import pacers, stalls

    limit = Limit(60, 3.0)
    table = asyncio.run(stalls.side_by_side(limit, sizes.paced // 2))
    DETAILS.append([stalls.HEADER, *table])
    ours = [row for row in table if row[1] == pacers.OURS]
    rivals = [row for row in table if row[1] != pacers.OURS]
    refused, most = sum(int(row[2]) for row in ours), max(int(row[3]) for row in ours)
    yield Row("the limit after a stall, 5 cases", "four pacers", f"{refused} × 429, at most {most} in 3 s",
              f"{sum(int(row[2]) for row in rivals) / 4:.0f} × 429 each, at most {max(int(row[3]) for row in rivals)} in 3 s",
              "", "0 × 429", not refused)  # fmt: skip


def nights(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Requests of an incremental night, simulated."""
    from tests.benchmarks import nights

    DETAILS.append([nights.HEADER, *nights.rows()])
    for cap, goal in ((1_000, 125), (100, 205)):
        requests = nights.list_calls(10_000, cap) + 100
        yield Row(f"a night of 10,000 campaigns, 100 changed, pages of up to {cap:,}", "version 1.0.0", f"{requests} requests",
                  "300 requests", f"{requests / 300:.2f} of its requests", f"≤ {goal}", requests <= goal)  # fmt: skip


def real_minutes(home: Path, sizes: Sizes) -> Iterator[Row]:
    """The pacing with real windows of 60 seconds."""
    from tests.benchmarks import pacers
    from tests.benchmarks import pacing as paced

    one_by_one = [name for name, case in paced.CASES.items() if case.true_share == 1]
    found = asyncio.run(paced.side_by_side(Limit(60, 60.0), sizes.paced_minutes, one_by_one, list(pacers.PACERS)))
    DETAILS.append([paced.HEADER, *(one.cells() for one in found)])
    ours = [one for one in found if one.pacer == pacers.OURS]
    refused, pace = sum(one.refused for one in ours), min(one.ideal / one.seconds for one in ours)
    yield Row(f"the limit, {len(ours)} cases of {sizes.paced_minutes} requests, 60 in 60 s", "–", f"{refused} × 429", "",
              f"{pace:.1%} of the ideal pace, at least", "0 × 429, ≥ 99.5%", not refused and pace >= 0.995)  # fmt: skip


def real_limit(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Everybody's default settings under the real limit, without Retry-After; one after the other."""
    names = [whole.OURS, *installed()]
    number = sizes.under_limit
    ids_file = write_ids(home / "ids.csv", (f"cd-{index:08x}" for index in range(number)))

    def contest(name: str) -> tuple[float, int, int, int, int]:
        out, own = home / "out" / name.replace(" ", ""), home / name.replace(" ", "")
        own.mkdir()
        with light_server(0.05, places=60, seconds=60.0) as url:
            began = time.perf_counter()
            line = whole.command(name, url, ids_file, out)
            try:
                code = subprocess.run(
                    line, env=whole.variables(url, own), capture_output=True, timeout=3600, check=False
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
            spent, seen = time.perf_counter() - began, stats(url)
        return spent, code, whole.campaigns_in(name, out), int(seen["refused"]), int(seen["most"])

    found = {name: contest(name) for name in names}
    said = {name: f"{got} of {number} in {spent:.1f} s, {refused} × 429, exit {code}"
            for name, (spent, code, got, refused, _) in found.items()}  # fmt: skip
    spent, code, got, refused, _ = found[whole.OURS]
    well = got == number and not code and not refused and (number != 120 or 60 < spent <= 63)
    for name in names[1:]:
        yield Row(f"{number} IDs under 60 a real minute", name, said[whole.OURS], said[name], "",
                  "all, 0 × 429, 61–63 s", well)  # fmt: skip
