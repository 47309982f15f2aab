"""A server light enough not to be the bottleneck: one prepared answer, the asked ID put in. Prints its port."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from exporter.simulator.samples import sample_campaigns

MARK = b"cd-the-id-goes-here"


def template() -> tuple[bytes, bytes]:
    """The answer before and after the ID."""
    (campaign,) = sample_campaigns(1)
    data = {**campaign.data, "_id": MARK.decode()}
    body = json.dumps({"status": "success", "message": "Campaign retrieved successfully", "data": data}).encode()
    before, _, after = body.partition(MARK)
    return before, after


class Protocol(asyncio.Protocol):
    """HTTP/1.1, just enough."""

    before, after = template()
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            request, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            path = request.split(b" ", 2)[1].partition(b"?")[0]
            campaign_id = unquote_to_bytes(path.rsplit(b"/", 1)[1])
            body = self.before + campaign_id + self.after
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self._transport.write, head + body)
            else:
                self._transport.write(head + body)


async def main() -> None:
    Protocol.latency = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(ImportError):
        import uvloop

        uvloop.install()
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
