"""Pacing before a server that hangs and then serves all that waited: whose requests does it see at once?

A request whose client has given up waits in a socket or a relay until the server goes on. A pacer that takes its slot
back when the time limit ends sends others in its place, and the server sees both within one window.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from exporter.units import Limit
from tests.benchmarks.pacers import PACERS, Server, Work
from tests.benchmarks.pacing import FAST

TIMEOUT = 1.0
"""Seconds after which the client of a request gives up."""

HEADER = ["server hangs", "pacer", "429s", "most in a window", "seconds"]

CASES: dict[str, tuple[tuple[float, float], ...]] = {
    "from 1 s to 6 s": ((1.0, 6.0),),
    "from 0 s to 5 s": ((0.0, 5.0),),
    "from 4 s to 16 s": ((4.0, 16.0),),
    "from 1 s to 3 s and from 8 s to 13 s": ((1.0, 3.0), (8.0, 13.0)),
    "from 2 s to 11 s, the client begins again at 5 s": ((2.0, 11.0),),
}
BEGINS_AGAIN = 5.0


@dataclass
class StallingServer(Server):
    """Serves nothing within `stalls` (seconds from the start), and then all that came meanwhile."""

    stalls: tuple[tuple[float, float], ...] = ()
    began: float = field(default_factory=time.monotonic)
    waiting: set[asyncio.Task[bool]] = field(default_factory=set)

    async def ask(self) -> bool:
        """One request: whether it was granted. Raises `TimeoutError` where the client gives up; it arrives all the same."""
        serving = asyncio.ensure_future(self._serve())
        self.waiting.add(serving)
        serving.add_done_callback(self.waiting.discard)
        async with asyncio.timeout(TIMEOUT):
            return await asyncio.shield(serving)

    async def _serve(self) -> bool:
        now = time.monotonic() - self.began
        for start, end in self.stalls:
            if start <= now < end:
                await asyncio.sleep(end - now)
        return await super().ask()


async def run_case(name: str, pacer: str, *, limit: Limit, number: int, folder: Path) -> list[str]:
    """One row of the table."""
    server = StallingServer(limit, "sliding", FAST, 0.0, burst=0, stalls=CASES[name])
    work = Work(server, limit, number, 16, folder / f"{name}, {pacer}.sqlite")
    if "again" in name:
        first = asyncio.ensure_future(PACERS[pacer](work))
        await asyncio.wait((first,), timeout=BEGINS_AGAIN)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        work = Work(server, limit, max(1, number - len(server.granted)), 16, work.ledger)
    await PACERS[pacer](work)
    seconds = time.monotonic() - server.began
    await asyncio.gather(*server.waiting, return_exceptions=True)
    return [name, pacer, str(server.refused), str(server.most()), f"{seconds:.1f}"]


async def side_by_side(limit: Limit, number: int) -> list[list[str]]:
    """All cases with all pacers at the same time: they mostly wait."""
    with tempfile.TemporaryDirectory() as folder:
        return list(
            await asyncio.gather(
                *(run_case(c, p, limit=limit, number=number, folder=Path(folder)) for c in CASES for p in PACERS)
            )
        )
