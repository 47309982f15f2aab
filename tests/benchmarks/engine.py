"""The engine against the bare client: the same GETs, the same concurrency, everything on that a user has on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from exporter.clock import SystemClock
from exporter.events import Event, RunStarted, Writing
from exporter.ids import ids_of
from exporter.pipeline.snapshot import take_snapshot
from exporter.pipeline.stop import Stop
from exporter.run_options import FetchOptions, Place, SnapshotOptions
from exporter.settings import read_settings
from jobs.running import _runner
from tests.support.running import ROOT, full
from tests.support.serving import environment


@contextmanager
def light_server(latency: float = 0.0) -> Iterator[str]:
    """The light server in a process of its own, on the second core where the machine lets us pin."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/benchmarks/light_server.py"), str(latency)],
        stdout=subprocess.PIPE, env=full({}), text=True,
    )  # fmt: skip
    assert process.stdout is not None
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process.pid, {1})
        os.sched_setaffinity(0, {0})
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, range(os.cpu_count() or 1))


def bare(url: str, ids: list[str], workers: int) -> float:
    """Seconds of a loop that only reads bodies and parses JSON."""

    async def main() -> float:
        todo = iter(ids)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=workers)) as session:

            async def work() -> None:
                for one in todo:
                    address = f"{url}/campaign/api/v2/public/st-1/campaign/{one}?accountId=a"
                    async with session.get(address, headers={"auth": "t", "iid": "st-1"}) as response:
                        json.loads(await response.read())

            began = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(workers)))
            return time.perf_counter() - began

    with _runner() as runner:
        return runner.run(main())


def ours(url: str, ids: list[str], workers: int) -> float:
    """Seconds of `snapshot` from the first request to the last journal entry."""
    moments: dict[str, float] = {}

    def note(event: Event) -> None:
        if isinstance(event, RunStarted | Writing):
            moments[type(event).__name__] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:

        async def main() -> None:
            await take_snapshot(
                ids_of(ids, source="benchmark"),
                settings=read_settings(environment(url, folder)),
                place=Place(str(Path(folder) / "out"), folder),
                fetch=FetchOptions(workers=workers, rates=()),
                options=SnapshotOptions(),
                clock=SystemClock(),
                emit=note,
                stop=Stop(),
            )

        with _runner() as runner:
            runner.run(main())
    return moments["Writing"] - moments["RunStarted"]


if __name__ == "__main__":
    # A process of its own for each measurement: `engine.py ours|bare URL NUMBER WORKERS`.
    which, address, number, tasks = sys.argv[1:5]
    wanted = [f"cd-{index:08x}" for index in range(int(number))]
    print((ours if which == "ours" else bare)(address, wanted, int(tasks)))
