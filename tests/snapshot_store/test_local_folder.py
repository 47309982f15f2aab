"""`exporter.snapshot_store.local_folder`: a folder of this machine."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from exporter import failpoints
from exporter.errors import DestinationError, StorageFailed
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import open_columns, read_responses
from tests.support.another_user import another_user, needs_root
from tests.support.snapshots import ONE, RESPONSES, TWO, publish


def test_files_of_others_are_no_hindrance_whatever_their_names_are(tmp_path: Path) -> None:
    destination = open_destination(str(tmp_path / "dest"))
    assert (destination.folders(), destination.files(ONE)) == ([], {})
    publish(tmp_path / "dest")
    for name in ("R\udcfcckblick", f"snapshot={ONE}/\udcff"):
        (tmp_path / "dest" / name).mkdir()
    (tmp_path / f"dest/snapshot={ONE}/dangling").symlink_to("nowhere")
    assert sorted(destination.folders()) == ["R\\xfcckblick", f"snapshot={ONE}"]
    assert destination.files(ONE)["\\xff"] == destination.files(ONE)["dangling"] == 0
    assert destination.files(ONE)["manifest.json"] > 0
    assert not destination.removable(ONE)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A reader would wait for ever for somebody to write into a pipe."""
    publish(tmp_path, responses=RESPONSES[:1])
    for table in ("responses", "campaigns"):
        path = tmp_path / f"snapshot={ONE}" / f"{table}.parquet"
        path.unlink()
        make(path)
    destination = open_destination(str(tmp_path))
    with pytest.raises(DestinationError, match=r"/responses\.parquet: it is not a regular file\.$"):
        list(read_responses(destination, ONE))
    refused = pytest.raises(DestinationError, match=r"/campaigns\.parquet: it is not a regular file\.$")
    with refused, open_columns(destination, ONE, "campaigns"):
        pass


def test_nothing_published_is_ever_replaced(tmp_path: Path) -> None:
    publish(tmp_path)
    before = (tmp_path / f"snapshot={ONE}" / "manifest.json").read_bytes()
    with pytest.raises(StorageFailed):
        publish(tmp_path)
    assert (tmp_path / f"snapshot={ONE}" / "manifest.json").read_bytes() == before


def test_leftovers_of_crashed_runs_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path)
    for name in (
        ".staging/20261124T020000Z",
        ".removing/20261101T020000Z",
        ".staging-20261123T020000Z",  # of version 1.0, as is the next
        ".removing-20261101T020000Z",
        ".staging-probe-k2_x9abc",
        ".staging-area/thesis",
        ".removing-20261101",
        ".hidden",
        "mine",
        ".removing",
    ):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    assert open_destination(str(tmp_path)).clean_up() == []
    assert {path.name for path in tmp_path.iterdir()} == {
        f"snapshot={ONE}",
        ".staging-area",
        ".removing-20261101",
        ".hidden",
        "mine",
    }


def test_two_runs_that_begin_at_once_do_not_take_each_others_probe_for_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one with the lock clears leftovers away while the other tries whether it can write."""
    destination = open_destination(str(tmp_path))
    rmdir, rmtree = Path.rmdir, shutil.rmtree

    def cleared_before(path: Path) -> None:
        if ".staging-probe-" in path.name:
            rmtree(path)
        rmdir(path)

    def gone_before(path: Path) -> None:
        rmtree(path)
        rmtree(path)

    monkeypatch.setattr(Path, "rmdir", cleared_before)
    destination.check_writable()
    (tmp_path / ".staging-probe-x").mkdir()
    monkeypatch.setattr(shutil, "rmtree", gone_before)
    assert destination.clean_up() == []
    assert list(tmp_path.iterdir()) == []


def name_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def test_every_file_and_folder_is_synced_before_the_rename_and_the_destination_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, Path.rename
    dest = tmp_path / "new" / "exports"

    def noted_fsync(descriptor: int) -> None:
        calls.append(name_of(descriptor).removeprefix(str(tmp_path)))
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        calls.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    publish(dest)
    staging = f"/new/exports/.staging/{ONE}"
    assert calls[:4] == ["", "/new", "/new/exports", "/new/exports/.staging"]
    tables = ("campaigns", "calling_windows", "responses", "failures")
    assert sorted(calls[4:8]) == sorted(f"{staging}/{name}.parquet" for name in tables)
    assert calls[8:] == [f"{staging}/manifest.json", staging, "rename", "/new/exports"]


def test_an_old_snapshot_is_out_of_sight_durably_before_its_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    calls: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append(name_of(descriptor)))
    monkeypatch.setattr(shutil, "rmtree", lambda path: calls.append(f"rmtree {path}"))
    open_destination(str(tmp_path)).remove(ONE)
    removing = f"{tmp_path}/.removing"
    assert calls == [str(tmp_path), str(tmp_path), removing, f"rmtree {removing}/{ONE}"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_is_reported_and_the_snapshot_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """CIFS, some FUSE."""
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with pytest.raises(StorageFailed, match="cannot sync folders"):  # of `make_durable`: by then it is published
        publish(tmp_path)
    assert open_destination(str(tmp_path)).snapshot_ids() == [ONE]


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What readers' globs find while a snapshot is staged or removed, for each of two readers."""
    found: list[str] = []

    def look(failpoint: str) -> None:
        if failpoint not in ("publish.staged", "retention.renamed"):
            return
        for pattern in ("*/*.parquet", "*/*.csv"):
            found.extend(row[0] for row in duckdb.sql(f"SELECT file FROM glob('{tmp_path}/{pattern}')").fetchall())
            found.extend(str(path) for path in tmp_path.glob(pattern))  # hidden folders too

    monkeypatch.setattr(failpoints, "hook", look)
    return found


def test_no_glob_of_readers_sees_what_is_staged_or_removed(tmp_path: Path, seen: list[str]) -> None:
    publish(tmp_path)
    assert seen == []
    publish(tmp_path, TWO, form="both")
    files = sorted(str(path) for path in tmp_path.glob(f"snapshot={ONE}/*.parquet"))
    assert sorted(seen) == sorted(files * 2)
    seen.clear()
    open_destination(str(tmp_path)).remove(TWO)
    assert sorted(seen) == sorted(files * 2)


@pytest.mark.parametrize(
    ("dest", "reason"),
    [
        ("link", "is a link to nowhere, and nothing is there (is it mounted?)"),
        ("link/below", "is a link to nowhere, and nothing is there (is it mounted?)"),
        ("file/below", "is a file"),
        ("x" * 300, "File name too long (is the path right?)"),
        (".", "/.staging is no folder: remove it"),
    ],
)
def test_why_a_destination_cannot_be_written_is_reported(tmp_path: Path, dest: str, reason: str) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / ".staging").symlink_to("nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DestinationError, match=rf"^--out .* cannot be written: .*{re.escape(reason)}\.$"):
        open_destination(str(tmp_path / dest)).check_writable()


@needs_root
def test_a_staging_folder_of_another_user_is_reported_before_anything_is_asked_for(shared_folder: Path) -> None:
    dest = shared_folder / "dest"
    (dest / ".staging").mkdir(parents=True)
    os.chown(dest, 4711, 4711)
    with another_user():
        with pytest.raises(DestinationError, match=r"cannot be written: .*/\.staging belongs to root: .*, delete /"):
            open_destination(str(dest)).check_writable()
        (dest / ".staging").rmdir()
        open_destination(str(dest)).check_writable()
    os.chown(dest, 0, 0)
    assert list(dest.iterdir()) == []


def test_a_staging_folder_on_another_file_system_is_reported_before_anything_is_asked_for(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    with TemporaryDirectory(dir=memory) as elsewhere:
        (tmp_path / ".staging").symlink_to(elsewhere)
        with pytest.raises(DestinationError, match=r"\.staging is on another file system, .*: remove it\.$"):
            open_destination(str(tmp_path)).check_writable()
        assert list(Path(elsewhere).iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_asked_for(tmp_path: Path) -> None:
    """It has room for a folder, and none for a file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        destination = open_destination(str(disk / "exports"))
        destination.check_writable()
        with (disk / "full").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        with pytest.raises(StorageFailed, match=r"exports cannot be written: .*free some room"):
            destination.check_writable()
        assert list((disk / "exports").iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
