"""The journal as a file: opened and proven, set aside when it is damaged; the one boundary to SQLite."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

import msgspec

from exporter.errors import DestinationError, ExportError, StorageFailed
from exporter.events import Emit, Warned
from exporter.files import NotPrivate, explained, is_lasting, is_open_to_others, of_another_user, storage_failed
from exporter.journal.database import connect_checked, connect_to_look, is_damage, set_aside, transaction
from exporter.model import Identity


def journal_path(work_dir: Path, identity: Identity) -> Path:
    """The journal of an account in a work folder."""
    name = hashlib.sha256("\n".join(msgspec.structs.astuple(identity)).encode()).hexdigest()[:16]
    return work_dir / f"journal-{name}.sqlite"


class JournalFile:
    """The file, and how it is read and changed.

    Every method raises `StorageFailed` when the disk refuses, or when the file turns out to be damaged.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    @classmethod
    def open(cls, work_dir: Path, identity: Identity, *, emit: Emit) -> Self:
        """Open or make the journal of an account; a damaged one is set aside first.

        Raises `StorageFailed` when the disk refuses, `DestinationError` when it would again: for lack of rights, or
        because the path is not a file of our own.
        """
        path = journal_path(work_dir, identity)
        try:
            journal = cls(path, _connect(path, emit))
            if is_open_to_others(path):
                emit(Warned(f"others can open the journal {path}: its file system keeps no permissions"))
            return journal
        except NotPrivate as error:
            raise DestinationError(f"{path} cannot be written: {error.strerror or error}.") from None
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None

    @classmethod
    def look(cls, work_dir: Path, identity: Identity, *, emit: Emit) -> Self | None:
        """The journal of an account, only for reading; None when there is none, or none that can be read."""
        path = journal_path(work_dir, identity)
        try:
            return cls(path, connect_to_look(path)) if path.is_file() else None
        except sqlite3.Error as error:
            emit(Warned(f"the journal {path} cannot be read ({error}); a run would start over"))
        except OSError as error:
            emit(Warned(f"the journal {path} cannot be read: {explained(error)}"))
        return None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _one(self, sql: str, parameters: Any = ()) -> Any:
        return self._all(sql, parameters)[0][0]

    def _all(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        return list(self._rows(sql, parameters))

    def _rows(self, sql: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        try:
            for row in self._db.execute(sql, parameters):  # noqa: UP028 - that closes the cursor, maybe after the file
                yield row
        except sqlite3.Error as error:
            raise (self._damaged(str(error)) if is_damage(error) else storage_failed(self.path, error)) from None

    def _damaged(self, why: str) -> StorageFailed:
        """Set the file aside, so that the same command does not meet it again."""
        self._db.close()
        try:
            aside = set_aside(self.path).name
        except OSError as error:
            return storage_failed(self.path, error)
        return StorageFailed(
            f"the journal {self.path} is damaged ({why}). It is set aside as {aside}. Check the disk; the same command "
            "starts over."
        )

    def _changing(self) -> AbstractContextManager[None]:
        return transaction(self._db, self.path)


def _connect(path: Path, emit: Emit) -> sqlite3.Connection:
    try:
        return connect_checked(path)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        aside = set_aside(path)
        emit(Warned(f"the journal {path} was damaged ({error}). It is set aside as {aside.name}, and the run starts "
                    "over"))  # fmt: skip
        return connect_checked(path)


def _unusable(path: Path, error: Exception) -> ExportError:
    """Why the file cannot be opened. A lack of file descriptors, which passes, is "unable to open" to SQLite too."""
    if not is_lasting(error) or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CANTOPEN:
        return storage_failed(path, error)
    return DestinationError(
        of_another_user(error, path, path.parent) or f"the journal {path} cannot be used: {explained(error)}."
    )
