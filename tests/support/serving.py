"""The simulator in a thread, so that the real program can be run against it over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.simulator.server import serve
from exporter.simulator.simulated_service import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour


def environment(url: str, home: Any) -> dict[str, str]:
    """What a user would set; state and configuration in `home`."""
    return {
        "KORE_HOST": url,
        "KORE_STREAM_ID": STREAM_ID,
        "KORE_ACCOUNT_ID": ACCOUNT_ID,
        "KORE_CLIENT_ID": CLIENT_ID,
        "KORE_CLIENT_SECRET": CLIENT_SECRET,
        "HOME": str(home),
        "XDG_STATE_HOME": str(home) + "/state",
    }


@contextmanager
def serving(behaviour: Behaviour, **options: Any) -> Iterator[str]:
    """Serve `behaviour` from a thread; yields the URL."""
    started = threading.Event()
    found: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []
    stop: list[asyncio.Event] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        stop.append(asyncio.Event())
        async with serve(behaviour, **options) as url:
            found.append(url)
            started.set()
            await stop[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert started.wait(10), "the simulator did not start"
    try:
        yield found[0]
    finally:
        loops[0].call_soon_threadsafe(stop[0].set)
        thread.join(10)
