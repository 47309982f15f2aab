"""Where snapshots live: what a local folder and an object store have in common."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError
from exporter.files import storage_failed
from exporter.model import FileEntry
from exporter.snapshot_store.names import MANIFEST, OUR_FILES, PREFIX, folder_name, is_snapshot_id
from exporter.text import one_line


class Sink(Protocol):
    """What a file's bytes go to."""

    def write(self, data: Any, /) -> Any:
        """Write bytes."""
        ...

    def close(self) -> None:
        """No more bytes."""
        ...


class HashingFile(io.RawIOBase):
    """A file being written, which counts and hashes what passes."""

    def __init__(self, sink: Sink, told: str) -> None:
        super().__init__()
        self._sink = sink
        self._told = told
        self._step = "write." + told.rpartition("/")[2]
        self._hash = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write; raises `StorageFailed` when the disk or store refuses."""
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        try:
            self._sink.write(view)
        except OSError as error:
            raise storage_failed(self._told, error) from None
        self._hash.update(view)
        self._size += len(view)
        failpoints.hit(self._step)
        return len(view)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def finish(self, rows: int) -> FileEntry:
        """Close, and prove what was written."""
        self.close()
        return FileEntry(rows, self._size, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file. Raises `StorageFailed`."""
        if self.closed:
            return
        super().close()
        try:
            self._sink.close()
        except OSError as error:
            raise storage_failed(self._told, error) from None


class NameTaken(Exception):
    """Another writer is at work on a snapshot of that ID."""


class Staging(ABC):
    """A snapshot in the making."""

    def __init__(self, snapshot: str) -> None:
        self.snapshot = snapshot

    @abstractmethod
    def create(self, name: str) -> HashingFile:
        """A new file in it."""

    @abstractmethod
    def publish(self, manifest: bytes) -> str:
        """Reveal it, the manifest last; returns where it is. Raises `StorageFailed`, and then it is not revealed."""

    def make_durable(self) -> None:
        """Make sure that a power cut cannot take the revealing back. Raises `StorageFailed`; it is revealed all the
        same.
        """
        failpoints.hit("publish.published")

    @abstractmethod
    def discard(self) -> None:
        """Take it away again."""


class Destination(ABC):
    """A place of snapshots. `fs` and `root` are what readers need."""

    fs: pafs.FileSystem
    root: str
    shown: str
    """the destination as the user wrote it, without anything secret"""
    is_local: bool

    def path(self, snapshot: str, name: str) -> str:
        """A file of a snapshot, for `fs`."""
        return f"{self.root}/{folder_name(snapshot)}/{name}"

    def where(self, snapshot: str) -> str:
        """A snapshot's folder, for people."""
        return f"{self.shown.rstrip('/')}/{folder_name(snapshot)}"

    def snapshot_ids(self) -> list[str]:
        """The complete snapshots, oldest first: folders with a manifest. Raises `DestinationError`."""
        return [one for one in self.folder_ids() if self.has_manifest(one)]

    def folder_ids(self) -> list[str]:
        """The folders that have a snapshot's name, complete or not, oldest first."""
        try:
            entries = self.fs.get_file_info(pafs.FileSelector(self.root, allow_not_found=True))
        except OSError as error:
            raise DestinationError(f"{self.shown} cannot be read: {one_line_error(error)}.") from None
        names = [entry.base_name for entry in entries if entry.type == pafs.FileType.Directory]
        ids = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        return sorted(one for one in ids if is_snapshot_id(one))

    def has_manifest(self, snapshot: str) -> bool:
        """Whether a snapshot is complete. An empty object was begun and not yet written: Azure shows such."""
        found = self.fs.get_file_info(self.path(snapshot, MANIFEST))
        return found.type == pafs.FileType.File and found.size != 0

    def read(self, snapshot: str, name: str) -> bytes:
        """The bytes of a file. Raises `OSError`."""
        with self.fs.open_input_stream(self.path(snapshot, name), compression=None) as file:
            return bytes(file.read())

    def files(self, snapshot: str) -> dict[str, int]:
        """Names and sizes of what lies in a snapshot's folder."""
        selector = pafs.FileSelector(f"{self.root}/{folder_name(snapshot)}", allow_not_found=True)
        return {entry.base_name: entry.size or 0 for entry in self.fs.get_file_info(selector)}

    def removable(self, snapshot: str) -> bool:
        """Whether a folder holds nothing but files of ours."""
        return set(self.files(snapshot)) <= OUR_FILES

    @abstractmethod
    def default_work_dir(self, state_dir: Path) -> Path:
        """Where journal and lock go, if nobody says."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raises `DestinationError` when nothing can be written here."""

    @abstractmethod
    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """Begin a snapshot. `writer` names the run, over its restarts too. Raises `NameTaken`, `StorageFailed`."""

    @abstractmethod
    def remove(self, snapshot: str) -> None:
        """Remove a snapshot so that nobody ever sees half of one. Raises `StorageFailed`."""

    @abstractmethod
    def clean_up(self, own: str | None = None, writer: str = "") -> None:
        """Clear away what crashed runs left. `own`: the snapshot that an interrupted run of ours, `writer`, wrote."""


def one_line_error(error: BaseException) -> str:
    """An error of a file system in one line, without what libraries add."""
    lines = str(error).strip().splitlines()
    return one_line(lines[0] if lines else type(error).__name__, 300).rstrip(".")
