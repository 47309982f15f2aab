"""Every file-system call of a command fails once, in turn: recorded, then injected, with Debian's strace.

A command is run once under strace to see which calls it makes below its folders. Then it is run once for each call
and each error, with that call failing. Its snapshot gets the same ID in every run, so that the paths are the same too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import ExportError
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.verify import damages
from tests.support.running import ROOT, full

ERRORS = ("ENOSPC", "EIO", "EACCES", "EINVAL")
CODES = {0, 1, 2, 3, 4, 5, 6}
"""What the contract knows; 70 is a fault of the program, and no error of a disk is one."""

_NO_FAULT_OF_A_DISK = {"ioctl", "lseek", "mmap", "execve", "fcntl", "flock"}
"""`fcntl` and `flock` have tests of their own: for SQLite and for the lock an error of them means another holder."""

_DRIVER = """
import itertools, sys, tempfile
from exporter.pipeline import rebuild_snapshot as rebuild, start
from jobs.cli import main

rebuild.snapshot_id = start.snapshot_id = lambda seconds: sys.argv[1]
tempfile._name_sequence = (f"probe-{number}" for number in itertools.count())
main(sys.argv[2:])
"""

_LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+=")


@dataclass(frozen=True)
class Call:
    """The `number`-th call of a thread to `name` about `path`."""

    name: str
    path: str
    number: int


@dataclass
class Command:
    """A command line, its folder and what must be true of it.

    `prepare` fills the folder. `snapshot`: the ID that it gives. `kept`: those that must never be lost. `code`: what it
    ends with when nothing fails.
    """

    name: str
    arguments: list[str]
    folder: Path
    prepare: Callable[[], None]
    env: Mapping[str, str]
    snapshot: str
    kept: set[str] = field(default_factory=set)
    code: int = 0

    @property
    def dest(self) -> Path:
        """Where its snapshots are."""
        return self.folder / "exports"

    def calls(self) -> list[Call]:
        """All that it asks of the file system below its folder. Raises `AssertionError` when it fails by itself."""
        self._reset()
        log = self.folder.with_suffix(".strace")
        done = self._run("-y", "-e", "trace=%file,%desc", "-o", str(log))
        assert done.returncode == self.code, done.stderr
        numbers: Counter[tuple[str, str, str]] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            match = _LINE.match(line)
            paths = re.findall(rf'[<"]({re.escape(str(self.folder))}[^">]*)', match[3]) if match else []
            if match and paths and match[2] not in _NO_FAULT_OF_A_DISK:
                numbers[match[1], match[2], paths[0]] += 1
        most: dict[tuple[str, str], int] = {}
        for (_, name, path), number in numbers.items():
            most[name, path] = max(most.get((name, path), 0), number)
        return [Call(name, path, number) for (name, path), last in most.items() for number in range(1, last + 1)]

    def problems(self, call: Call, error: str) -> Iterator[str]:
        """What is wrong when `call` fails with `error`; nothing, if all is well."""
        self._reset()
        done = self._run(
            "-P", call.path, "-e", f"trace={call.name}", "-o", "/dev/null",
            "-e", f"inject={call.name}:error={error}:when={call.number}",
        )  # fmt: skip
        if done.returncode not in CODES or "Traceback" in done.stderr:
            yield f"exit code {done.returncode}: {done.stderr[-1500:]}"
        yield from self._of_snapshots("after the error")
        again = self._run()
        if again.returncode != self.code:
            yield f"the same command without the error: exit code {again.returncode}: {again.stderr[-1500:]}"
        yield from self._of_snapshots("after the second run")

    def _of_snapshots(self, when: str) -> Iterator[str]:
        if not self.dest.is_dir():
            return
        destination = open_destination(str(self.dest))
        published = destination.snapshot_ids()
        if not self.kept <= set(published):
            yield f"{when}: lost {sorted(self.kept - set(published))}"
        for snapshot in published:
            try:
                found = damages(destination, snapshot)
            except ExportError as error:
                found = [str(error)]
            if found:
                yield f"{when}: {snapshot} is published and damaged: {found}"

    def _reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.prepare()

    def _run(self, *strace: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", _DRIVER, self.snapshot, *self.arguments]
        traced = ["strace", "-f", "-qq", "--seccomp-bpf", *strace, *program] if strace else program
        return subprocess.run(
            traced, env=full(self.env), cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
        )


def can_inject() -> bool:
    """Whether strace is here and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    probe = [strace, "-qq", "-o", "/dev/null", "-e", "inject=chdir:error=EIO", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
