"""One command, one table: `python tests/benchmarks/run.py [--growth] [--real-minutes]`.

Every figure is a median of several runs, and every ratio is against a rival in the same run. Needs the extra `bench`.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import aiohttp
import pyarrow as pa

from exporter.units import Limit
from tests.benchmarks import local, pacing
from tests.benchmarks.engine import light_server
from tests.support.running import ROOT, full

RUNS = 3
HERE = ROOT / "tests" / "benchmarks"
ONE_CORE = ["taskset", "-c", "0"] if hasattr(os, "sched_setaffinity") else []


def print_rows(rows: list[list[str]]) -> None:
    """As a Markdown table."""
    for index, row in enumerate(rows):
        print("| " + " | ".join(row) + " |", flush=True)
        if index == 0:
            print("|" + "---|" * len(row))


def output(*command: str) -> list[float]:
    """The numbers that a process prints."""
    done = subprocess.run(command, env=full({}), cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()[-2:]]


def alternating(*commands: list[str]) -> list[tuple[float, float]]:
    """(median seconds, peak MB) of each command, run in turn so that noise hits all alike."""
    results: list[list[list[float]]] = [[] for _ in commands]
    for _ in range(RUNS):
        for index, command in enumerate(commands):
            results[index].append(output(*command))
    return [(statistics.median(one[0] for one in runs), statistics.median(one[-1] for one in runs)) for runs in results]


def engine_rows() -> list[list[str]]:
    """Against the bare client."""
    rows = []
    script = str(HERE / "engine.py")
    for what, latency, number, workers in (("no latency", 0.0, 20_000, 16), ("50 ms, 64 workers", 0.05, 2_000, 64)):
        with light_server(latency) as url:
            arguments = [url, str(number), str(workers)]
            (bare, _), (ours, _) = alternating(
                [sys.executable, script, "bare", *arguments], [sys.executable, script, "ours", *arguments]
            )
        rows.append(
            [f"engine, {number:,} GETs, {what}", "bare aiohttp loop", f"{number / ours:,.0f}/s", f"{number / bare:,.0f}/s",
             f"{bare / ours:.2f} of its speed", "≥ 0.70" if not latency else "≥ 0.90"]
        )  # fmt: skip
    return rows


def local_rows(folder: Path) -> list[list[str]]:
    """Flattening, the journal, IDs, comparing."""
    script = [*ONE_CORE, sys.executable, str(HERE / "local.py")]

    def pair(ours: str, rival: str) -> tuple[tuple[float, float], tuple[float, float]]:
        first, second = alternating([*script, ours, str(folder)], [*script, rival, str(folder)])
        return first, second

    local.prepare(folder, 60_000)
    local.write_ids(folder, 1_000_000)
    local.diff_tables(folder, 100_000)
    rows = []
    (a, am), (b, bm) = pair("flatten_and_write", "pandas_normalize")
    rows.append(["flatten and write, 60,000 answers, one core", "pandas json_normalize", f"{60_000 / a:,.0f}/s, {am:.0f} MB",
                 f"{60_000 / b:,.0f}/s, {bm:.0f} MB", f"{b / a:.1f} × its speed, {am / bm:.2f} of its memory", "≥ 4 ×, ≤ 0.25"])  # fmt: skip
    (a, am), (b, bm) = pair("ids", "ids_bare")
    rows.append(["1,000,000 IDs from CSV", "csv.reader loop", f"{a:.2f} s, {am:.0f} MB", f"{b:.2f} s", f"{a / b:.1f} × its time",
                 "≤ 1.5 ×, 300 MB"])  # fmt: skip
    (a, am), (b, bm) = pair("diff", "diff_pandas")
    rows.append(["diff, 100,000 rows, 1% changed", "pandas merge", f"{a:.2f} s, {am:.0f} MB", f"{b:.2f} s, {bm:.0f} MB",
                 f"{a / b:.1f} × its time", "≤ 3 ×"])  # fmt: skip
    ((a, _),) = alternating([*script, "journal", str(folder)])
    rows.append(["journal, durable", "–", f"{40_000 / a:,.0f}/s", "", "", "≥ 20,000/s"])
    return rows


def start_rows() -> list[list[str]]:
    """Starting."""

    def timed(*arguments: str) -> list[str]:
        code = (
            "import subprocess, sys, time; t = time.perf_counter(); subprocess.run(sys.argv[1:], capture_output=True); "
        )
        return [sys.executable, "-c", code + "print(time.perf_counter() - t, 0)", sys.executable, *arguments]

    (ours, _), (rival, _) = alternating(timed("-m", "jobs", "snapshot", "--help"), timed("-c", "import click"))
    return [["snapshot --help", "import click", f"{ours * 1000:.0f} ms", f"{rival * 1000:.0f} ms",
             f"{ours / rival:.1f} × its time", "≤ 2.0 ×"]]  # fmt: skip


def growth_rows(folder: Path) -> list[list[str]]:
    """A journal becomes a snapshot: how time and memory grow."""
    found = {}
    for number in (10_000, 100_000, 1_000_000):
        place = folder / str(number)
        place.mkdir()
        local.fill(place, number)
        found[number] = output(sys.executable, str(HERE / "local.py"), "growth", str(place))
    return [
        ["growth"] + [f"{number:,}: {seconds:.1f} s, {memory:.0f} MB" for number, (seconds, memory) in found.items()]
    ]


if __name__ == "__main__":
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"aiohttp {aiohttp.__version__}, pyarrow {pa.__version__}\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        print_rows(
            [["what", "rival", "ours", "rival's", "ratio", "goal"], *start_rows(), *engine_rows(), *local_rows(home)]
        )
        print()
        if "--growth" in sys.argv:
            print_rows(growth_rows(home))
            print()
    if "--real-minutes" in sys.argv:
        print_rows([pacing.HEADER, *asyncio.run(pacing.table(Limit(60, 60.0), 240, ("campaign-export",)))])
    else:
        print_rows([pacing.HEADER, *asyncio.run(pacing.table(Limit(60, 3.0), 600))])
