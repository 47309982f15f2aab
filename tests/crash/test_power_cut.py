"""Power cuts: what a run has done is recorded, and every check is made on what the disk may hold afterwards."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from exporter.events import ignore
from exporter.journal.journal import Journal
from exporter.model import Identity
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import ACCOUNT_ID, STREAM_ID, Behaviour
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_table
from exporter.snapshot_store.verify import damages
from tests.support.power_cut import Files, Model, Operation, Replay, files_below, put, record
from tests.support.running import ROOT, full, program, run, write_ids
from tests.support.serving import environment, serving

CAMPAIGNS = 8
CUTS = 80
"""For each recording and model: 320 states in all."""

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="file operations are recorded with strace"),
    pytest.mark.slow,
]


class Recording:
    """The operations of one run, and what was on the disk before."""

    def __init__(self, base: Path, host: str, before: Files, operations: list[Operation]) -> None:
        self.base = base
        self.identity = Identity(host, STREAM_ID, ACCOUNT_ID, "v2")
        self.before = before
        self.operations = operations

    def said(self, after: int, event: str) -> list[dict[str, str]]:
        """The events of a kind that the run had told by then."""
        text = b"".join(operation.data for operation in self.operations[:after] if operation.kind == "said")
        lines = [json.loads(line) for line in text.decode().splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest.fixture(scope="module", params=["first run", "run with retention"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    folder = tmp_path_factory.mktemp("power")
    base = folder / "disk"
    base.mkdir()
    service = Behaviour(sample_campaigns(CAMPAIGNS, voice_share=0.3))
    ids = write_ids(folder / "ids.csv", service.campaigns)
    command = ["snapshot", str(ids), "--out", str(base / "new/exports"), "--rate", "off", "--workers", "2",
               "--keep", "1", "-vv", "--log-format", "json"]  # fmt: skip
    with serving(service) as url:
        env = environment(url, folder)
        if request.param != "first run":
            assert run(*command, env=env).returncode == 0
        before = files_below(base)
        operations = record(program(*command), below=base, trace=folder / "trace", env=full(env), cwd=ROOT)
        yield Recording(base, url, before, operations)


@pytest.mark.parametrize("model", ["in order", "any order"])
def test_after_a_power_cut_what_is_listed_is_sound_and_what_counted_is_there(
    recording: Recording, model: Model, tmp_path: Path
) -> None:
    """Nothing listed fails `verify`, "published" is not said too early, nothing counted is asked again."""
    random = Random(7)
    replay = Replay(recording.operations, recording.before)
    disk = Disk(recording, tmp_path)
    writes = [number for number, operation in enumerate(recording.operations, 1) if operation.kind != "said"]
    for number in range(CUTS):
        after = random.choice(writes) if number else len(recording.operations)
        snapshots, journaled = disk.examine(replay.cut(after, model, random))
        published = {event["snapshot_id"] for event in recording.said(after, "published")}
        assert published <= snapshots.keys(), f"published, and not there after a cut at {after}"
        counted = {event["campaign_id"] for event in recording.said(after, "settled")}
        lost = counted - journaled - set().union(*(snapshots[name] for name in newest(snapshots, recording)))
        assert not lost, f"counted, and asked again after a cut at {after}"


def newest(snapshots: dict[str, set[str]], recording: Recording) -> list[str]:
    """The snapshot of the recorded run, if it is there."""
    before = {Path(path).name for path, content in recording.before.items() if content is None}
    return [name for name in snapshots if f"snapshot={name}" not in before]


class Disk:
    """Looks at states with the program's own eyes; what it has seen before it remembers."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self.recording = recording
        self.folder = folder
        self.seen: dict[str, set[str]] = {}

    def examine(self, files: Files) -> tuple[dict[str, set[str]], set[str]]:
        """The IDs of each listed snapshot, all of which must be sound, and those that the journal holds."""
        parts: dict[str, Files] = {}
        for path, content in files.items():
            part = Path(path).relative_to(self.recording.base).parts[2:3]
            parts.setdefault("".join(part), {})[path] = content
        everything = put(files, self.recording.base, self.folder / str(len(list(self.folder.iterdir()))))
        out = everything / "new/exports"
        snapshots: dict[str, set[str]] = {}
        destination = open_destination(str(out))
        for name in destination.snapshot_ids():
            key = repr(parts[f"snapshot={name}"])
            if key not in self.seen:
                assert damages(destination, name) == []
                self.seen[key] = set(read_table(destination, name, "campaigns").column("campaign_id").to_pylist())
            snapshots[name] = self.seen[key]
        key = repr(parts.get(".work", {}))
        if key not in self.seen:
            self.seen[key] = self._journaled(out / ".work") if (out / ".work").is_dir() else set()
        shutil.rmtree(everything)
        return snapshots, self.seen[key]

    def _journaled(self, work_dir: Path) -> set[str]:
        journal = Journal.open(work_dir, self.recording.identity, emit=ignore)
        journal.close()
        with closing(sqlite3.connect(journal.path)) as db:
            return {row[0] for row in db.execute("SELECT campaign_id FROM answers")}


def test_the_replayer_finds_what_is_not_synced() -> None:
    """A judge that never fails proves nothing: without syncs, names and bytes can be missing."""
    operations = [
        Operation("mkdir", "/d/.staging"),
        Operation("create", "/d/.staging/a"),
        Operation("write", "/d/.staging/a", data=b"whole"),
        Operation("rename", "/d/.staging", "/d/snapshot=1"),
    ]
    synced = [*operations[:3], Operation("sync", "/d/.staging/a"), Operation("sync", "/d/.staging"), operations[3],
              Operation("sync", "/d")]  # fmt: skip
    random = Random(1)
    before: Files = {"/d": None}
    for model in ("in order", "any order"):
        loose = [Replay(operations, before).cut(4, model, random) for _ in range(100)]
        assert any(state.get("/d/snapshot=1/a") == b"" for state in loose)
        assert any("/d/snapshot=1" not in state for state in loose)
        sure = [Replay(synced, before).cut(7, model, random) for _ in range(100)]
        assert all(state["/d/snapshot=1/a"] == b"whole" for state in sure)
