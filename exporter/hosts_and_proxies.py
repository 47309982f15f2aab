"""Hosts: which origin a text names, whether it is this machine, and through which proxy it is reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from exporter.text import check_unquoted, is_visible_ascii

_AUTHORITY = re.compile(r"(?:[^@\\\[\]]*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\])(?::[0-9]*)?")
"""Host name or IP address, and port, of a URL: two readers can't disagree about these. Python's own takes the brackets
of `3[::1]` for the whole."""

_SCHEMES = re.compile("(?:https?(?::?/+|$)|[a-z]+:/+)*", re.IGNORECASE)
"""What stands before the host, right or wrong: `https//`, `https:/`, `https://https://`."""

LONGEST_NAME, LONGEST_LABEL = 253, 63
"""Characters of a host's name, and of each part of it between two dots (RFC 1035)."""

LONGEST_SHOWN = 200
"""Characters of a text that an error shows."""


def read_host(text: str) -> str:
    """The origin that `text` names; without a scheme it is https. Raises `ValueError`."""
    text = text.strip()
    if "@" in text:
        raise ValueError("no user name or password belongs into it.")
    url = _http_url(text if "://" in text else "https://" + text)
    shown = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    # Of https//x, https:/x and https://https://x the scheme would be the host.
    if url is None or url.hostname in ("http", "https") or not is_visible_ascii(text):
        raise ValueError(f"{shown!r} is not a base URL; write https://{_meant(text)}")
    name, port = url.hostname or "", url.port
    if url.path.strip("/") or url.query or url.fragment:
        raise ValueError(f"{shown!r} has a path; write only https://{url.netloc}")
    if url.scheme == "http" and not is_loopback(name):
        raise ValueError(f"plain http would send the credentials in the open; write https://{url.netloc}")
    written = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{written}" + (f":{port}" if port not in (None, default) else "")


def _meant(text: str) -> str:
    """The host, and port, that a mistyped base URL probably means; an example where none is seen."""
    host = re.split("[/?#]", _SCHEMES.sub("", text, count=1))[0]
    return host if is_visible_ascii(host) and _http_url(f"https://{host}") else "platform.kore.ai"


def _is_host(name: str) -> bool:
    """Whether it is an address, or a name that can be looked up: any other would be taken for an outage."""
    if ":" not in name and name.strip("0123456789."):
        labels = name.removesuffix(".").split(".")
        return len(name) <= LONGEST_NAME and all(0 < len(label) <= LONGEST_LABEL for label in labels)
    return _address(name) is not None


def is_loopback(name: str) -> bool:
    """Whether `name` can only be this machine."""
    address = _address(name)
    return name.lower() == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def proxy_for(host: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for `host` by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.

    Loopback is never asked for through a proxy. Raises `ValueError` for one that is not a URL of an HTTP proxy; its
    text does not show the URL, which may hold a password.
    """
    url = urlsplit(host)
    named = {key.lower(): value for key, value in environ.items() if key.lower().endswith("_proxy") and value}
    named.update({key: value for key, value in environ.items() if key.islower() and key.endswith("_proxy") and value})
    name = f"{url.scheme}_proxy" if named.get(f"{url.scheme}_proxy") else "all_proxy"
    proxy = named.get(name)
    if not proxy or is_loopback(url.hostname or ""):
        return None
    check_unquoted({key.upper(): value for key, value in named.items()}, name.upper(), "NO_PROXY")
    if _goes_direct(url, named.get("no_proxy", "")):
        return None
    proxy = proxy if "://" in proxy else "http://" + proxy
    proxy_url = _http_url(proxy)
    if proxy_url is None or not _is_proxy(proxy_url):
        raise ValueError(
            f"{name.upper()} names no HTTP proxy: write http://proxy.example:3128, or http://user:password@…, with "
            "the characters / : @ % of a password percent-encoded."
        )
    return proxy


def _goes_direct(url: SplitResult, no_proxy: str) -> bool:
    """Whether `NO_PROXY` names a host: itself, its domain with or without `.` or `*.`, each perhaps with a port; for an
    IP address itself or its network (`10.0.0.0/8`); `*` is every host. No name is looked up."""
    name = (url.hostname or "").rstrip(".")
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        found = re.fullmatch(r"(\[.*\]|[^:]*):([0-9]+)", entry)
        domain, its_port = found.groups() if found else (entry, "")
        domain = domain.removeprefix("*").strip(".")
        is_meant = entry == "*" or bool(domain and f".{name}".endswith(f".{domain}")) or _is_within(name, domain)
        if is_meant and its_port in ("", str(port)):
            return True
    return False


def _is_within(address: str, network: str) -> bool:
    """Whether both are IP addresses, and the one is in the other's network."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _is_proxy(url: SplitResult) -> bool:
    # In what a proxy gets, the first colon ends the user's name (RFC 7617).
    return not (url.path.strip("/") or url.query or url.fragment or ":" in unquote(url.username or ""))


def _http_url(text: str) -> SplitResult | None:
    """The parts of an HTTP URL; None for what is none, or what two readers may take for different hosts."""
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        return None
    fits = _AUTHORITY.fullmatch(url.netloc) and _is_host(host)
    return url if fits and url.scheme in ("http", "https") and port != 0 else None
