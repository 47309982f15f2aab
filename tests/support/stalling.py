"""A service that stands still now and then: connections are taken, requests wait, and all of them are served later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.hostile import campaign, http, listening


@dataclass
class StallingService:
    """Serves campaigns. `stalls`: (number of requests served before it stands still, seconds), in order.

    `received`: requests so far, with those that wait; `arrivals`: when a request was served, its sender gone or not.
    """

    stalls: list[tuple[int, float]] = field(default_factory=list)
    received: int = 0
    arrivals: list[float] = field(default_factory=list)
    still_until: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while head := await self._next(reader):
            campaign_id = head.split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2].decode()
            writer.write(http(campaign(campaign_id), "Content-Type: application/json"))
            await writer.drain()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.received += 1
        while (left := self.still_until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self.arrivals.append(time.monotonic())
        if self.stalls and len(self.arrivals) >= self.stalls[0][0]:
            self.still_until = time.monotonic() + self.stalls.pop(0)[1]
        return head


@contextmanager
def stalling(*stalls: tuple[int, float]) -> Iterator[tuple[StallingService, str]]:
    """The service in a thread, and its URL."""
    service = StallingService(list(stalls))
    with listening(service.serve) as port:
        yield service, f"http://127.0.0.1:{port}"
