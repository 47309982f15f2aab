"""The engine against the bare client: the same GETs, the same concurrency, everything on that a user has on.

A process of its own for each measurement: `engine.py ours|bare URL NUMBER WORKERS` prints seconds and MB.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import aiohttp

from jobs.cli import lighten_pyarrow

if __name__ == "__main__":
    lighten_pyarrow()  # as the program does, before pyarrow is imported

from exporter.clock import SystemClock
from exporter.events import Event, RunStarted, Writing
from exporter.ids.ids_file import ids_of
from exporter.options import FetchOptions, Locations
from exporter.pipeline.job_description import ExportJob
from exporter.pipeline.take_snapshot import take_snapshot
from exporter.settings_reader import read_settings
from exporter.stop import Stop
from jobs.support.event_console import Console
from jobs.support.run_until_stopped import new_runner
from tests.benchmarks.measuring import HERE, on_cores
from tests.support.running import full
from tests.support.serving import environment


@contextmanager
def light_server(latency: float = 0.0, *, places: int = 0, seconds: float = 60.0) -> Iterator[str]:
    """The light server in a process of its own, on the second core where the machine lets us pin."""
    with on_cores(1):
        process = subprocess.Popen(
            [sys.executable, str(HERE / "light_server.py"), str(latency), str(places), str(seconds)],
            stdout=subprocess.PIPE, env=full({}), text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def stats(url: str) -> dict[str, float]:
    """What the light server saw so far."""
    with urlopen(url + "/stats") as answer:
        return dict(json.load(answer))


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

    with new_runner() as runner:
        return runner.run(main())


def ours(url: str, ids: list[str], workers: int) -> float:
    """Seconds of `snapshot` from the first request to the last journal entry."""
    moments: dict[str, float] = {}
    console = Console(stream=sys.stderr, verbosity=0, as_json=False)

    def emit(event: Event) -> None:
        if isinstance(event, RunStarted | Writing):
            moments[type(event).__name__] = time.perf_counter()
        console.emit(event)

    with tempfile.TemporaryDirectory() as folder:

        async def main() -> None:
            job = ExportJob(
                ids_of(ids, source="benchmark"),
                read_settings(environment(url, folder)),
                Locations(str(Path(folder) / "out"), folder),
                FetchOptions(workers=workers, rates=()),
            )
            await take_snapshot(job, clock=SystemClock(), emit=emit, stop=Stop())

        with console.tracking(FetchOptions(rates=())), new_runner() as runner:
            runner.run(main())
    return moments["Writing"] - moments["RunStarted"]


if __name__ == "__main__":
    which, address, number, tasks = sys.argv[1:5]
    wanted = [f"cd-{index:08x}" for index in range(int(number))]
    print((ours if which == "ours" else bare)(address, wanted, int(tasks)), 0)
