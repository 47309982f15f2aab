"""The parts that need no limit: starting, the engine, files, comparing. Each yields its rows of the table."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.engine import light_server, stats
from tests.benchmarks.measuring import (
    HERE,
    NOTES,
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
from tests.support.running import full, program
from tests.support.serving import environment

PYTHON = sys.executable


def milliseconds(figures: list[Figure]) -> str:
    """The median, for short ones."""
    return f"{seconds(figures) * 1000:.0f} ms"


def start(home: Path, sizes: Sizes) -> Iterator[Row]:
    """`--help`, against importing click."""
    ours = [program("--help"), program("snapshot", "--help")]
    takes = [process(PYTHON, "-c", "import click"), *(process(*one) for one in ours)]
    click, *helps = alternately(sizes.short_rounds, *takes)
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
        pull, aiohttp, *curl = alternately(sizes.short_rounds, *takes)
    ratio = times(pull, aiohttp)
    yield Row("pull of one ID", "import aiohttp", milliseconds(pull), milliseconds(aiohttp), f"{ratio:.2f} × its time",
              "≤ 2.5 ×", ratio <= 2.5)  # fmt: skip
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
        told_as, goal, holds = f"{1 / ratio:.2f} of its speed", "≥ 0.60", 1 / ratio >= 0.60
    yield Row(f"engine, {number:,} GETs, {what}", "bare aiohttp loop", f"{number / seconds(ours):,.0f}/s",
              f"{number / seconds(bare):,.0f}/s", told_as, goal, holds)  # fmt: skip


def flatten(home: Path, sizes: Sizes) -> Iterator[Row]:
    """From responses.parquet to all tables, published, on one core and on all."""
    told(PYTHON, str(HERE / "local.py"), "store_answers", str(home), str(sizes.answers))
    takes = script("local.py", "rebuild", home), script("local.py", "pandas_normalize", home)
    for cores, fast, small in (("one core", 4.0, 0.25), ("both cores", 7.0, None)):
        with on_cores(*((0,) if small else range(os.cpu_count() or 1))):
            ours, pandas = alternately(sizes.rounds, *takes, warm=False)
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
