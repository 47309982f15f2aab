"""One command, one table: `python tests/benchmarks/run.py [--tiny] [PART…]`. Needs the extra `bench`.

Every figure is a median of several rounds, and every ratio is against a rival that was measured in the same rounds, on
the same work. Without PART all are run but the last two, which take minutes of waiting under a real limit.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from exporter.units import Limit
from tests.benchmarks import whole
from tests.benchmarks.engine import light_server, stats
from tests.benchmarks.measuring import (
    HEADER,
    HERE,
    TINY,
    Figure,
    Row,
    Sizes,
    alternately,
    megabytes,
    on_cores,
    script,
    seconds,
    times,
    told,
)
from tests.benchmarks.measuring import whole as process
from tests.support.running import full, program, write_ids
from tests.support.serving import environment

NOTES: list[str] = []
"""What is printed below the table."""

DETAILS: list[list[list[str]]] = []
"""Further tables, printed after it."""

PYTHON = sys.executable


def milliseconds(figures: list[Figure]) -> str:
    """The median, for short ones."""
    return f"{seconds(figures) * 1000:.0f} ms"


def start(home: Path, sizes: Sizes) -> Iterator[Row]:
    """`--help`, against importing click."""
    ours = [program("--help"), program("snapshot", "--help")]
    takes = [process(PYTHON, "-c", "import click"), *(process(*one) for one in ours)]
    click, *helps = alternately(4 * sizes.rounds, *takes)
    for name, found in zip(("--help", "snapshot --help"), helps, strict=True):
        ratio = times(found, click)
        yield Row(name, "import click", milliseconds(found), milliseconds(click), f"{ratio:.2f} × its time", "≤ 2.0 ×",
                  ratio <= 2.0)  # fmt: skip


def first_row(home: Path, sizes: Sizes) -> Iterator[Row]:
    """`pull` of one ID, whole process."""
    with light_server() as url:
        env = full(environment(url, home))
        takes = [process(*program("pull", "cd-1"), env=env), process(PYTHON, "-c", "import aiohttp")]
        if shutil.which("curl"):
            address = f"{url}/campaign/api/v2/public/st-1/campaign/cd-1?accountId=a"
            takes.append(process("sh", "-c", f"curl -sf '{address}' | '{PYTHON}' -c 'import sys; sys.stdin.read()'"))
        pull, aiohttp, *curl = alternately(2 * sizes.rounds, *takes)
    ratio = times(pull, aiohttp)
    yield Row("pull of one ID", "import aiohttp", milliseconds(pull), milliseconds(aiohttp), f"{ratio:.2f} × its time",
              "< 4 ×", ratio < 4)  # fmt: skip
    for found in curl:
        yield Row("pull of one ID", "curl and a bare Python", milliseconds(pull), milliseconds(found),
                  f"{times(pull, found):.1f} × its time")  # fmt: skip


def engine(home: Path, sizes: Sizes) -> Iterator[Row]:
    """From the first request to the last journal entry, against a bare client; a core each."""
    yield from _engine("no latency", 0.0, sizes.gets, 16, sizes.rounds)


def latency(home: Path, sizes: Sizes) -> Iterator[Row]:
    """The same with latency and many workers."""
    yield from _engine("50 ms, 64 workers", 0.05, sizes.gets_with_latency, 64, sizes.rounds)


def _engine(what: str, delay: float, number: int, workers: int, rounds: int) -> Iterator[Row]:
    with light_server(delay) as url, on_cores(0):
        arguments = (url, number, workers)
        before = stats(url)["cpu"]
        bare, ours = alternately(
            rounds, script("engine.py", "bare", *arguments), script("engine.py", "ours", *arguments)
        )
        seen = stats(url)
    share = (seen["cpu"] - before) / seen["requests"] * number / seconds(bare)
    NOTES.append(f"engine, {what}: the server works for {share:.0%} of the time that the bare client takes.")
    ratio = times(ours, bare)
    if delay:
        told_as, goal, holds = f"{ratio:.2f} × its time", "≤ 1.10 ×", ratio <= 1.10
    else:
        told_as, goal, holds = f"{1 / ratio:.2f} of its speed", "≥ 0.70", 1 / ratio >= 0.70
    yield Row(f"engine, {number:,} GETs, {what}", "bare aiohttp loop", f"{number / seconds(ours):,.0f}/s",
              f"{number / seconds(bare):,.0f}/s", told_as, goal, holds)  # fmt: skip


def processes(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Whole processes end to end, start and files included, against what a user would use. Not pinned: some are two."""
    goals = {"plain script": 0.9, "dlt, async": 2.0, "dlt": 4.0, "Singer SDK": 4.0, "Airbyte CDK": 8.0}
    names = [whole.OURS, *_installed()]
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


def _installed() -> list[str]:
    """The rivals that can be run here; of the others it is noted why not."""
    names = []
    for name in whole.RIVALS:
        try:
            whole.python_of(name)
        except whole.NoRival as error:
            NOTES.append(f"not measured: {error}")
        else:
            names.append(name)
            if whole.dependencies(HERE / "rivals" / whole.RIVALS[name][0]):
                NOTES.append(f"{name}: {whole.version_of(name)}")
    return names


def flatten(home: Path, sizes: Sizes) -> Iterator[Row]:
    """From responses.parquet to all tables, published, on one core and on all."""
    told(PYTHON, str(HERE / "local.py"), "store_answers", str(home), str(sizes.answers))
    takes = script("local.py", "rebuild", home), script("local.py", "pandas_normalize", home)
    for cores, fast, small in (("one core", 4.0, 0.25), ("both cores", 7.0, None)):
        with on_cores(*((0,) if small else range(os.cpu_count() or 1))):
            ours, pandas = alternately(sizes.long_rounds, *takes, warm=False)
        ratio, memory = 1 / times(ours, pandas), megabytes(ours) / megabytes(pandas)
        yield Row(f"flatten and write, {sizes.answers:,} answers, {cores}", "pandas.json_normalize",
                  f"{sizes.answers / seconds(ours):,.0f}/s, {megabytes(ours):.0f} MB",
                  f"{sizes.answers / seconds(pandas):,.0f}/s, {megabytes(pandas):.0f} MB",
                  f"{ratio:.1f} × its speed, {memory:.2f} of its memory",
                  f"≥ {fast:g} ×" + (f", ≤ {small} of its memory" if small else ""),
                  ratio >= fast and (small is None or memory <= small))  # fmt: skip


def growth(home: Path, sizes: Sizes) -> Iterator[Row]:
    """A journal becomes a snapshot: how time and memory grow."""
    found = {}
    for number in sizes.growth:
        place = home / str(number)
        place.mkdir()
        told(PYTHON, str(HERE / "local.py"), "fill", str(place), str(number))
        rounds = 1 if number == sizes.growth[-1] else sizes.long_rounds
        (found[number],) = alternately(rounds, script("local.py", "growth", place), warm=False)
        shutil.rmtree(place)
    before, last = sizes.growth[-2:]
    exponent = max(
        math.log(seconds(found[b]) / seconds(found[a])) / math.log(b / a)
        for a, b in zip(sizes.growth, sizes.growth[1:], strict=False)
    )
    memory = megabytes(found[last]) / megabytes(found[before])
    shown = {n: f"{seconds(one):.1f} s, {megabytes(one):.0f} MB" for n, one in found.items()}
    yield Row(f"growth: {last:,} answers from the journal to files", " and ".join(f"{n:,}" for n in sizes.growth[:-1]),
              shown.pop(last), "; ".join(shown.values()),
              f"exponent {exponent:.2f}, {memory:.2f} × the memory of {before:,}",
              "≤ 1.05, ≤ 1.25 ×", exponent <= 1.05 and memory <= 1.25)  # fmt: skip


def journal(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Inserts with everything durable as promised."""
    (found,) = alternately(sizes.rounds, script("local.py", "journal", home, sizes.journal))
    rate = sizes.journal / seconds(found)
    yield Row(
        f"journal, {sizes.journal:,} answers, durable", "–", f"{rate:,.0f}/s", "", "", "≥ 20,000/s", rate >= 20_000
    )


def ids(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Reading IDs, against the bare csv.reader loop."""
    told(PYTHON, str(HERE / "local.py"), "write_ids", str(home), str(sizes.ids))
    ours, bare = alternately(sizes.rounds, script("local.py", "ids", home), script("local.py", "ids_bare", home))
    ratio, peak = times(ours, bare), megabytes(ours)
    yield Row(f"{sizes.ids:,} IDs from CSV", "csv.reader loop", f"{seconds(ours):.2f} s, {peak:.0f} MB",
              f"{seconds(bare):.2f} s", f"{ratio:.2f} × its time", "≤ 1.5 ×, ≤ 300 MB",
              ratio <= 1.5 and peak <= 300)  # fmt: skip


def diff(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Comparing two snapshots, against a merge that does not even say what differs."""
    told(PYTHON, str(HERE / "local.py"), "two_snapshots", str(home), str(sizes.rows))
    ours, pandas = alternately(sizes.rounds, script("local.py", "diff", home), script("local.py", "diff_pandas", home))
    ratio, memory = times(ours, pandas), megabytes(ours) / megabytes(pandas)
    yield Row(f"diff, {sizes.rows:,} rows, 1% changed", "pandas merge", f"{seconds(ours):.2f} s, {megabytes(ours):.0f} MB",
              f"{seconds(pandas):.2f} s, {megabytes(pandas):.0f} MB",
              f"{ratio:.2f} × its time, {memory:.2f} of its memory", "≤ 3 ×, ≤ 0.5 of its memory",
              ratio <= 3 and memory <= 0.5)  # fmt: skip


def pacing(home: Path, sizes: Sizes) -> Iterator[Row]:
    """60 requests in 3 seconds, before a server that enforces it."""
    from tests.benchmarks import pacing as paced

    limit = Limit(60, 3.0)
    found = asyncio.run(paced.side_by_side(limit, sizes.paced, list(paced.CASES), list(paced.PACERS)))
    found += paced.as_processes(sizes.paced, limit)
    DETAILS.append([paced.HEADER, *(one.cells() for one in found)])
    ours = [one for one in found if one.rule is not None]
    refused, rule = sum(one.refused for one in ours), min(one.rule or 0.0 for one in ours)
    rivals = [sum(one.refused for one in found if one.pacer == name) for name in paced.PACERS if name != paced.OURS]
    yield Row(f"the limit, {len(ours)} cases of {sizes.paced} requests, 60 in 3 s", "four pacers", f"{refused} × 429",
              f"{min(rivals)} to {max(rivals)} × 429", f"{rule:.1%} of what the rule allows, at least",
              "0 × 429, ≥ 99%", not refused and rule >= 0.99)  # fmt: skip
    (half,) = [one for one in found if one.pacer == paced.OURS and "half" in one.case]
    yield Row("a true limit that is half of what we were told", "–", f"{half.refused} × 429", "",
              f"{half.refused / half.requests:.1%} of the requests", "< 3%", half.refused / half.requests < 0.03)  # fmt: skip


def real_minutes(home: Path, sizes: Sizes) -> Iterator[Row]:
    """The pacing with real windows of 60 seconds."""
    from tests.benchmarks import pacing as paced

    one_by_one = [name for name, case in paced.CASES.items() if case.true_share == 1]
    pacers = [paced.OURS, "aiolimiter", "pyrate-limiter", "aiometer", "log stamped at send"]
    found = asyncio.run(paced.side_by_side(Limit(60, 60.0), sizes.paced_minutes, one_by_one, pacers))
    DETAILS.append([paced.HEADER, *(one.cells() for one in found)])
    ours = [one for one in found if one.pacer == paced.OURS]
    refused, pace = sum(one.refused for one in ours), min(one.ideal / one.seconds for one in ours)
    yield Row(f"the limit, {len(ours)} cases of {sizes.paced_minutes} requests, 60 in 60 s", "–", f"{refused} × 429", "",
              f"{pace:.1%} of the ideal pace, at least", "0 × 429, ≥ 99.5%", not refused and pace >= 0.995)  # fmt: skip


def real_limit(home: Path, sizes: Sizes) -> Iterator[Row]:
    """Everybody's default settings under the real limit, without Retry-After; one after the other."""
    names = [whole.OURS, *_installed()]
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


Part = Callable[[Path, Sizes], Iterator[Row]]
PARTS: dict[str, Part] = {
    "start": start,
    "first-row": first_row,
    "engine": engine,
    "latency": latency,
    "processes": processes,
    "flatten": flatten,
    "growth": growth,
    "journal": journal,
    "ids": ids,
    "diff": diff,
    "pacing": pacing,
    "real-limit": real_limit,
    "real-minutes": real_minutes,
}
BY_HAND = ("real-limit", "real-minutes")


def line(cells: list[str]) -> None:
    """A line of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def head(cells: list[str]) -> None:
    """The first two lines of one."""
    line(cells)
    print("|" + "---|" * len(cells), flush=True)


def machine() -> str:
    """Where it was measured, and with what."""
    packages = ("aiohttp", "pyarrow", "pandas", "click", "uvloop", "aiolimiter", "aiometer", "pyrate-limiter")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
        + ", ".join(found for name in packages if (found := named(name)))
    )


def named(package: str) -> str | None:
    """A package with its version; None: it is not there."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[2],
        epilog="parts: " + "; ".join(f"{name}: {part.__doc__}" for name, part in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tiny", action="store_true", help="only to see that everything runs; the figures say nothing")
    chosen = parser.parse_args()
    print(machine() + "\n")
    head(HEADER)
    for name in chosen.parts or [name for name in PARTS if name not in BY_HAND]:
        with tempfile.TemporaryDirectory() as home:
            for row in PARTS[name](Path(home), TINY if chosen.tiny else Sizes()):
                line(row.cells())
    for note in dict.fromkeys(NOTES):
        print(("\n" if note == NOTES[0] else "") + f"* {note}", flush=True)
    for table in DETAILS:
        print()
        head(table[0])
        for cells in table[1:]:
            line(cells)


if __name__ == "__main__":
    main()
