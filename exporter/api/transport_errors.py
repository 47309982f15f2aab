"""Why no complete response came: what each error of the connection means, and which setting to check."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib

import aiohttp
from yarl import URL

from exporter.api.content_encoding import UnknownEncoding
from exporter.api.endpoints import HttpResponse, Request
from exporter.text import one_line

LONGEST_HEADER = 2**16
"""Bytes of a header line, and of the status line."""

MOST_HEADERS = 2000
"""Header lines of a response."""

_OF_ANOTHER_TIME, _OF_ANOTHER_NAME = (9, 10), (62, 64)
"""OpenSSL's numbers (X509_V_ERR) of what is wrong with a certificate: not yet valid, expired; name, IP address."""

_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


class TransportError(Exception):
    """No complete response came: connection refused or dropped, time limit, response cut off.

    `permanent`: as things are set up it can never work (an unknown host, nothing that listens, no TLS, a proxy that
    refuses, a certificate that is not trusted, a header too long); the text names the setting. `head`: of a
    response that began to come all but its body. `dropped`: the service closed a kept-alive connection, as it may at
    any time, while the request was on its way.
    """

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.permanent = permanent
        self.head: HttpResponse | None = None
        self.dropped = False


class TooManyFiles(TransportError):
    """This machine has no room for another connection."""


def explain(error: Exception, request: Request, *, timeout: float) -> TransportError:
    """What an error of the connection means, and for one that can never work which setting to check."""
    detail = _detail(error)

    def permanent(text: str) -> TransportError:
        return TransportError(text, permanent=True)

    if getattr(error, "errno", None) in _TOO_MANY_FILES:
        text = "no connection: too many files are open; raise the limit (ulimit -n), or lower --workers"
        return TooManyFiles(text, permanent=True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return permanent(_untrusted(error))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"the proxy answered HTTP {error.status} ({detail}); check HTTPS_PROXY"
        return TransportError(text, permanent=400 <= error.status < 500)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return permanent(f"the proxy cannot be reached: {detail}; check HTTPS_PROXY")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        if error.os_error.errno == socket.EAI_AGAIN:
            return TransportError(f"no connection: {detail}")
        setting = "KORE_HOST" if error.host == URL(request.url, encoded=True).raw_host else "HTTPS_PROXY"
        return permanent(f"the name of the host {error.host} is unknown; check {setting}")
    if isinstance(error, aiohttp.ClientConnectorSSLError) and not isinstance(error.os_error, ssl.SSLEOFError):
        return permanent(f"{error.host}:{error.port} does not speak TLS as expected ({detail}); check KORE_HOST")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        if getattr(error, "errno", None) == errno.ECONNREFUSED:
            return permanent(
                f"no connection: nothing listens at {URL(request.url, encoded=True).raw_authority}; check KORE_HOST"
            )
        return TransportError(f"no connection: {detail}")
    if isinstance(error, TimeoutError):
        return TransportError(f"no complete answer within {timeout:g} s (--timeout)")
    if isinstance(error, aiohttp.ClientResponseError):
        if "bytes when reading" in error.message or "Too many headers" in error.message:
            limits = f"at most {LONGEST_HEADER:,} bytes a line and {MOST_HEADERS:,} lines are read"
            return permanent(f"the headers of the response are too long ({limits}); check what answers at KORE_HOST")
        if "Expected HTTP/" in error.message:
            return permanent("what answers does not speak HTTP, or expects TLS; check KORE_HOST (https://, its port)")
        return TransportError(f"the response is not valid HTTP: {detail}")
    if isinstance(error, UnknownEncoding | zlib.error | EOFError):
        return TransportError(f"the body cannot be unpacked: {detail}")
    return TransportError(f"connection broke: {detail}")


def _detail(error: BaseException) -> str:
    """An error of aiohttp without the piece of the response that it quotes: a server may send back what it got."""
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    text = text.removeprefix("400, message:").strip().partition("\n")[0]
    return one_line(text.partition(": b'")[0].partition(': b"')[0].rstrip(": "), 200)


def _untrusted(error: aiohttp.ClientConnectorCertificateError) -> str:
    problem = error.certificate_error
    reason = getattr(problem, "verify_message", "") or type(problem).__name__
    return (
        f"the certificate of {error.host} is not trusted ({one_line(reason, 100)}), so nothing was sent to it. "
        f"{_advice(getattr(problem, 'verify_code', 0))}"
    )


def _advice(code: int) -> str:
    """What to do about a certificate that is not trusted, by OpenSSL's number."""
    if code in _OF_ANOTHER_TIME:
        return (
            "Compare this machine's clock (UTC) with a time server: to a clock that is off every certificate is of "
            "another time. If it is right, the certificate has to be renewed"
        )
    if code in _OF_ANOTHER_NAME:
        return "It is that of another host: check KORE_HOST"
    return (
        "If it comes from an authority of your own, or from a proxy that looks into TLS, name the PEM file of that "
        "authority in SSL_CERT_FILE"
    )
