"""The real program, really killed, at every step at which a crash matters."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.snapshot_store import manifest as manifests
from tests.support.at_failpoint import at_failpoint
from tests.support.forked_program import ForkedProgram
from tests.support.running import rows_of, snapshot_folders, write_ids
from tests.support.serving import environment, serving

CAMPAIGNS = 24
WORKERS = 4


class Desk:
    """A destination with two older snapshots, and a service that counts what it is asked for."""

    def __init__(self, tmp_path: Path, service: Behaviour, url: str, program: ForkedProgram) -> None:
        self.service = service
        self.program = program
        self.env = environment(url, tmp_path)
        self.out = tmp_path / "exports"
        self.more: list[str] = []
        self.ids = write_ids(tmp_path / "ids.csv", [*service.campaigns, "cd-nowhere"])

    def command(self) -> list[str]:
        return [
            "snapshot", str(self.ids), "--out", str(self.out), "--rate", "off", "--workers", str(WORKERS),
            "--keep", "2", "--format", "both", *self.more,
        ]  # fmt: skip

    def run(self, prepare: str = "") -> subprocess.CompletedProcess[str]:
        return self.program.run(*self.command(), env=self.env, prepare=prepare)

    def journaled(self) -> set[str]:
        """The IDs that the journal has an outcome of, by a copy of it: opening it would change it."""
        copy = self.out.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.out / ".work", copy)
        found: set[str] = set()
        for path in copy.glob("journal-*.sqlite"):
            with closing(sqlite3.connect(path)) as db:
                found.update(
                    row[0]
                    for table in ("answers", "failures")
                    for row in db.execute(f"SELECT campaign_id FROM {table}")
                )
        return found

    def contents(self) -> dict[str, str]:
        """A hash of every file that readers see."""
        return {
            str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in snapshot_folders(self.out)
            for path in folder.iterdir()
        }


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, forked: ForkedProgram) -> Path:
    """Two published snapshots, made once."""
    folder = tmp_path_factory.mktemp("older")
    service = Behaviour(sample_campaigns(CAMPAIGNS, voice_share=0.3))
    with serving(service) as url:
        desk = Desk(folder, service, url, forked)
        for _ in range(2):
            assert desk.run().returncode == 0
    return desk.out


@pytest.fixture
def desk(tmp_path: Path, older: Path, forked: ForkedProgram) -> Iterator[Desk]:
    service = Behaviour(sample_campaigns(CAMPAIGNS, voice_share=0.3))
    with serving(service, latency=(0.004, 0.008)) as url:
        desk = Desk(tmp_path, service, url, forked)
        shutil.copytree(older, desk.out)
        for path in desk.out.glob("snapshot=*/manifest.json"):
            # The service has another port now, and other accounts' snapshots would not be ours to remove.
            manifest = manifests.load(path.read_bytes())
            api = msgspec.structs.replace(manifest.api, host=url)
            path.write_bytes(manifests.dump(msgspec.structs.replace(manifest, api=api)))
        yield desk


FAILPOINTS = (
    "list.kept",
    "carry.block",
    "request.answered",
    "journal.before_commit",
    "journal.after_commit",
    "write.campaigns.parquet",
    "write.campaigns.csv",
    "write.calling_windows.parquet",
    "write.calling_windows.csv",
    "write.responses.parquet",
    "write.failures.parquet",
    "write.failures.csv",
    "publish.before_manifest",
    "publish.staged",
    "publish.published",
    "retention.renamed",
    "publish.before_journal_closed",
)
"""In the order of a run. A step `write.FILE` is hit many times: whenever a piece of the file has been written."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

INCREMENTAL = ("list.kept", "carry.block")
"""Steps that a full run does not come to."""

WRITES = tuple(step for step in FAILPOINTS if step.startswith("write."))

ASKED_IN_WRITING = ("write.campaigns.parquet", "write.failures.csv")
"""A signal that asks meets the same code in every file: one of each kind is enough."""

MATRIX = [
    pytest.param(step, number, id=f"{step}-{number.name}")
    for step in FAILPOINTS
    for number in SIGNALS
    if step not in INCREMENTAL and (number == signal.SIGKILL or step not in WRITES or step in ASKED_IN_WRITING)
]


def which_time(step: str) -> int:
    """At which of the times that a run reaches `step` it is killed: in the middle of what the step is part of."""
    if step == "request.answered":
        return 9
    if step.startswith("journal"):
        return 3
    # The header line of a CSV file is written by then, of a Parquet file the first columns.
    return 4 if step.endswith(".parquet") else 1


def is_cut_off(file: Path) -> bool:
    """Whether a file was left in mid-writing."""
    content = file.read_bytes()
    return not content.endswith(b"PAR1") or len(content) <= 4 if file.suffix == ".parquet" else content.count(b"\n") < 2


@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
@pytest.mark.parametrize("step", [*INCREMENTAL, "request.answered"])
def test_an_incremental_run_killed_at_any_step_is_completed_by_the_same_command(
    desk: Desk, tmp_path: Path, step: str, number: signal.Signals
) -> None:
    changed = list(desk.service.campaigns)[3:5]
    for one in changed:
        desk.service.campaigns[one].data["updatedAt"] = "2026-11-24T09:00:00.000Z"
        desk.service.campaigns[one].data["name"] = "edited"
    desk.more = ["--incremental", "--type", "all"]
    before = desk.contents()
    killed = desk.run(at_failpoint(step, 1, f"kill({number:d})"))
    assert killed.returncode in ({-9} if number == signal.SIGKILL else {128 + number, 0}), killed.stderr
    if killed.returncode != 0:
        assert desk.contents() == before, "readers saw something change"
        again = desk.run()
        assert again.returncode == 0, again.stderr
    asked = desk.service.asked_for()
    assert set(asked) == {*changed, "cd-nowhere"}, "only what changed is asked for"
    assert sum(arrival.body is not None for arrival in desk.service.arrivals) == 2, "the list is read once for a type"
    assert max(asked.values()) <= 2
    latest = snapshot_folders(desk.out)[-1]
    desk.out, desk.more = tmp_path / "undisturbed", ["--list", "always", "--type", "all"]
    assert desk.run().returncode == 0
    aside = ("fetched_at", "carried_from")
    assert rows_of(latest, without=aside) == rows_of(snapshot_folders(desk.out)[-1], without=aside)


@pytest.mark.parametrize(("step", "number"), MATRIX)
def test_killed_at_any_step_the_same_command_completes_the_run(
    desk: Desk, older: Path, step: str, number: signal.Signals
) -> None:
    before = desk.contents()
    killed = desk.run(at_failpoint(step, which_time(step), f"kill({number:d})"))
    assert killed.returncode in ({-9} if number == signal.SIGKILL else {128 + number, 0}), killed.stderr
    if step in WRITES and number == signal.SIGKILL:
        (staging,) = desk.out.glob(".staging/*")
        assert is_cut_off(staging / step.removeprefix("write.")), "not killed in the middle of the file"
    revealed = step in ("publish.published", "retention.renamed", "publish.before_journal_closed")
    if killed.returncode != 0 and not revealed:
        assert desk.contents() == before, "readers saw something change"
    sent = len(desk.service.arrivals)
    journaled = desk.journaled()
    assert journaled or step != "journal.after_commit"

    again = desk.run()

    assert again.returncode == 0, again.stderr
    assert rows_of(snapshot_folders(desk.out)[-1]) == rows_of(snapshot_folders(older)[-1]), "not as undisturbed"
    left = {name: digest for name, digest in desk.contents().items() if name in before}
    assert left.items() <= before.items(), "an earlier snapshot was touched"
    assert len(snapshot_folders(desk.out)) == 2
    assert not [*desk.out.glob(".staging*"), *desk.out.glob(".removing*")]
    if killed.returncode == 0:
        return  # the signal came too late to matter
    assert set(desk.service.asked_for()) == {*desk.service.campaigns, "cd-nowhere"}
    twice = {one for one, asked in desk.service.asked_for().items() if asked > 1}
    # What was under way, or, at a kill, waited for a disk that was busy.
    assert not twice & journaled, "what was journaled was fetched again"
    if number != signal.SIGKILL:
        assert len(twice) <= WORKERS, "more was asked again than was under way"
    if not step.startswith(("request", "journal")):
        assert len(desk.service.arrivals) == sent, "something was fetched again"


@pytest.mark.parametrize("step", [*ASKED_IN_WRITING, "publish.before_manifest", "publish.staged"])
def test_a_disk_that_is_full_while_files_are_written_is_reported_and_resumed(desk: Desk, step: str) -> None:
    before = desk.contents()
    failed = desk.run(at_failpoint(step, which_time(step), "fill_disk()"))
    assert failed.returncode == 4, failed.stderr
    assert "No space left" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert desk.contents() == before
    assert not list(desk.out.glob(".staging*"))
    sent = len(desk.service.arrivals)
    assert desk.run().returncode == 0
    assert len(desk.service.arrivals) == sent


@pytest.mark.parametrize("step", ["publish.published", "retention.renamed"])
def test_a_disk_that_is_full_after_the_revealing_is_a_warning_about_a_published_snapshot(desk: Desk, step: str) -> None:
    before = set(snapshot_folders(desk.out))
    done = desk.run(at_failpoint(step, 1, "fill_disk()"))
    assert done.returncode == 0, done.stderr
    assert "warning: " in done.stderr and "No space left" in done.stderr
    assert len(set(snapshot_folders(desk.out)) - before) == 1


NO_FILE_GROWS = """
import atexit, resource

resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY))
# A measuring of coverage writes its file at the very end.
atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("most", [30_000, 100_000])
def test_a_file_that_may_not_grow_is_reported_and_resumed(desk: Desk, most: int) -> None:
    """The kernel refuses every write beyond a size, as a quota does."""
    before = desk.contents()
    failed = desk.run(NO_FILE_GROWS.format(most=most))
    assert failed.returncode == 4, failed.stderr
    assert "check the disk" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert desk.contents() == before
    again = desk.run()
    assert again.returncode == 0, again.stderr
    assert [row["campaign_id"] for row in rows_of(snapshot_folders(desk.out)[-1])] == list(desk.service.campaigns)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("size", ["150k", "400k", "800k"])
def test_a_small_disk_that_fills_up_is_reported_and_resumed(desk: Desk, tmp_path: Path, size: str) -> None:
    """At the beginning, with some answers in the journal, and while the files of the snapshot are written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    desk.out = disk / "exports"
    try:
        failed = desk.run()
        assert failed.returncode in (0, 4), failed.stderr  # the largest may do where many answers are one commit
        assert failed.returncode == 0 or "free some room" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert len(snapshot_folders(desk.out)) == (1 if failed.returncode == 0 else 0)
        before = len(desk.service.arrivals)
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        again = desk.run()
        assert again.returncode == 0, again.stderr
        assert [row["campaign_id"] for row in rows_of(snapshot_folders(desk.out)[-1])] == list(desk.service.campaigns)
        assert len(desk.service.arrivals) - before <= CAMPAIGNS + 1
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_destination_that_cannot_be_written_is_reported_before_anything_is_asked(desk: Desk) -> None:
    desk.out = Path("/proc/nowhere")
    failed = desk.run()
    assert failed.returncode == 2, failed.stderr
    assert "--out /proc/nowhere cannot be written" in failed.stderr
    assert desk.service.arrivals == []


@pytest.mark.parametrize("step", ["journal.after_commit", "write.campaigns.csv", "publish.before_manifest"])
def test_a_volume_that_vanishes_is_reported_and_the_run_can_be_made_again(desk: Desk, step: str) -> None:
    failed = desk.run(at_failpoint(step, 1, f"vanish({str(desk.out)!r})"))
    assert failed.returncode == 4, failed.stderr
    assert "Traceback" not in failed.stderr
    assert not desk.out.exists() or snapshot_folders(desk.out) == []
    again = desk.run()
    assert again.returncode == 0, again.stderr
    assert [row["campaign_id"] for row in rows_of(snapshot_folders(desk.out)[-1])] == list(desk.service.campaigns)


def test_requests_under_way_get_the_grace_and_are_kept(desk: Desk) -> None:
    """Stopped while answers are on their way: they are journaled, and not asked for again."""
    assert desk.run(at_failpoint("request.answered", 5, f"kill({signal.SIGTERM:d})")).returncode == 143
    assert desk.run().returncode == 0
    assert max(desk.service.asked_for().values()) == 1
