"""Where snapshots are: what a local folder and an object store have in common.

This is the edge to disk and store. What they refuse comes out as an `ExportError`: `DestinationError` where the same
command would meet it again (a wrong path, no rights, damage), `StorageFailed` where it would not (a full disk, a busy
store), and wherever writing has begun.
"""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import compress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError, ExportError, StorageFailed
from exporter.model import FileEntry
from exporter.snapshot_store.names import MANIFEST, OUR_FILES, PREFIX, folder_name, is_snapshot_id
from exporter.units import counted

Item = TypeVar("Item")
Result = TypeVar("Result")

REFUSALS = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow's file systems and readers raise; the last for the name of a column that rotted."""


class HashingFile(io.RawIOBase):
    """A file that is being written: counts and hashes its bytes. What the disk refuses is a `StorageFailed`."""

    def __init__(self, sink: BinaryIO, name: str, destination: Destination) -> None:
        super().__init__()
        self._sink = sink
        self._name = name
        self._destination = destination
        self._failpoint = "write." + name.rpartition("/")[2]
        self._hash = hashlib.sha256()
        self.size = 0
        """bytes written so far"""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`. Raises `StorageFailed`."""
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        with self._destination.writing(self._name):
            self._sink.write(view)
            self._hash.update(view)
            self.size += len(view)
            failpoints.hit(self._failpoint)
        return len(view)

    def finish(self, rows: int) -> FileEntry:
        """Close the file; what the manifest says of it. Raises `StorageFailed`."""
        self.close()
        return FileEntry(rows, self.size, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file. Raises `StorageFailed`."""
        if self.closed:
            return
        super().close()
        with self._destination.writing(self._name):
            self._sink.close()


class NameTaken(Exception):
    """Another writer is at work on a snapshot of that ID."""


class Staging(ABC):
    """A snapshot that is being written. Nobody sees it before `publish`."""

    def __init__(self, snapshot: str) -> None:
        self.snapshot = snapshot

    @abstractmethod
    def create(self, name: str) -> HashingFile:
        """A new file in it. Raises `StorageFailed`."""

    @abstractmethod
    def publish(self, manifest: bytes) -> None:
        """Make it visible, the manifest last. Raises `StorageFailed`, and then it is not visible."""

    def make_durable(self) -> None:
        """From now on a power cut cannot take the publishing back. Raises `StorageFailed`; it is published still."""
        failpoints.hit("publish.published")

    @abstractmethod
    def discard(self) -> None:
        """Remove it. Raises `StorageFailed`."""


class Destination(ABC):
    """A place of snapshots."""

    fs: pafs.FileSystem
    root: str
    """the folder of all snapshots, for `fs`"""
    shown: str
    """the destination as the user wrote it, without anything secret"""
    is_local: bool

    def path(self, snapshot: str, name: str) -> str:
        """A file of a snapshot, for `fs`."""
        return f"{self.root}/{folder_name(snapshot)}/{name}"

    def where(self, snapshot: str) -> str:
        """A snapshot's folder, for people."""
        return f"{self.shown.rstrip('/')}/{folder_name(snapshot)}"

    @abstractmethod
    def explain(self, error: Exception) -> tuple[str, bool]:
        """An error in one line with what to do about it, and whether the same command would meet it again."""

    def refused(self, name: str, error: Exception) -> ExportError:
        """What the disk or store refused to show, as an error of ours."""
        text, is_lasting = self.explain(error)
        return DestinationError(f"{name}: {text}.") if is_lasting else StorageFailed(f"{name}: {text}. Try again.")

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Around what reads: raises `DestinationError` or `StorageFailed`."""
        try:
            yield
        except REFUSALS as error:
            raise self.refused(name, error) from None

    @contextmanager
    def writing(self, name: str, then: str = "The same command resumes.") -> Iterator[None]:
        """Around what writes or removes: raises `StorageFailed`. `then`: how it goes on."""
        try:
            yield
        except REFUSALS as error:
            raise StorageFailed(f"{name}: {self.explain(error)[0]}. {then}") from None

    def of_each(self, look: Callable[[Item], Result], snapshots: Iterable[Item]) -> list[Result]:
        """What `look` says of each, in the same order."""
        return list(map(look, snapshots))

    def snapshot_ids(self) -> list[str]:
        """The published snapshots, oldest first: folders with a manifest."""
        ids = self.folder_ids()
        return list(compress(ids, self.of_each(self.has_manifest, ids)))

    def folder_ids(self) -> list[str]:
        """The folders that have a snapshot's name, published or not, oldest first."""
        ids = [name.removeprefix(PREFIX) for name in self.folders() if name.startswith(PREFIX)]
        return sorted(filter(is_snapshot_id, ids))

    def folders(self) -> list[str]:
        """The names of the folders in the destination; none where it does not exist."""
        with self.reading(self.shown):
            entries = self.fs.get_file_info(pafs.FileSelector(self.root, allow_not_found=True))
        return [entry.base_name for entry in entries if entry.type == pafs.FileType.Directory]

    def is_missing(self) -> bool:
        """Whether it is a folder that does not exist. A prefix of a store needs no making."""
        with self.reading(self.shown):
            return self.is_local and self.fs.get_file_info(self.root).type != pafs.FileType.Directory

    def check_is_root(self) -> None:
        """Raise `DestinationError` where there is no such folder, or it is the folder of a snapshot or of a fleet."""
        if self.is_missing():
            raise DestinationError(f"{self.shown}: there is no such folder.")
        name = self.root.rpartition("/")[2]
        if name.startswith(PREFIX) and is_snapshot_id(name.removeprefix(PREFIX)):
            raise DestinationError(f"{self.shown} is the folder of a snapshot: name the folder that it lies in.")
        fleet = sorted(folder for folder in self.folders() if folder.startswith(("account=", "stream=")))
        if fleet:
            usual = f"{fleet[0]}/stream=…" if fleet[0].startswith("account=") else fleet[0]
            below = next(filter(None, map(self._with_snapshot, fleet)), usual)
            number = counted(len(fleet), fleet[0].partition("=")[0])
            raise DestinationError(
                f"{self.shown} is the folder of a fleet, with {number}: name that of "
                f"one, such as {self.shown.rstrip('/')}/{below}"
            )

    def check_is_no_snapshot(self) -> None:
        """Raise `DestinationError` where the destination is the folder of a snapshot, or lies in a published one."""
        names = self.resolved_root().split("/")
        for depth, name in enumerate(names, 1):
            if not name.startswith(PREFIX) or not is_snapshot_id(name.removeprefix(PREFIX)):
                continue
            is_inside = depth < len(names)
            with self.reading(self.shown):
                manifest = self.fs.get_file_info("/".join([*names[:depth], MANIFEST]))
            if not is_inside or manifest.type == pafs.FileType.File:
                where = f"lies in {name}" if is_inside else "is the folder of a snapshot"
                raise DestinationError(f"--out {self.shown} {where}: name the folder that the snapshots lie in.")

    def _with_snapshot(self, folder: str) -> str | None:
        """A folder of a fleet, or the first one below it, that has a snapshot; None where none can be seen."""
        names: list[str] = []
        with suppress(*REFUSALS):
            entries = self.fs.get_file_info(pafs.FileSelector(f"{self.root}/{folder}"))
            names = sorted(entry.base_name for entry in entries)
        if any(name.startswith(PREFIX) for name in names):
            return folder
        streams = (f"{folder}/{name}" for name in names if name.startswith("stream="))
        return next(filter(None, map(self._with_snapshot, streams)), None)

    def has_manifest(self, snapshot: str) -> bool:
        """Whether a snapshot is published."""
        with self.reading(f"{self.where(snapshot)}/{MANIFEST}"):
            return bool(self.fs.get_file_info(self.path(snapshot, MANIFEST)).type == pafs.FileType.File)

    def read(self, snapshot: str, name: str) -> bytes:
        """The bytes of a file."""
        with self.open_file(snapshot, name) as file:
            return bytes(file.read())

    @contextmanager
    def open_file(self, snapshot: str, name: str) -> Iterator[pa.NativeFile]:
        """A file of a snapshot. Errors while it is open are raised as by `reading`."""
        with self.reading(f"{self.where(snapshot)}/{name}"), self.open_input(snapshot, name) as file:
            yield file

    def open_input(self, snapshot: str, name: str) -> pa.NativeFile:
        """A file of a snapshot, to be opened within `reading`, and closed."""
        return self.fs.open_input_file(self.path(snapshot, name))

    def files(self, snapshot: str) -> dict[str, int]:
        """Names and sizes of the files in a snapshot's folder."""
        with self.reading(self.where(snapshot)):
            selector = pafs.FileSelector(f"{self.root}/{folder_name(snapshot)}", allow_not_found=True)
            return {entry.base_name: entry.size or 0 for entry in self.fs.get_file_info(selector)}

    def removable(self, snapshot: str) -> bool:
        """Whether a folder holds nothing but files of ours."""
        return set(self.files(snapshot)) <= OUR_FILES

    def resolved_root(self) -> str:
        """`root` without links on its way."""
        return self.root

    @abstractmethod
    def default_work_dir(self, state_dir: Path) -> Path:
        """Where journal and lock are by default."""

    @abstractmethod
    def check_writable(self) -> None:
        """Make the destination where it is a folder. Raises `DestinationError`, `StorageFailed`."""

    @abstractmethod
    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """Begin a snapshot. `writer` names the run, over its restarts too. Raises `NameTaken`, `StorageFailed`."""

    @abstractmethod
    def remove(self, snapshot: str) -> None:
        """Remove a snapshot so that nobody ever sees half of one. Raises `StorageFailed`."""

    @abstractmethod
    def clean_up(self, own: str | None = None, writer: str = "") -> list[str]:
        """Remove what interrupted runs left; what cannot be removed, a line each.

        `own`: the snapshot that an interrupted run of ours, `writer`, wrote. Called under the lock.
        """
