"""Every file-system call of a command fails once, in turn: recorded, then injected, with Debian's strace.

A command is run once under strace to see which calls it makes below its folder. Then it is run once for each call and
each error, with that call failing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands_under_faults import Command

ERRORS = ("EIO", "ENOSPC", "EACCES", "EINVAL")

_NO_FAULT_OF_A_DISK = {"ioctl", "lseek", "mmap", "execve", "fcntl", "flock"}
"""`fcntl` and `flock` have tests of their own: for SQLite and for the lock an error of them means another holder."""

_LINE = re.compile(r"^(\d+)\s+(\w+)\((.*?)(?:\)\s+=|<unfinished)")


@dataclass(frozen=True)
class Call:
    """The `number`-th call of a thread to `name` about `path`, which is below the command's folder."""

    name: str
    path: str
    number: int

    def __str__(self) -> str:
        """The same in every folder and against every service: the address is in the names of journal and ledger."""
        path = re.sub("[0-9a-f]{16,}", "*", self.path)
        return f"{self.name} {path} #{self.number}"


def calls_of(command: Command) -> list[Call]:
    """All that it asks of the file system below its folder."""
    command.reset()
    log = command.folder.with_suffix(".strace")
    done = command.run(strace=["-y", "-e", "trace=%file,%desc", "-o", str(log)])
    assert done.returncode == command.line.code, (done.returncode, done.stdout, done.stderr)
    numbers: Counter[tuple[str, str, str]] = Counter()
    for thread, name, path in _paths(log, command.folder):
        numbers[thread, name, path] += 1
    most: dict[tuple[str, str], int] = {}
    for (_, name, path), number in numbers.items():
        most[name, path] = max(most.get((name, path), 0), number)
    return [Call(name, path, number) for (name, path), last in most.items() for number in range(1, last + 1)]


def _paths(log: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    below = re.compile(rf'[<"]{re.escape(str(folder))}/?([^">]*)')
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        path = below.search(match[3]) if match else None
        if match and path and match[2] not in _NO_FAULT_OF_A_DISK:
            yield match[1], match[2], path[1]


def run_with_failure(command: Command, call: Call, error: str) -> subprocess.CompletedProcess[str]:
    """A run in which one call fails."""
    command.reset()
    return command.run(
        strace=["-P", str(command.folder / call.path), "-e", f"trace={call.name}", "-o", "/dev/null",
                "-e", f"inject={call.name}:error={error}:when={call.number}"]
    )  # fmt: skip


def can_inject() -> bool:
    """Whether strace is here and may trace a process that runs already."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        probe = subprocess.Popen([strace, "-o", "/dev/null", "-p", str(sleeper.pid)], stderr=subprocess.PIPE, text=True)
        assert probe.stderr is not None
        attached = probe.stderr.readline().endswith("attached\n")
        sleeper.kill()
        probe.communicate()
    return attached
