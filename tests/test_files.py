"""`exporter.files`: what somebody else may have put where a file of ours should be."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from exporter import files
from exporter.clock import SystemClock
from exporter.errors import DestinationError
from exporter.events import Event, ignore
from exporter.files import (
    NotPrivate,
    explained,
    is_alive,
    make_folder,
    open_private,
    replace_file,
    storage_failed,
    sync_folder,
    this_holder,
)
from exporter.journal.journal import Journal
from exporter.journal.journal_file import journal_path
from exporter.model import Identity
from exporter.snapshot_store.lock import RunLock
from tests.support.another_user import another_user, needs_root
from tests.support.running import ROOT

WHO = Identity("https://kore.example", "st", "acc", "v2")


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o666)
    path.chmod(0o666)
    os.close(open_private(path))
    assert path.stat().st_mode & 0o777 == 0o600


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "victim")


@pytest.mark.parametrize("make", [make_link, os.mkfifo])
def test_a_link_or_a_pipe_is_refused_by_lock_and_journal(tmp_path: Path, make: Callable[[Path], None]) -> None:
    lock, journal = tmp_path / "lock", journal_path(tmp_path, WHO)
    make(lock)
    make(journal)
    with pytest.raises(NotPrivate):
        open_private(lock)
    with pytest.raises(DestinationError, match="cannot be used"), RunLock(tmp_path, clock=SystemClock(), emit=ignore):
        pass
    with pytest.raises(DestinationError):
        Journal.open(tmp_path, WHO, emit=ignore)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_on_a_file_system_without_permissions_files_are_written_and_an_open_journal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """vfat, exFAT, some FUSE: there every file has the mode that the whole was mounted with."""

    def refuse(descriptor: int, mode: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchmod", refuse)
    replace_file(tmp_path / "out.csv", b"data", mode=0o644)
    assert (tmp_path / "out.csv").read_bytes() == b"data"
    journal = journal_path(tmp_path, WHO)
    events: list[Event] = []
    for told in (0, 1):
        with RunLock(tmp_path, clock=SystemClock(), emit=ignore):
            Journal.open(tmp_path, WHO, emit=events.append).close()
        assert len(events) == told
        for path in (tmp_path / "lock", journal):
            path.chmod(0o755)
    assert f"others can open the journal {journal}: its file system keeps no permissions" in str(events)


@needs_root
def test_another_users_open_file_is_refused(shared_folder: Path) -> None:
    path = shared_folder / "file"
    path.touch()
    path.chmod(0o666)
    os.chown(path, 4711, 4711)
    with another_user(4712), pytest.raises(NotPrivate, match="it belongs to user 4711"):
        open_private(path)


def test_a_new_file_has_the_users_usual_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    before = os.umask(0o077)
    try:
        replace_file(path, b"1")
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        replace_file(path, b"2")
    finally:
        os.umask(before)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"2", 0o640)
    replace_file(path, b"3", mode=0o644)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


def test_a_link_that_lies_in_wait_under_the_name_of_the_aside_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".out.csv.{os.getpid()}").symlink_to(victim)
    replace_file(tmp_path / "out.csv", b"data")
    assert victim.read_text() == "precious"


def test_a_link_stays_a_link_unless_it_leads_to_itself(tmp_path: Path) -> None:
    for name, target in (("link", "file"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
        replace_file(tmp_path / name, b"data")
        assert (tmp_path / name).read_bytes() == b"data"
        assert (tmp_path / name).is_symlink() == (name == "link")


def test_a_pipe_or_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As root, -o /dev/null would put a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    replace_file(pipe, b"data")
    reader.join(10)
    assert got == [b"data"]
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some room"),
        (errno.EDQUOT, "free some room"),
        (errno.EBUSY, "another program holds it"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EACCES, "may this user read and write there?"),
        (errno.EROFS, "it is mounted read-only"),
        (errno.EINVAL, "this file system cannot do that"),
        (errno.ENAMETOOLONG, "is the path right?"),
        (errno.EIO, "check the disk"),
        (errno.ESTALE, "check the disk, or the network share"),
    ],
)
def test_what_to_do_fits_the_error(number: int, advice: str) -> None:
    assert advice in str(storage_failed("exports", OSError(number, os.strerror(number))))


def test_what_to_do_about_missing_memory_is_not_about_the_disk() -> None:
    assert "free some memory" in explained(MemoryError())


def test_what_to_do_fits_the_error_of_sqlite(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as full:
            db.execute("INSERT INTO t VALUES (zeroblob(100000))")
        assert "free some room" in explained(full.value)
        db.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(tmp_path / "db", timeout=0)) as other, pytest.raises(sqlite3.Error) as held:
            other.execute("SELECT * FROM t")
        assert "another program holds it" in explained(held.value)
    (tmp_path / "db").write_bytes(b"x" * 5000)
    with closing(sqlite3.connect(tmp_path / "db")) as db, pytest.raises(sqlite3.Error) as rotten:
        db.execute("SELECT * FROM t")
    assert "check the disk" in explained(rotten.value)


@pytest.mark.parametrize(
    ("answer", "calls", "durable"),
    [(None, ["full"], True), (errno.ENOTSUP, ["full", "fsync"], True), (errno.EIO, ["full"], False)],
)
def test_on_macos_the_cache_of_the_drive_is_emptied_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int | None, calls: list[str], durable: bool
) -> None:
    made: list[str] = []

    def full(descriptor: int, command: int) -> int:
        assert command == 51
        made.append("full")
        if answer is not None:
            raise OSError(answer, os.strerror(answer))
        return 0

    monkeypatch.setattr(files, "_FULL_SYNC", 51)
    monkeypatch.setattr("fcntl.fcntl", full)
    monkeypatch.setattr(os, "fsync", lambda descriptor: made.append("fsync"))
    if durable:
        assert sync_folder(tmp_path)
    else:
        with pytest.raises(OSError, match="put/output"):
            sync_folder(tmp_path)
    assert made == calls


def test_a_new_folder_and_its_parents_are_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    make_folder(tmp_path / "a" / "b", mode=0o700)
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_process_that_was_killed_is_dead_also_while_nobody_has_asked_for_its_exit_code() -> None:
    """As in a container without an init: its requests are not waited for as if they were still under way."""
    tell = "from exporter.files import this_holder as h; print(h(), flush=True); input()"
    command = [sys.executable, "-c", tell]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        holder = child.stdout.readline().strip()
        assert is_alive(holder)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(holder)
    assert is_alive(this_holder())
