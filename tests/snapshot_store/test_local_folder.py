"""`exporter.snapshot_store.local_folder`: a folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.errors import DestinationError, StorageFailed
from exporter.snapshot_store.open_destination import open_destination
from tests.support.snapshots import publish


def test_nothing_published_is_ever_replaced(tmp_path: Path) -> None:
    publish(tmp_path)
    before = (tmp_path / "snapshot=20261123T020000Z" / "manifest.json").read_bytes()
    with pytest.raises(StorageFailed):
        publish(tmp_path)
    assert (tmp_path / "snapshot=20261123T020000Z" / "manifest.json").read_bytes() == before


def test_leftovers_of_crashed_runs_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path)
    for name in (".staging-20261124T020000Z", ".removing-20261101T020000Z", ".hidden", "mine"):
        (tmp_path / name).mkdir()
    open_destination(str(tmp_path)).clean_up()
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot=20261123T020000Z", ".hidden", "mine"}


def test_a_destination_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match="--out"):
        open_destination(str(tmp_path / "file" / "below")).check_writable()
    with pytest.raises(DestinationError, match="no kind of store"):
        open_destination("ftp://x/y")


def test_files_are_synced_before_they_are_revealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        calls.append("fsync")
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        calls.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    publish(tmp_path)
    assert calls == ["fsync"] * 6 + ["rename", "fsync"]
