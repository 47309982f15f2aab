"""`exporter.sqlite_files`: journal and ledger as files of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import DestinationError
from exporter.events import ignore
from exporter.files import NotPrivate
from exporter.journal.journal import Journal
from exporter.sqlite_files import LONGEST_PATH, open_database
from tests.support.journals import IDENTITY


def pragma(db: sqlite3.Connection, name: str) -> Any:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def test_what_is_committed_is_on_the_disk_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "db", timeout=1.0, page_size=16384)) as db:
        found = [pragma(db, name) for name in ("journal_mode", "synchronous", "fullfsync", "temp_store", "page_size")]
    assert found == ["wal", 2, 1, 2, 16384]
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o600


class WithoutSharedMemory(sqlite3.Connection):
    """As on a share of a virtual machine's host: a file in WAL cannot be looked into, unless it is held alone."""

    mode = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.mode = sql if sql.startswith("PRAGMA journal_mode") else self.mode
        if sql.startswith("SELECT") and self.mode.endswith("WAL"):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMMAP
            raise error
        return super().execute(sql, parameters)


def test_without_shared_memory_the_file_has_a_rollback_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, **more, factory=WithoutSharedMemory))
    for _ in range(2):  # made, and found as it is
        with closing(open_database(tmp_path / "db", timeout=1.0)) as db, closing(connect(tmp_path / "db")) as other:
            assert (pragma(db, "journal_mode"), pragma(db, "synchronous")) == ("truncate", 2)
            db.execute("CREATE TABLE IF NOT EXISTS t (x)")
            assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert not (tmp_path / "db-wal").exists()


def test_a_path_that_sqlite_does_not_open_is_told_as_too_long(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 100] * 5)
    folder.mkdir(parents=True)
    with pytest.raises(NotPrivate, match=f"more than {LONGEST_PATH} bytes"):
        open_database(folder / "db", timeout=1.0)
    with pytest.raises(DestinationError, match=f"more than {LONGEST_PATH} bytes"):
        Journal.open(folder, IDENTITY, emit=ignore)
