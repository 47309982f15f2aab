"""`exporter.journal.journal_file`: a journal that cannot be opened, now or ever."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from exporter.errors import DestinationError, StorageFailed
from exporter.journal.journal_file import journal_path
from tests.support.another_user import another_user, needs_root
from tests.support.journals import IDENTITY, open_journal


@pytest.fixture
def work_dir(shared_folder: Path) -> Path:
    """The work folder of another user."""
    folder = shared_folder / "work"
    folder.mkdir(mode=0o700)
    os.chown(folder, 4711, 4711)
    return folder


@needs_root
def test_a_journal_of_another_user_says_whose_it_is_and_what_helps(work_dir: Path) -> None:
    """The command was run once as root. That no attempt mends."""
    open_journal(work_dir).close()
    with another_user():
        with pytest.raises(DestinationError, match=r"belongs to root: run as that user, .*, delete .*\.sqlite"):
            open_journal(work_dir)
        journal_path(work_dir, IDENTITY).unlink()
        open_journal(work_dir).close()


@needs_root
def test_a_work_folder_that_is_read_only_is_an_error_that_lasts(work_dir: Path) -> None:
    work_dir.chmod(0o500)
    with another_user(), pytest.raises(DestinationError, match=r"the journal .* cannot be used: Permission denied"):
        open_journal(work_dir)
    work_dir.chmod(0o700)
    with another_user():
        open_journal(work_dir).close()
        work_dir.chmod(0o500)
        with pytest.raises(DestinationError, match=r"cannot be used: .* readonly database \(may this user"):
            open_journal(work_dir)


def test_a_folder_at_the_path_of_the_journal_is_an_error_that_lasts(tmp_path: Path) -> None:
    journal_path(tmp_path, IDENTITY).mkdir()
    with pytest.raises(DestinationError, match="cannot be used: Is a directory"):
        open_journal(tmp_path)


def test_a_lack_of_file_descriptors_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = sqlite3.OperationalError("unable to open database file")
    lacking.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN

    def refuse(*_: object, **__: object) -> None:
        raise lacking

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(StorageFailed, match="The same command resumes"):
        open_journal(tmp_path)
