"""`exporter.files`: what somebody else may have put where a file of ours should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationError
from exporter.events import ignore
from exporter.files import NotPrivate, open_private
from exporter.journal.database import journal_path
from exporter.journal.journal import Journal
from exporter.model import Identity
from exporter.snapshot_store.lock import RunLock

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
def test_a_link_or_a_pipe_is_refused_by_lock_and_journal(tmp_path: Path, make: object) -> None:
    assert callable(make)
    lock, journal = tmp_path / "lock", journal_path(tmp_path, WHO)
    make(lock)
    make(journal)
    with pytest.raises(NotPrivate):
        open_private(lock)
    with pytest.raises(DestinationError, match="cannot be used"), RunLock(tmp_path, clock=SystemClock(), emit=ignore):
        pass
    with pytest.raises(DestinationError):
        Journal.open(tmp_path, WHO, clock=SystemClock(), emit=ignore)
    assert not (tmp_path / "victim").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make another user's file")
def test_another_users_open_file_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o666)
    os.chown(path, 4711, 4711)
    os.seteuid(4712)
    try:
        with pytest.raises(PermissionError):
            open_private(path)
    finally:
        os.seteuid(0)
