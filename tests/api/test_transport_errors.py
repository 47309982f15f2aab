"""`exporter.api.transport_errors`: what an error of the connection means, and which setting it names."""

from __future__ import annotations

import errno
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.api.endpoints import Request
from exporter.api.http import HttpTransport
from exporter.api.transport_errors import TooManyFiles, TransportError
from tests.support.certificates import issue
from tests.support.hostile import hostile


async def error_of(url: str, **options: str) -> TransportError:
    """What a request that gets no answer says."""
    async with HttpTransport(timeout=5.0, max_body=1000, connections=1, **options) as transport:
        with pytest.raises(TransportError) as failed:
            await transport.send(Request("GET", url + "/x", {}), on_sent=lambda: None)
    return failed.value


@pytest.mark.parametrize(
    ("host", "since", "until", "advice"),
    [
        ("127.0.0.1", timedelta(days=1), timedelta(days=2), "Compare this machine's clock"),
        ("127.0.0.1", timedelta(days=-2), timedelta(days=-1), "Compare this machine's clock"),
        ("another.example", timedelta(days=-1), timedelta(days=1), "another host: check KORE_HOST"),
        ("127.0.0.2", timedelta(days=-1), timedelta(days=1), "another host: check KORE_HOST"),
    ],
)
async def test_a_certificate_of_another_time_or_host_is_told_as_such(
    tmp_path: Path, host: str, since: timedelta, until: timedelta, advice: str
) -> None:
    ca_file, tls = issue(tmp_path, host, since=since, until=until)
    with hostile(tls=tls) as (_, url):
        error = await error_of(url, ca_file=str(ca_file))
    assert error.permanent
    assert advice in str(error)
    assert "SSL_CERT_FILE" not in str(error)


async def test_a_certificate_of_an_unknown_authority_asks_for_its_file(tmp_path: Path) -> None:
    with hostile(tls=issue(tmp_path, "127.0.0.1")[1]) as (service, url):
        error = await error_of(url)
    assert error.permanent
    assert "SSL_CERT_FILE" in str(error)
    assert service.asked == [], "no token was shown to it"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_too_many_open_files_are_this_machines_fault_and_not_the_services(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    error = await error_of("https://kore.example")
    assert isinstance(error, TooManyFiles)
    assert error.permanent
    assert "ulimit -n" in str(error)


async def test_the_setting_of_an_unknown_host_is_that_of_the_proxy_where_it_is_the_proxys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert "kore.example is unknown; check KORE_HOST" in str(await error_of("https://kore.example"))
    error = await error_of("https://kore.example", proxy="http://proxy.example:3128")
    assert "proxy.example is unknown; check HTTPS_PROXY" in str(error)
