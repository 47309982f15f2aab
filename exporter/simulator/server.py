"""The simulator behind real sockets, on loopback only."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from functools import cache
from random import Random

import msgspec
from aiohttp import web

from exporter.simulator.change_simulator import CHANGE_PATH
from exporter.simulator.replies import Reply
from exporter.simulator.simulated_service import Behaviour

_STRAY_BODY = b'{"status":"success","data":{"_id":"cd-stray-answer","name":"Stray"}}'
STRAY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_STRAY_BODY),
    _STRAY_BODY,
)
"""A second answer that nobody asked for."""

SLOW, SILENT = 60.0, 3600.0
"""Seconds until a slow answer, and until one of a server that is silent."""

DRIP = 1.0
"""Seconds between two bytes of an answer that drips."""


@cache
def _bomb() -> bytes:
    """256 kB that become 256 MiB."""
    return gzip.compress(bytes(256 * 2**20), 9)


@asynccontextmanager
async def serve(
    behaviour: Behaviour,
    *,
    port: int = 0,
    latency: tuple[float, float] = (0.0, 0.0),
) -> AsyncIterator[str]:
    """Serve `behaviour` at the URL that is yielded. `latency`: least and most seconds of an answer."""
    handler = _Handler(behaviour, latency)
    server = web.Server(handler.handle, access_log=None, max_line_size=65536, max_field_size=65536)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        address: tuple[str, int] = runner.addresses[0]
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        await runner.cleanup()


class _Handler:
    def __init__(self, behaviour: Behaviour, latency: tuple[float, float]) -> None:
        self._behaviour = behaviour
        self._latency = latency
        self._random = Random(11)  # noqa: S311 - chance, no secret

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        delay = self._random.uniform(*self._latency)
        way = delay * self._random.random()
        body = await request.read()
        if request.path == CHANGE_PATH:
            number = request.query.get("number", "1")
            if not re.fullmatch("[0-9]{1,15}", number):
                return web.json_response({"error": "number: give a whole number, such as number=8"}, status=400)
            changes = self._behaviour.change(int(number))
            return web.json_response(msgspec.structs.asdict(changes))
        if way:
            await asyncio.sleep(way)
        reply = self._behaviour.reply(
            request.method, request.raw_path.partition("?")[0], request.query, request.headers, body, time.monotonic()
        )
        if delay:
            await asyncio.sleep(delay - way)
        return await self._carry_out(request, reply)

    def _response(self, reply: Reply) -> web.Response:
        headers = dict(reply.headers)
        if self._behaviour.clock_ahead:
            headers["Date"] = formatdate(time.time() + self._behaviour.clock_ahead, usegmt=True)
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _carry_out(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Answer, with the fault if it is one that needs the connection."""
        fault, transport = reply.fault, request.transport
        if fault == "reset" and transport is not None:
            transport.abort()
            return web.Response()
        if fault in ("truncated", "drip", "bomb", "endless"):
            return await self._stream(request, reply)
        if fault == "x-gzip":
            headers = {**reply.headers, "Content-Encoding": "x-gzip"}
            return web.Response(status=reply.status, body=gzip.compress(reply.body), headers=headers)
        if fault in ("silent", "slow"):
            await asyncio.sleep(SILENT if fault == "silent" else SLOW)
        response = self._response(reply)
        if fault in ("close-after", "second-answer"):
            await response.prepare(request)
            await response.write_eof()
            if fault == "close-after" and transport is not None:
                transport.close()
            elif isinstance(transport, asyncio.WriteTransport):
                transport.write(STRAY)
        return response

    async def _stream(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        fault, response = reply.fault, web.StreamResponse(status=reply.status, headers=dict(reply.headers))
        if fault == "bomb":
            response.headers["Content-Encoding"] = "gzip"
            await response.prepare(request)
            await response.write(_bomb())
            return response
        if fault == "truncated":
            response.content_length = len(reply.body)
            await response.prepare(request)
            await response.write(reply.body[: len(reply.body) // 2])
            if request.transport is not None:
                request.transport.close()
            return response
        await response.prepare(request)
        if fault == "endless":
            while True:
                await response.write(bytes(65536))
        for index in range(len(reply.body)):
            await response.write(reply.body[index : index + 1])
            await asyncio.sleep(DRIP)
        return response
