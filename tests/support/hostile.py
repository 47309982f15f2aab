"""A service that keeps to no rule of HTTP: each campaign ID gets the bytes, or the actor, that a test names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext
from urllib.parse import unquote

from tests.support.in_thread import in_thread


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def campaign_id(self) -> str:
        """The last segment of the path, as text."""
        return unquote(self.line.split(" ")[1].partition("?")[0].rpartition("/")[2])


Actor = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
Reaction = bytes | Actor
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Hostile:
    """`answers`: for an ID (or `getAllCampaignDetails`) what it gets; every other ID gets its campaign."""

    answers: dict[str, Reaction] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head[1:] if h)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(head[0], headers, body)
                self.asked.append(asked)
                reaction = self.answers.get(asked.campaign_id, ok(asked.campaign_id))
                if isinstance(reaction, bytes):
                    writer.write(reaction)
                    await writer.drain()
                    if b"Connection: close" in reaction:
                        writer.close()
                else:
                    await reaction(asked, writer)
                if writer.is_closing():
                    break


def http(body: bytes | str, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer with its length, and the headers given as whole lines."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + raw


def campaign(campaign_id: str, **data: object) -> str:
    """The JSON text of a success answer."""
    return json.dumps({"status": "success", "data": {"_id": campaign_id, "name": "n", **data}})


def ok(campaign_id: str, **data: object) -> bytes:
    """A good answer."""
    return http(campaign(campaign_id, **data), "Content-Type: application/json")


def listening(handle: Handler, *, tls: SSLContext | None = None) -> AbstractContextManager[int]:
    """A TCP server in a thread, and its port. Nothing of it is left at the end: no task, no open connection."""
    return in_thread(_listening(handle, tls))


@asynccontextmanager
async def _listening(handle: Handler, tls: SSLContext | None) -> AsyncIterator[int]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError):
            await handle(reader, writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)  # an aborted connection is closed in the next round


@contextmanager
def hostile(
    answers: Mapping[str, Reaction] | None = None, *, tls: SSLContext | None = None
) -> Iterator[tuple[Hostile, str]]:
    """The service in a thread, and its URL."""
    service = Hostile(dict(answers or {}))
    with listening(service.serve, tls=tls) as port:
        yield service, f"{'https' if tls else 'http'}://127.0.0.1:{port}"
