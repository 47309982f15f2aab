"""Programs of others that judge ours: where they are, and how they are started and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HOW = "`.ci/install-judges` installs it"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "campaign-export-judges"
"""Where `.ci/install-judges` puts what comes from npm."""

DESCRIPTION = Path(__file__).parents[1] / "judges" / "campaigns.openapi.yaml"


def find(name: str) -> str | None:
    """A program in PATH, where Debian keeps its servers, or in our cache."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(CACHE / "node_modules" / ".bin")])
    return shutil.which(name, path=path)


def find_wiremock() -> Path | None:
    """WireMock's jar. Its npm command is not used: it starts Java as a child, and leaves it behind when it is ended."""
    command = find("wiremock")
    jars = sorted((Path(command).resolve().parent / "build").glob("wiremock-standalone-*.jar")) if command else []
    return jars[-1] if jars else None


def needs(what: str, found: object) -> pytest.MarkDecorator:
    """Skips, saying why and what to do, where a judge is not there."""
    return pytest.mark.skipif(not found, reason=f"needs {what}; {HOW}")


@contextmanager
def started(command: Sequence[str], log: Path, ready: str, *, said_in: Path | None = None) -> Iterator[str]:
    """Run a server while the block runs; yields what it has said (to `log`, or in a file of its own) with `ready`."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        for _ in range(1200):
            said = (said_in or log).read_text(encoding="utf-8", errors="replace")
            if ready in said or process.poll() is not None:
                break
            time.sleep(0.05)
        assert ready in said, f"{command[0]} did not start: {said}"
        yield said
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextmanager
def prism(log: Path, mode: str, *more: str) -> Iterator[str]:
    """Prism with our description, at the URL that is yielded: `mock`, or `proxy` with the URL of what is behind it."""
    command = [find("prism") or "prism", mode, "--errors", "--port", "0", str(DESCRIPTION), *more]
    mark = "Prism is listening on "
    with started(command, log, mark) as said:
        yield said.partition(mark)[2].split()[0]


def violations(log: Path) -> list[str]:
    """What Prism refused or found wrong so far."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if "✖" in line or "Violation" in line]
