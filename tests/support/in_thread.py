"""A service in a thread, so that what is under test meets it over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Entered = TypeVar("Entered")


@contextmanager
def in_thread(service: AbstractAsyncContextManager[Entered]) -> Iterator[Entered]:
    """Hold `service` in an event loop of its own while the block runs; no task of it is left at the end."""
    started: Future[tuple[Entered, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        async with service as entered:
            stop = asyncio.Event()
            started.set_result((entered, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    entered, loop, stop = started.result(10)
    try:
        yield entered
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
