"""`exporter.pipeline.destination_and_work_dir`: one run at a time, whatever its work folder is."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationBusy, DestinationError
from exporter.events import ignore
from exporter.options import Locations
from exporter.pipeline.destination_and_work_dir import lock_destination
from exporter.snapshot_store.object_store import StoreDestination


@pytest.fixture
def writable_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store can be written, without being asked."""
    monkeypatch.setattr(StoreDestination, "check_writable", lambda self: None)


def lock(state_dir: Path | str, work_dir: Path | None = None) -> ExitStack:
    locations = Locations("s3://bucket/x", str(state_dir), str(work_dir) if work_dir else None, {"AWS_REGION": "eu-1"})
    with ExitStack() as held:
        lock_destination(locations, held, clock=SystemClock(), emit=ignore)
        return held.pop_all()


@pytest.mark.usefixtures("writable_store")
def test_two_runs_on_one_store_are_two_runs_though_their_work_folders_differ(tmp_path: Path) -> None:
    state, work = tmp_path / "state", tmp_path / "work"
    for first, second in ((work, None), (None, work), (work, tmp_path / "other")):
        with lock(state, first), pytest.raises(DestinationBusy):
            lock(state, second)
    with lock(state, work):
        pass


@pytest.mark.usefixtures("writable_store")
def test_a_store_with_a_work_folder_needs_no_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for state in ("", tmp_path / "file", tmp_path / "file" / "below"):
        with lock(state, tmp_path / "work"):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "work"]


@pytest.mark.parametrize("below", [".", "exports", "deep/exports", "link"])
def test_a_published_snapshot_is_no_destination_and_nothing_is_written_into_it(tmp_path: Path, below: str) -> None:
    snapshot = tmp_path / "snapshot=20261127T153204Z"
    snapshot.mkdir()
    (snapshot / "manifest.json").touch()
    (tmp_path / "link").symlink_to(snapshot)
    dest = tmp_path / "link" if below == "link" else snapshot / below
    with ExitStack() as held, pytest.raises(DestinationError, match=r"snapshot.*: name the folder that the snapshots"):
        lock_destination(Locations(str(dest), ""), held, clock=SystemClock(), emit=ignore)
    assert [path.name for path in snapshot.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("dest", ["snapshot=20261127T153204Z/..", "snapshot=20261127T153204Z/exports", "snapshot=old"])
def test_a_folder_that_only_looks_like_one_is_a_destination(tmp_path: Path, dest: str) -> None:
    (tmp_path / "snapshot=20261127T153204Z").mkdir()  # no manifest: none of ours
    with ExitStack() as held:
        lock_destination(Locations(str(tmp_path / dest), ""), held, clock=SystemClock(), emit=ignore)
