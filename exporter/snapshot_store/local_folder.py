"""A destination that is a folder of this machine.

A snapshot is written aside into a hidden folder of the same file system, synced to disk, and then revealed by one
rename. So a reader sees all of it or nothing, and a crash leaves at most a hidden folder, which the next run
clears away.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError
from exporter.files import storage_failed
from exporter.snapshot_store.destination import Destination, HashingFile, Staging
from exporter.snapshot_store.names import MANIFEST, folder_name

STAGING = ".staging-"
REMOVING = ".removing-"


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
            # Not named after the process: in a container that is the same number each time, and a run that was killed
            # here would be in the way of all that follow.
            Path(tempfile.mkdtemp(prefix=f"{STAGING}probe-", dir=self.folder)).rmdir()
        except (FileExistsError, NotADirectoryError):
            raise DestinationError(
                f"--out {self.shown} cannot be written: it, or what it lies in, is a file."
            ) from None
        except OSError as error:
            raise DestinationError(f"--out {self.shown} cannot be written: {error.strerror}.") from None

    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """A hidden folder beside the snapshots."""
        return _LocalStaging(self, snapshot)

    def removable(self, snapshot: str) -> bool:
        """Nor is a link to somewhere else."""
        folder = self.folder / folder_name(snapshot)
        plain = not folder.is_symlink() and not any(entry.is_dir() for entry in folder.iterdir())
        return plain and super().removable(snapshot)

    def remove(self, snapshot: str) -> None:
        """Hide it by a rename first: from then on no reader sees it, whole or half."""
        hidden = self.folder / f"{REMOVING}{snapshot}"
        try:
            (self.folder / folder_name(snapshot)).rename(hidden)
            failpoints.hit("retention.renamed")
            shutil.rmtree(hidden)
        except OSError as error:
            raise storage_failed(hidden, error) from None

    def clean_up(self, own: str | None = None, writer: str = "") -> None:
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
            failpoints.hit("publish.before_manifest")
            with _SyncedFile(self._folder / MANIFEST) as file:
                file.write(manifest)
            sync_folder(self._folder)
            failpoints.hit("publish.staged")
            # A folder with something in it is never replaced by a rename, so nothing published is overwritten.
            self._folder.rename(final)
        except OSError as error:
            raise storage_failed(final, error) from None
        return self._destination.where(self.snapshot)

    def make_durable(self) -> None:
        try:
            super().make_durable()
            sync_folder(self._destination.folder)
        except OSError as error:
            raise storage_failed(self._destination.folder, error) from None

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
