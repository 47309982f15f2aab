"""Whom the program talks to: certificates are checked, and a proxy's password is shown to the proxy alone."""

from __future__ import annotations

import asyncio
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.certificates import issue
from tests.support.forked_program import run
from tests.support.hostile import hostile, listening
from tests.support.running import write_ids
from tests.support.serving import environment

PASSWORD = "proxy-p4ss/wörd€"
QUOTED = "proxy-p4ss%2Fw%C3%B6rd%E2%82%AC"


def pull(url: str, tmp_path: Path, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run(
        "pull", "a", "--rate", "off", "--patience", "0s", "--attempts", "1", *more,
        env={**environment(url, tmp_path), **env},
    )  # fmt: skip


def test_a_certificate_of_an_unknown_authority_is_refused_at_once_and_accepted_when_it_is_named(tmp_path: Path) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    with hostile(tls=tls) as (service, url):
        refused = run("pull", "a", env=environment(url, tmp_path))
        assert (refused.returncode, service.asked) == (2, [])
        assert "SSL_CERT_FILE" in refused.stderr
        ca_file.write_text(ca_file.read_text(), encoding="utf-16")
        accepted = pull(url, tmp_path, SSL_CERT_FILE=str(ca_file))
    assert accepted.returncode == 0, accepted.stderr
    assert len(service.asked) == 1


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    ca_file, tls = issue(tmp_path, "another.example")
    with hostile(tls=tls) as (service, url):
        refused = pull(url, tmp_path, SSL_CERT_FILE=str(ca_file))
    assert (refused.returncode, service.asked) == (2, [])
    assert "not trusted" in refused.stderr


class Proxy:
    """An HTTP proxy that wants a password, and connects all of its tunnels to one port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if b64encode(f"user:{PASSWORD}".encode()).decode() not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        there = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))
        finally:
            there[1].transport.abort()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()


@contextmanager
def proxying(target: int) -> Iterator[tuple[Proxy, int]]:
    proxy = Proxy(target)
    with listening(proxy.serve) as port:
        yield proxy, port


def test_the_proxy_alone_sees_its_password(tmp_path: Path) -> None:
    ca_file, tls = issue(tmp_path, "kore.example")
    with hostile(tls=tls) as (service, url), proxying(int(url.rpartition(":")[2])) as (proxy, port):
        env = {"SSL_CERT_FILE": str(ca_file), "HTTPS_PROXY": f"http://user:{QUOTED}@127.0.0.1:{port}"}
        good = pull("https://kore.example", tmp_path, "-vv", **env)
        assert good.returncode == 0, good.stderr
        assert proxy.heads[0].startswith("CONNECT kore.example:443 ")
        assert all("proxy-authorization" not in asked.headers for asked in service.asked)
        env["HTTPS_PROXY"] = f"http://user:wrong-{QUOTED}@127.0.0.1:{port}"
        ids = write_ids(tmp_path / "ids.csv", ["a", "b"])
        for arguments in (["pull", "a"], ["snapshot", str(ids), "--out", str(tmp_path / "out")]):
            for log_format in ("text", "json"):
                done = run(
                    *arguments, "--rate", "off", "--patience", "0s", "--attempts", "1", "-vv",
                    "--log-format", log_format,
                    env={**environment("https://kore.example", tmp_path), **env},
                )  # fmt: skip
                assert done.returncode == 2, done.stderr
                assert "HTTPS_PROXY" in done.stderr
                assert "407" in done.stderr
                assert "p4ss" not in done.stderr + done.stdout
        assert len(service.asked) == 1
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"p4ss" not in path.read_bytes(), path


@pytest.mark.parametrize(
    "proxy", ["socks5://user:hush@p:1", "http://user:hu/sh@p:1", "http://[hush", "http://u:hush@p:99999"]
)
def test_a_proxy_that_is_none_is_a_fault_that_does_not_show_it(tmp_path: Path, proxy: str) -> None:
    done = pull("https://kore.example", tmp_path, HTTPS_PROXY=proxy)
    assert done.returncode == 2
    assert "HTTPS_PROXY names no HTTP proxy" in done.stderr
    assert "hu" not in done.stderr.replace("authority", "")
