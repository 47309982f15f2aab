"""`exporter.api.threaded_resolver`: a name server that hangs does not hold up the end of the program."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from exporter.api.threaded_resolver import Resolver
from tests.support.running import ROOT, full, program
from tests.support.serving import environment


async def test_it_gives_what_the_system_gives() -> None:
    flags = socket.AI_ADDRCONFIG
    expected = {info[4][:2] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM, flags=flags)}
    found = await Resolver().resolve("localhost", 80, socket.AF_UNSPEC)
    assert {(one["host"], one["port"]) for one in found} == expected != set()


async def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(socket.gaierror):
        await Resolver().resolve("no.such.name.invalid", 80)


def test_sigterm_ends_the_program_while_the_name_server_hangs(tmp_path: Path) -> None:
    """`sitecustomize` stands in for a name server that does not answer."""
    asked = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, socket, time\n"
        f"socket.getaddrinfo = lambda *_, **__: (pathlib.Path({str(asked)!r}).touch(), time.sleep(600))\n"
    )
    env = full(environment("https://platform.example", tmp_path))
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    command = program("pull", "cd-1", "--timeout", "5m", "--grace", "2s")
    process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not asked.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
