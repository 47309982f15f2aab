"""The program in a process of its own that need not start Python: it is forked from one that has imported everything.

It is as real as one that was started: its own process, environment, folder and streams, `jobs.cli.main`, an orderly
end. It can be killed and traced. A run costs what the work costs, a tenth of a start. What only a start shows is left
to `running.run`: imports, streams that are closed or of another encoding, pipes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.running import ROOT, full, write_ids
from tests.support.serving import environment

TIMEOUT = 100.0
"""Seconds after which a run is killed."""


class ForkedProgram:
    """Runs the program, as often as one likes; one run waits for its end at a time."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._runs = 0

    def start(
        self, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, prepare: str = "", strace: Sequence[str] = ()
    ) -> ForkedRun:
        """Begin a run. `prepare`: Python that it executes first. `strace`: how it is traced, from its first call on."""
        self._runs += 1
        out, err = (self._folder / f"{self._runs}.{name}" for name in ("out", "err"))
        pid = self.ask(
            "fork", arguments=arguments, env=full(env), cwd=str(cwd), out=str(out), err=str(err), prepare=prepare
        )
        tracer = _attached(pid, strace) if strace else None
        self.ask("go", pid=pid)
        return ForkedRun(self, pid, arguments, out, err, tracer)

    def run(
        self, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, prepare: str = "", strace: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return self.start(*arguments, env=env, cwd=cwd, prepare=prepare, strace=strace).wait()

    def ask(self, do: str, timeout: float = TIMEOUT, **more: Any) -> int:
        """The server's answer. Raises `TimeoutError`."""
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._server.stdin.flush()
        return self.answer(timeout)

    def answer(self, timeout: float = TIMEOUT) -> int:
        """The next answer, which may have been asked for before. Raises `TimeoutError`."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], timeout)[0]:
            raise TimeoutError
        return int(self._server.stdout.readline())


class ForkedRun:
    """One process."""

    def __init__(
        self, program: ForkedProgram, pid: int, arguments: Sequence[str], out: Path, err: Path,
        tracer: subprocess.Popen[str] | None,
    ) -> None:  # fmt: skip
        self.pid = pid
        self._program = program
        self._arguments = arguments
        self._out = out
        self._err = err
        self._tracer = tracer

    def wait(self, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
        """Its end. One that takes longer is killed, which fails the test."""
        try:
            code = self._program.ask("wait", timeout, pid=self.pid)
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            self._program.answer()
            raise AssertionError(f"no end after {timeout:g} s: {self._arguments}: {self.told()}") from None
        if self._tracer is not None:
            self._tracer.communicate(timeout=TIMEOUT)
        out = self._out.read_text(encoding="utf-8") if self._out.exists() else ""
        return subprocess.CompletedProcess(self._arguments, code, out, self.told())

    def told(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""


@contextmanager
def forked_program() -> Iterator[ForkedProgram]:
    """Start the process that imports the program, and end it."""
    command = [sys.executable, "-m", "tests.support.fork_server"]
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=full({}), cwd=ROOT
        ) as server,
    ):
        yield ForkedProgram(server, Path(folder))


_SHARED = ExitStack()
_ONE_AT_A_TIME = threading.Lock()


@cache
def shared_program() -> ForkedProgram:
    """The one of this process, started when it is first asked for."""
    return _SHARED.enter_context(forked_program())


def end_shared_program() -> None:
    """End it, where it was started."""
    shared_program.cache_clear()
    _SHARED.close()


def run(*arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, as `running.run` does, at a fifth of the cost."""
    with _ONE_AT_A_TIME:
        return shared_program().run(*arguments, env=env, cwd=cwd)


def snapshot(folder: Path, url: str, ids: Iterable[str], *options: str) -> subprocess.CompletedProcess[str]:
    """A snapshot of `ids` from the service at `url` into `out` in the folder, without a limit."""
    ids_file = write_ids(folder / "ids.csv", ids)
    command = ("snapshot", str(ids_file), "--out", str(folder / "out"), "--rate", "off")
    return run(*command, *options, env=environment(url, folder))


def _attached(pid: int, options: Sequence[str]) -> subprocess.Popen[str]:
    """A strace that has the process in its hands."""
    tracer = subprocess.Popen(["strace", "-f", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    assert line.endswith("attached\n"), line
    return tracer
