"""Hosts and proxies: two readers of a URL agree about them."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from yarl import URL

from exporter.api.http import HttpTransport
from exporter.hosts_and_proxies import proxy_for, read_host
from tests.fuzz.promises import MARKER, assert_one_line
from tests.fuzz.target import Target


class Hosts(NamedTuple):
    """An origin and a proxy, or why there is none."""

    origin: str | ValueError
    proxy: str | ValueError | None


def read(data: bytes) -> Hosts:
    """The first line is a host, the second a proxy with a password, the third what no proxy is asked for."""
    host, proxy, no_proxy = [*data.decode("utf-8", "surrogateescape").split("\n"), "", "", ""][:3]
    origin: str | ValueError
    try:
        origin = read_host(host)
    except ValueError as error:
        return Hosts(error, None)
    try:
        return Hosts(origin, proxy_for(origin, {"https_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": no_proxy}))
    except ValueError as error:
        return Hosts(origin, error)


def check(data: bytes, hosts: Hosts) -> None:
    """An origin is read as itself, plain HTTP is loopback, and no error shows a proxy's password."""
    if isinstance(hosts.origin, ValueError):
        assert_one_line(str(hosts.origin), 2500)
        return
    assert read_host(hosts.origin) == hosts.origin
    url = URL(f"{hosts.origin}/x", encoded=True)
    split = urlsplit(hosts.origin)
    assert (url.scheme, url.raw_host, url.port) == (
        split.scheme, split.hostname, split.port or {"http": 80, "https": 443}[split.scheme],
    )  # fmt: skip
    if url.scheme == "http":
        assert url.host == "localhost" or ipaddress.ip_address(url.host or "").is_loopback
    if isinstance(hosts.proxy, ValueError):
        assert MARKER not in str(hosts.proxy)
        assert_one_line(str(hosts.proxy), 500)
    elif hosts.proxy is not None:
        transport = HttpTransport(timeout=1, max_body=1, connections=1, proxy=hosts.proxy)
        assert transport._proxy is not None and transport._proxy.raw_host
        assert transport._proxy.user is None and transport._proxy.password is None, "aiohttp's texts would show it"


TARGET = Target(
    read, check,
    words=(
        "https://", "http://", "platform.kore.ai", "localhost", "127.0.0.1", "[::1]", "[fe80::1%eth0]", ":8443", "@",
        f"u:{MARKER}@", "proxy:3128", "\n", "*", ".kore.ai", "socks5://", "0x7f.1", "①", "xn--", ":65536", ":0",
        "%2e",
    ),
)  # fmt: skip
