"""A server light enough not to be the bottleneck: one prepared answer, the asked ID put in.

`light_server.py [LATENCY [N SECONDS]]` prints its port. With a limit, requests above N in any SECONDS are refused with
429 and nothing else. `GET /stats` tells what it saw, and the seconds of CPU that it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from exporter.simulator.samples import sample_campaigns
from tests.support.strict_server import most_in_a_window

MARK = b"cd-the-id-goes-here"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def template() -> tuple[bytes, bytes]:
    """The answer before and after the ID."""
    (campaign,) = sample_campaigns(1)
    data = {**campaign.data, "_id": MARK.decode()}
    body = json.dumps({"status": "success", "message": "Campaign retrieved successfully", "data": data}).encode()
    before, _, after = body.partition(MARK)
    return before, after


class Service:
    """What all connections share."""

    def __init__(self, latency: float, places: int, window: float) -> None:
        self.latency, self.places, self.window = latency, places, window
        self.before, self.after = template()
        self.requests = self.refused = 0
        self.arrivals: list[float] = []
        self._granted: deque[float] = deque()

    def answer(self, path: bytes) -> bytes:
        """The whole response."""
        if path == b"/stats":
            return _ok(self._stats())
        self.requests += 1
        if self.places and not self._grant():
            return REFUSED
        return _ok(self.before + unquote_to_bytes(path.rsplit(b"/", 1)[1]) + self.after)

    def _grant(self) -> bool:
        now = time.monotonic()
        self.arrivals.append(now)
        while self._granted and self._granted[0] <= now - self.window:
            self._granted.popleft()
        if len(self._granted) >= self.places:
            self.refused += 1
            return False
        self._granted.append(now)
        return True

    def _stats(self) -> bytes:
        most = most_in_a_window(self.arrivals, self.window)
        return json.dumps(
            {"requests": self.requests, "refused": self.refused, "most": most, "cpu": time.process_time()}
        ).encode()


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Protocol(asyncio.Protocol):
    """HTTP/1.1, just enough."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            request, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            answer = self._service.answer(request.split(b" ", 2)[1].partition(b"?")[0])
            if self._service.latency:
                self._loop.call_later(self._service.latency, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def main(latency: float = 0.0, places: float = 0, window: float = 60.0) -> None:
    loop = asyncio.get_running_loop()
    service = Service(latency, int(places), window)
    server = await loop.create_server(lambda: Protocol(service, loop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(ImportError):
        import uvloop

        uvloop.install()
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*(float(word) for word in sys.argv[1:])))
