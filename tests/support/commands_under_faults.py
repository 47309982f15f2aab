"""The commands that meet faults, each on two older snapshots: what they are, and what must be true of them afterwards.

A command's snapshots get the same IDs in every run, so that the paths of its files are the same too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pyarrow.fs as pafs

from exporter.errors import ExportError
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.verify import damages
from tests.support.forked_program import ForkedProgram
from tests.support.running import write_ids
from tests.support.serving import environment, serving
from tests.support.stores import RunningStore

CODES = {0, 1, 2, 3, 4, 5, 6}
"""What the contract knows; 70 is a fault of the program, and no error of a disk or a store is one."""

CAMPAIGNS = 6
OLDER = ("20250101T020000Z", "20250102T020000Z")
NEW = "20250103T020000Z"

_SAME_NAMES = """
import itertools, tempfile
from exporter.pipeline import rebuild_snapshot, start

rebuild_snapshot.snapshot_id = start.snapshot_id = lambda seconds: "{snapshot}"
tempfile._name_sequence = (f"probe-{{number}}" for number in itertools.count())
"""


@dataclass(frozen=True)
class Line:
    """A command line. `code`: what it ends with when nothing fails. `kept`: the snapshots that it must never lose."""

    name: str
    arguments: Sequence[str]
    code: int = 0
    kept: Sequence[str] = OLDER
    on_nothing: bool = False


@dataclass(frozen=True)
class Command:
    """A command line, ready to run. `reset`: makes everything as it was before its first run."""

    line: Line
    dest: str
    folder: Path
    env: Mapping[str, str]
    program: ForkedProgram
    reset: Callable[[], None]
    prepare: str = ""

    def run(
        self, *more: str, strace: Sequence[str] = (), env: Mapping[str, str] | None = None, snapshot: str = NEW
    ) -> subprocess.CompletedProcess[str]:
        """Run it, with `more` options and variables."""
        prepare = _SAME_NAMES.format(snapshot=snapshot) + self.prepare
        return self.program.run(
            *self.line.arguments, *more, env={**self.env, **(env or {})}, strace=strace, prepare=prepare
        )

    def problems(self, failed: subprocess.CompletedProcess[str]) -> Iterator[str]:
        """What is wrong after a run in which something failed. The same command is run again, and must complete."""
        if failed.returncode not in CODES or "Traceback" in failed.stderr:
            yield f"exit code {failed.returncode}: {failed.stderr[-1500:]}"
        yield from self.lost_or_damaged("after the error")
        again = self.run()
        if again.returncode != self.line.code:
            yield f"the same command without the error: exit code {again.returncode}: {again.stderr[-1500:]}"
        yield from self.lost_or_damaged("after the second run")

    def lost_or_damaged(self, when: str) -> Iterator[str]:
        """What is wrong with the snapshots of the destination."""
        destination = open_destination(self.dest, environ=self.env)
        published = destination.snapshot_ids()
        lost = set(self.line.kept) - set(published)
        if lost:
            yield f"{when}: lost {sorted(lost)}"
        for snapshot in published:
            content = _content(destination, snapshot)
            if content in _SOUND:
                continue
            try:
                found = damages(destination, snapshot)
            except ExportError as error:
                found = [str(error)]
            if found:
                yield f"{when}: {snapshot} is published and damaged: {found}"
            elif content:
                _SOUND.add(content)


_SOUND: set[str] = set()
"""The content of snapshots that were looked at."""


def _content(destination: Destination, snapshot: str) -> str:
    """Another text for other content; empty where that cannot be told."""
    if destination.is_local:
        files = sorted(Path(destination.where(snapshot)).iterdir())
        seen = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    elif snapshot in OLDER:  # nobody writes to their objects again
        folder = pafs.FileSelector(f"{destination.root}/snapshot={snapshot}")
        seen = [(entry.base_name, f"{entry.size} {entry.mtime_ns}") for entry in destination.fs.get_file_info(folder)]
    else:
        return ""
    return repr((snapshot, seen))


def service_under_faults() -> Behaviour:
    """Six good campaigns; `cd-refused` is refused whenever it is asked for."""
    service = Behaviour(sample_campaigns(CAMPAIGNS))
    service.faults["cd-refused"] = ["400"] * 100_000
    return service


def change_two(service: Behaviour) -> None:
    """An incremental run fetches two campaigns and carries the others over."""
    for campaign in list(service.campaigns.values())[:2]:
        campaign.touch(datetime.now(UTC), status="Paused")


def write_id_files(folder: Path, service: Behaviour) -> None:
    """`ids.csv`; `some.csv` has one that fails and one that is not found, too."""
    write_ids(folder / "ids.csv", service.campaigns)
    write_ids(folder / "some.csv", [*service.campaigns, "cd-refused", "cd-nowhere"])


def lines(folder: Path, dest: str) -> list[Line]:
    """All commands. `folder`: of the IDs files and of what is not a snapshot."""
    ids = str(folder / "ids.csv")
    options = ["--out", dest, "--rate", "1000/1s", "--format", "both", "--attempts", "1"]
    snapshot = ["snapshot", ids, *options]
    some_fail = ["snapshot", str(folder / "some.csv"), *options, "--max-failures", "100%"]
    return [
        Line("first", snapshot, kept=(), on_nothing=True),
        Line("full", snapshot),
        Line("incremental", [*snapshot, "--incremental"]),
        Line("failures", some_fail, code=1),
        Line("retention", [*snapshot, "--keep", "1"], kept=()),
        Line("rebuild", ["rebuild", dest]),
        Line("verify", ["verify", dest, "--all"]),
        Line("snapshots", ["snapshots", dest]),
        Line("diff", ["diff", dest]),
        Line("plan", ["plan", ids, "--out", dest]),
        Line("pull", ["pull", ids, "-o", str(folder / "rows.csv")]),
    ]


def make_older(command: Command) -> None:
    """The two snapshots that are there before. `command`: a full run."""
    for snapshot in OLDER:
        made = command.run("--list", "always", snapshot=snapshot)
        assert made.returncode == 0, made.stderr


@contextmanager
def commands_under_faults(folder: Path, *programs: ForkedProgram) -> Iterator[list[dict[str, Command]]]:
    """All commands by name, on local folders; once for each program, for these can run side by side."""
    service = service_under_faults()
    template = folder / "template"
    with serving(service) as url:
        template.mkdir()
        write_id_files(template, service)
        make_older(_local(template, template, url, programs[0])["full"])
        change_two(service)
        yield [_local(folder / f"lane-{number}", template, url, program) for number, program in enumerate(programs)]


def _local(folder: Path, template: Path, url: str, program: ForkedProgram) -> dict[str, Command]:
    dest = str(folder / "exports")

    def reset(line: Line) -> Callable[[], None]:
        def fill() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            ignore = shutil.ignore_patterns("exports", "state") if line.on_nothing else None
            shutil.copytree(template, folder, ignore=ignore)

        return fill

    return {
        line.name: Command(line, dest, folder, environment(url, folder), program, reset(line))
        for line in lines(folder, dest)
    }


QUICK_RETRIES = """
from exporter.snapshot_store import open_bucket

open_bucket.ATTEMPTS = 2
"""
"""S3's library waits up to 1, 2, 4, 8 seconds before it tries again."""


@contextmanager
def commands_on_a_store(folder: Path, store: RunningStore, program: ForkedProgram) -> Iterator[dict[str, Command]]:
    """All commands by name that use a store, with snapshots in a bucket of an S3 server."""
    service = service_under_faults()
    desk, template = folder / "desk", folder / "template"
    dest = store.url("faults/exports")
    # The stores' own libraries look into the environment of this process.
    with patch.dict(os.environ, store.env), serving(service) as url:
        store.make_bucket("faults")
        bucket = store.file_system()
        env = {**environment(url, desk), **store.env}

        def reset(line: Line) -> Callable[[], None]:
            def fill() -> None:
                shutil.rmtree(desk, ignore_errors=True)
                shutil.copytree(template, desk, ignore=shutil.ignore_patterns("state") if line.on_nothing else None)
                there = _objects(bucket, "faults/exports")
                wanted = set() if line.on_nothing else {file.replace("template", "exports") for file in older}
                for file in there - wanted:
                    bucket.delete_file(file)
                for file in wanted - there:
                    bucket.copy_file(file.replace("exports", "template"), file)

            return fill

        commands = {
            line.name: Command(line, dest, desk, env, program, reset(line), QUICK_RETRIES)
            for line in lines(desk, dest)
            if line.name != "pull"
        }
        desk.mkdir()
        write_id_files(desk, service)
        make_older(commands["full"])
        shutil.copytree(desk, template)
        for file in _objects(bucket, "faults/exports"):
            bucket.copy_file(file, file.replace("exports", "template"))
        older = _objects(bucket, "faults/template")
        change_two(service)
        yield commands


def _objects(bucket: pafs.FileSystem, folder: str) -> set[str]:
    selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
    return {entry.path for entry in bucket.get_file_info(selector) if entry.type == pafs.FileType.File}
