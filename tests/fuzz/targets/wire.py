"""What comes over the wire in place of a response: one is read, or an error says what came."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from exporter.api.endpoints import HttpResponse, Request
from exporter.api.http import HttpTransport
from exporter.api.transport_errors import TransportError
from tests.fuzz.promises import MARKER, assert_one_line
from tests.fuzz.target import Target

MAX_BODY = 2**16


class Sent(NamedTuple):
    """The response to a request, and how often it arrived."""

    response: HttpResponse | TransportError
    arrivals: int


def read(data: bytes) -> Sent:
    """The input is all that the server ever sends; then it closes."""
    return asyncio.run(_send(data))


async def _send(data: bytes) -> Sent:
    arrivals = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrivals
        await reader.readuntil(b"\r\n\r\n")
        arrivals += 1
        writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    request = Request("GET", f"http://127.0.0.1:{port}/x", {"auth": MARKER})
    try:
        async with HttpTransport(timeout=2.0, max_body=MAX_BODY, connections=1) as transport:
            return Sent(await transport.send(request, on_sent=lambda: None), arrivals)
    except TransportError as error:
        return Sent(error, arrivals)
    finally:
        server.close()


def check(data: bytes, sent: Sent) -> None:
    """A bounded response, or one line that quotes nothing of it; one request, whatever came."""
    assert sent.arrivals == 1
    if isinstance(sent.response, TransportError):
        assert_one_line(str(sent.response), 600)
        assert "within 2 s" not in str(sent.response), "it waits for what never comes"
        assert MARKER not in str(sent.response), "what a server sends may be what it got"
    else:
        assert 100 <= sent.response.status <= 999
        assert len(sent.response.body) <= MAX_BODY


TARGET = Target(
    read, check,
    words=(
        "HTTP/1.1 200 OK\r\n", "HTTP/1.0 200\r\n", "\r\n\r\n", "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", "0\r\n\r\n", "Content-Encoding: gzip\r\n",
        "Content-Encoding: deflate\r\n", "Content-Encoding: x-gzip\r\n", "Connection: close\r\n",
        "Content-Type: application/json; charset=x\r\n", "Retry-After: 1\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103\r\n\r\n", "HTTP/1.1 204 No\r\n", "HTTP/1.1 101 Up\r\nUpgrade: h2c\r\n", "Location: x\r\n",
        MARKER, "ffffffffffffffff",
    ),
)  # fmt: skip
