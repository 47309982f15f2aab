"""The only file that speaks HTTP: sends one request, reads one answer, within bounds.

aiohttp by itself sends a GET again, once, when a kept-alive connection drops. To the service that is one more
request, which the rate limit counts and we would not. So a second sending of the same request is stopped
here and comes back as an ordinary connection error, to be retried with a place and a token of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import hdrs
from yarl import URL

from exporter.api.endpoints import HttpResponse, Request
from exporter.text import one_line


class TransportError(Exception):
    """No complete answer came: connection refused or dropped, time limit, answer cut off.

    `reached`: whether the request may have reached the service.
    """

    def __init__(self, detail: str, *, reached: bool) -> None:
        super().__init__(detail)
        self.reached = reached


class CertificateError(TransportError):
    """The service's certificate did not pass the check, so no request was sent."""


class HttpTransport:
    """Connections to one service.

    `timeout`: seconds for one request from the first byte sent to the last byte read. `max_body`: bytes after
    decompression. `connections`: as many as there are workers, so that a request never waits for one while it
    holds a place. `proxy`: URL or None. `ca_file`: PEM file that replaces the system's certificates, or None.
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
        self._connections = connections
        self._proxy, self._proxy_headers = _split_proxy(proxy)
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # True: the context that aiohttp has made when it was imported, the system's certificates in it. Reading them
        # again takes a twentieth of a small run.
        context = ssl.create_default_context(cafile=self._ca_file) if self._ca_file is not None else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=context, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request) -> HttpResponse:
        """The answer to `request`, whatever its status. Redirects are answers. Raises `TransportError`."""
        if self._session is None:
            raise RuntimeError("send() outside of `async with`")
        once = _SentOnce()
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                middlewares=(once,),
            ) as response:
                body, oversized = await self._read(response)
                return HttpResponse(
                    status=response.status,
                    body=body,
                    retry_after=response.headers.get(hdrs.RETRY_AFTER),
                    location=response.headers.get(hdrs.LOCATION),
                    # Only a body that is not UTF-8 is read by its charset, and looking for it takes a while.
                    charset=None if body.isascii() else response.charset,
                    oversized=oversized,
                )
        except aiohttp.ClientConnectorCertificateError as error:
            raise CertificateError(_untrusted(error), reached=False) from None
        except aiohttp.ClientHttpProxyError as error:
            told = f"the proxy answered HTTP {error.status} ({_told(error)}); check HTTPS_PROXY"
            raise TransportError(told, reached=False) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransportError(f"no connection: {_told(error)}", reached=False) from None
        except TimeoutError:
            seconds = self._timeout.total or 0.0
            raise TransportError(f"no complete answer within {seconds:g} s (--timeout)", reached=True) from None
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise TransportError(f"connection broke: {_told(error)}", reached=once.sent) from None

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        length = response.content_length
        if length is not None and length <= self._max_body and hdrs.CONTENT_ENCODING not in response.headers:
            return await response.read(), False
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_body:
                response.close()
                return b"".join([*chunks, chunk])[:4096], True
            chunks.append(chunk)
        return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), False


class _SentOnce:
    """A client middleware, which aiohttp runs at every real sending: lets the first pass."""

    def __init__(self) -> None:
        self.sent = False

    def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> Awaitable[aiohttp.ClientResponse]:
        if self.sent:
            raise aiohttp.ServerDisconnectedError("the connection was dropped before an answer came")
        self.sent = True
        return handler(request)


def _told(error: BaseException) -> str:
    """An error of aiohttp without the piece of the answer that it quotes: a server may send back what it got."""
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    text = text.removeprefix("400, message:").strip().partition("\n")[0]
    return one_line(text.partition(": b'")[0].partition(': b"')[0].rstrip(": "), 200)


def _untrusted(error: aiohttp.ClientConnectorCertificateError) -> str:
    reason = getattr(error.certificate_error, "verify_message", "") or type(error.certificate_error).__name__
    return (
        f"the certificate of {error.host} is not trusted ({one_line(reason, 100)}), so nothing was sent to it. If it "
        "comes from an authority of your own, or from a proxy that looks into TLS, name the PEM file of that authority "
        "in SSL_CERT_FILE"
    )


def _split_proxy(proxy: str | None) -> tuple[URL | None, dict[str, str] | None]:
    """The proxy without its password, and the header that signs in to it: aiohttp's own texts show URLs whole."""
    if proxy is None:
        return None, None
    url = URL(proxy)
    if url.user is None:
        return url, None
    signed = aiohttp.BasicAuth(url.user, url.password or "").encode()
    return url.with_user(None), {"Proxy-Authorization": signed}
