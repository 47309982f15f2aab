"""Where snapshots live: a local folder. The interface is shared with `store`, for object stores.

A snapshot is written aside into a hidden folder of the same file system, synced to disk, and then revealed by one
rename. So a reader sees all of it or nothing, and a crash leaves at most a hidden folder, which the next run
clears away.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow.fs as pafs

from exporter import steps
from exporter.errors import DestinationError
from exporter.model import Receipt
from exporter.storage.journal import storage_failed
from exporter.storage.names import MANIFEST, OUR_FILES, PREFIX, folder_name, is_snapshot_id

STAGING = ".staging-"
REMOVING = ".removing-"


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
        return len(view)

    def finish(self, name: str, rows: int) -> Receipt:
        """Close, and prove what was written."""
        self.close()
        return Receipt(name, rows, self._size, self._hash.hexdigest())

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
        """Reveal it, the manifest last; returns where it is. Raises `StorageFailed`."""

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
        """Whether a snapshot is complete."""
        return self.fs.get_file_info(self.path(snapshot, MANIFEST)).type == pafs.FileType.File

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
    def stage(self, snapshot: str) -> Staging:
        """Begin a snapshot. Raises `NameTaken`, `StorageFailed`."""

    @abstractmethod
    def remove(self, snapshot: str) -> None:
        """Remove a snapshot so that nobody ever sees half of one. Raises `StorageFailed`."""

    @abstractmethod
    def clean_up(self, own: str | None = None) -> None:
        """Clear away what crashed runs left. `own`: the snapshot that an interrupted run of ours was writing."""


def open_destination(dest: str, *, environ: Mapping[str, str] | None = None) -> Destination:
    """The destination that a path or URL names. Raises `DestinationError`."""
    if "://" in dest:
        if dest.startswith("file://"):
            return LocalDestination(Path(dest.removeprefix("file://")), shown=dest)
        from exporter.storage.object_store import StoreDestination

        return StoreDestination(dest, environ=environ or {})
    if not dest.strip():
        raise DestinationError("--out is empty: name a folder, or an s3://, gs:// or abfs:// URL.")
    return LocalDestination(Path(dest), shown=dest)


class LocalDestination(Destination):
    """A folder of this machine."""

    is_local = True

    def __init__(self, folder: Path, *, shown: str) -> None:
        self.folder = folder.absolute()
        self.fs = pafs.LocalFileSystem()
        self.root = str(self.folder)
        self.shown = shown

    def default_work_dir(self, state_dir: Path) -> Path:
        """`DEST/.work`."""
        return self.folder / ".work"

    def check_writable(self) -> None:
        """Make the folder, and try to write into it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f"{STAGING}probe-{os.getpid()}"
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise DestinationError(f"--out {self.shown} cannot be written: {error.strerror}.") from None

    def stage(self, snapshot: str) -> Staging:
        """A hidden folder beside the snapshots."""
        return _LocalStaging(self, snapshot)

    def remove(self, snapshot: str) -> None:
        """Hide it by a rename first: from then on no reader sees it, whole or half."""
        hidden = self.folder / f"{REMOVING}{snapshot}"
        try:
            (self.folder / folder_name(snapshot)).rename(hidden)
            steps.reached("retention.hidden")
            shutil.rmtree(hidden)
        except OSError as error:
            raise storage_failed(hidden, error) from None

    def clean_up(self, own: str | None = None) -> None:
        """Take away hidden folders of ours. Called under the lock, so no run of ours is using them."""
        for entry in self.folder.iterdir():
            if entry.name.startswith((STAGING, REMOVING)) and entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)


class _LocalStaging(Staging):
    def __init__(self, destination: LocalDestination, snapshot: str) -> None:
        super().__init__(snapshot)
        self._destination = destination
        self._folder = destination.folder / f"{STAGING}{snapshot}"
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
        except OSError as error:
            raise storage_failed(self._folder, error) from None

    def create(self, name: str) -> HashingFile:
        path = self._folder / name
        try:
            return HashingFile(_SyncedFile(path), str(path))
        except OSError as error:
            raise storage_failed(path, error) from None

    def publish(self, manifest: bytes) -> str:
        final = self._destination.folder / folder_name(self.snapshot)
        try:
            steps.reached("publish.before_manifest")
            with _SyncedFile(self._folder / MANIFEST) as file:
                file.write(manifest)
            sync_folder(self._folder)
            steps.reached("publish.before_reveal")
            # A folder with something in it is never replaced by a rename, so nothing published is overwritten.
            self._folder.rename(final)
            steps.reached("publish.after_reveal")
            sync_folder(self._destination.folder)
        except OSError as error:
            raise storage_failed(final, error) from None
        return self._destination.where(self.snapshot)

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class _SyncedFile:
    """A new file that is on the disk when it is closed."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def __enter__(self) -> _SyncedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def one_line_error(error: BaseException) -> str:
    """An error of a file system in one line, without what libraries add."""
    text = str(error).strip() or type(error).__name__
    with suppress(IndexError):
        text = text.splitlines()[0]
    return text.rstrip(".")[:300]
