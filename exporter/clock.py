"""Time as something handed in, so that tests run hours of quota in milliseconds."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from typing import Protocol


class Clock(Protocol):
    """What the program asks of time."""

    def now(self) -> float:
        """Wall time: seconds since 1970-01-01 UTC. It can jump."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Wall time: seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        await asyncio.sleep(seconds)


async def wait_at_most(seconds: float, event: asyncio.Event) -> None:
    """Wait until `event` is set, or for some seconds; infinity: as long as it takes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if math.isinf(seconds) else seconds):
            await event.wait()


def to_milliseconds(seconds: float) -> int:
    """Wall time in seconds as the whole milliseconds that journal and tables hold."""
    return int(seconds * 1000)
