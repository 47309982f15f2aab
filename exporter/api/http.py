"""The only file that speaks HTTP: sends one request, reads one response, within bounds.

aiohttp by itself sends a GET again, once, when a kept-alive connection drops. To the service that is one more
request, which the rate limit counts and we would not. So a second sending of the same request is stopped here and
comes back as an ordinary connection error, to be retried with a permit and a token of its own.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Self
from weakref import WeakKeyDictionary

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

from exporter.api.content_encoding import ACCEPTED, GZIP_MAGIC, Unpacker
from exporter.api.endpoints import HttpResponse, Request
from exporter.api.threaded_resolver import Resolver
from exporter.api.transport_errors import LONGEST_HEADER, MOST_HEADERS, explain
from exporter.settings_reader import trusting

IDLE = 0.05
"""Seconds after which a kept-alive connection is looked at before it is used again."""

MOST_DROPS = 3
"""Kept-alive connections that may be dropped under a request; from then on each request gets a new one."""


class HttpTransport:
    """Connections to one service.

    `timeout`: seconds for one request from the first byte sent to the last byte read. `max_body`: bytes after
    decompression. `connections`: as many as there are workers, so that a request never waits for one while it
    holds a permit. `proxy`: URL or None. `ca_file`: PEM file that replaces the system's certificates, or None.
    """

    def __init__(
        self,
        *,
        timeout: float,
        max_body: int,
        connections: int,
        proxy: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout, ceil_threshold=1e9)
        self._max_body = max_body
        self._limit = connections
        self._proxy, self._proxy_headers = _split_proxy(proxy)
        self._ca_file = ca_file
        # Made in `__aenter__`: a transport is only used in its `async with`.
        self._connector: _Connector
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        # True: the context that aiohttp has made when it was imported, the system's certificates in it. Reading them
        # again takes a twentieth of a small run.
        context: ssl.SSLContext | bool = True
        if self._ca_file is not None:
            context = await asyncio.to_thread(trusting, self._ca_file)
        self._connector = _Connector(limit=self._limit, ssl=context, ttl_dns_cache=60, resolver=Resolver())
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={hdrs.ACCEPT_ENCODING: ACCEPTED},
            timeout=self._timeout,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            max_headers=MOST_HEADERS,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        """The response to `request`, whatever its status. Redirects are responses. Raises `TransportError`.

        `on_sent` is called just before the request is written: from then on it may reach the service.
        """
        attempt = _Attempt(on_sent)
        _ATTEMPT.set(attempt)
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            ) as response:
                attempt.head = HttpResponse(
                    status=response.status,
                    body=b"",
                    retry_after=response.headers.get(hdrs.RETRY_AFTER),
                    location=response.headers.get(hdrs.LOCATION),
                    date=response.headers.get(hdrs.DATE),
                )
                body, oversized = await self._read(response)
                attempt.ended = asyncio.get_running_loop().time()
                # Only a body that is not UTF-8 is read by its charset, and looking for it takes a while.
                charset = None if body.isascii() and b"\0" not in body[:4] else response.charset
                return msgspec.structs.replace(attempt.head, body=body, charset=charset, oversized=oversized)
        except asyncio.CancelledError:
            self._connector.reset()
            raise
        except (aiohttp.ClientError, OSError, ValueError, EOFError, zlib.error) as error:
            self._connector.reset()
            explained = explain(error, request, timeout=self._timeout.total or 0.0)
            explained.head = attempt.head
            if attempt.reused and attempt.head is None and not isinstance(error, TimeoutError):
                explained.dropped = True
                self._connector.drops += 1
            raise explained from None

    def drop_connection(self) -> None:
        """Close the connection that this task used last: it is out of step."""
        self._connector.reset()

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        encoding = ", ".join(response.headers.getall(hdrs.CONTENT_ENCODING, ()))
        length = response.content_length
        if length is not None and length <= self._max_body and not encoding:
            body = await response.read()
            if not body.startswith(GZIP_MAGIC):
                return body, False
            unpacker = Unpacker("gzip")
            body = unpacker.unpack(body, self._max_body + 1)
            if len(body) > self._max_body:
                return body[:4096], True
            unpacker.end()
            return body, False
        unpacker = Unpacker(encoding)
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            piece = unpacker.unpack(chunk, self._max_body + 1 - size)
            chunks.append(piece)
            size += len(piece)
            if size > self._max_body:
                response.close()
                return b"".join(chunks)[:4096], True
        unpacker.end()
        return b"".join(chunks), False


class _Attempt(msgspec.Struct, eq=False):
    """One request of a task, from its beginning to its answer."""

    on_sent: Callable[[], None]
    transport: asyncio.Transport | None = None
    reused: bool = False
    head: HttpResponse | None = None
    ended: float = 0.0


_ATTEMPT: ContextVar[_Attempt] = ContextVar("attempt")
"""The request of the current task."""


class _Connector(aiohttp.TCPConnector):
    """Gives a task one connection for each request, and none that is dead or out of step; can close it hard."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.drops = 0
        """kept-alive connections that were dropped under a request"""
        self._last: WeakKeyDictionary[object, _Attempt] = WeakKeyDictionary()
        """connection -> the last request that it was used for"""

    def reset(self) -> None:
        """Close the current task's connection with a RST: what waits in it somewhere is not delivered later."""
        transport = _ATTEMPT.get().transport
        if transport is None:
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError, ValueError):  # closed already
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def connect(self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout) -> Any:
        """A connection that can be used. aiohttp calls it again to send the same request again: refused."""
        attempt = _ATTEMPT.get()
        if attempt.transport is not None:
            raise aiohttp.ServerDisconnectedError("the connection was dropped before an answer came")
        while True:
            connection = await super().connect(req, traces, timeout)
            last = self._last.get(connection.protocol)
            if last is None or not self._is_stale(connection, asyncio.get_running_loop().time() - last.ended):
                break
            # Idle, it was closed by the other side, or has brought an answer that nobody asked for.
            connection.close()
        self._last[connection.protocol] = attempt
        attempt.transport, attempt.reused = connection.transport, last is not None
        attempt.on_sent()
        return connection

    def _is_stale(self, connection: Any, idle: float) -> bool:
        if self.drops >= MOST_DROPS or connection.protocol.should_close:
            return True
        return idle >= IDLE and _is_readable(connection.transport)


def _is_readable(transport: asyncio.Transport | None) -> bool:
    """Whether something has come on an idle connection: its end, or an answer that nobody asked for."""
    raw = transport.get_extra_info("socket") if transport is not None else None
    if raw is None or raw.fileno() < 0:
        return True  # closed
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _split_proxy(proxy: str | None) -> tuple[URL | None, dict[str, str] | None]:
    """The proxy without its password, and the header that signs in to it: aiohttp's own texts show URLs whole."""
    if proxy is None:
        return None, None
    url = URL(proxy)
    if url.user is None and url.password is None:
        return url, None
    signed = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
    return url.with_user(None), {"Proxy-Authorization": f"Basic {signed}"}
