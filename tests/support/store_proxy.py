"""A proxy before an object store, which refuses the calls that a test names, in the way of real stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, get_args

Refusal = Literal[
    "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "PermanentRedirect", "AuthorizationHeaderMalformed",
    "ExpiredToken", "SlowDown", "ServiceUnavailable", "InternalError", "lost answer",
]  # fmt: skip

_STATUS: dict[Refusal, int] = dict(
    zip(get_args(Refusal), (403, 403, 403, 301, 400, 400, 503, 503, 500, 200), strict=True)
)
_HOP = ("transfer-encoding", "content-length", "connection", "expect", "date", "server")


class StoreProxy:
    """`url`: what the program under test asks. `calls`: what it asked for, each once. `refused`: how often it was."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream.removeprefix("http://")
        self.url = ""
        self._lock = threading.Lock()
        self.refuse(lambda _: None)

    def refuse(self, refusal_of: Callable[[str], Refusal | None]) -> None:
        """Count from the beginning, and give to each call (`PUT /bucket/key?query`) what `refusal_of` says."""
        self.calls: list[str] = []
        self.refused = 0
        self._refusal_of = refusal_of

    def refuse_call(self, number: int, refusal: Refusal) -> None:
        """Refuse the call with that number, and every repeat of it."""
        self.refuse(lambda call: refusal if self.calls.index(call) == number else None)

    def take(self, call: str) -> Refusal | None:
        """What this call gets."""
        with self._lock:
            if call not in self.calls:
                self.calls.append(call)
            refusal = self._refusal_of(call)
            self.refused += refusal is not None
            return refusal


@contextmanager
def store_proxy(upstream: str) -> Iterator[StoreProxy]:
    """Serve from threads."""
    proxy = StoreProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: StoreProxy
    protocol_version = "HTTP/1.1"

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _handle(self) -> None:
        body = self._body()
        refusal = self.proxy.take(f"{self.command} {self.path}")
        if refusal is None or refusal == "lost answer":
            status, answer, headers = self._forward(body)
            if refusal is not None:
                self.close_connection = True
                return
        else:
            status = _STATUS[refusal]
            answer = f"<?xml version='1.0'?><Error><Code>{refusal}</Code><Message>No.</Message></Error>".encode()
            headers = {"Content-Type": "application/xml"}
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = headers.get("Content-Length", len(answer)) if self.command == "HEAD" else len(answer)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _forward(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection(self.proxy.upstream)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        found = response.status, response.read(), dict(response.headers)
        connection.close()
        return found

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle

    def log_message(self, *_: object) -> None:
        """Nothing."""
