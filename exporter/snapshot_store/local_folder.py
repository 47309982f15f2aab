"""A destination that is a folder of this machine.

A snapshot is written into `DEST/.staging/ID/`, synced to disk, and published by one rename: a reader sees all of it or
nothing. One that is to be removed is renamed to `DEST/.removing/ID/` first. Both are a level deeper than snapshots, so
that a reader's `DEST/*/*.parquet` cannot see them. A run that is killed leaves at most those; the next one removes
them.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError, ExportError, NotReadable, StorageFailed
from exporter.files import advice, explained, is_lasting, make_folder, of_another_user, sync_file, sync_folder
from exporter.snapshot_store.destination import Destination, HashingFile, Staging
from exporter.snapshot_store.names import MANIFEST, folder_name, is_snapshot_id
from exporter.text import error_line

STAGING, REMOVING = ".staging", ".removing"
PROBE = f"{STAGING}-probe-"
PROBE_SIZE = 16 * 1024
"""Bytes; any snapshot has more."""

_STAYS, _NEXT_RUN = "It stays.", "The next run tries again."
_DAMAGE = (errno.EIO, errno.EBADMSG)


class LocalDestination(Destination):
    """A folder of this machine."""

    is_local = True

    def __init__(self, folder: Path, *, shown: str) -> None:
        self.folder = folder.absolute()
        self.fs = pafs.LocalFileSystem()
        # pyarrow takes names as UTF-8, whatever the locale's encoding.
        self.root = os.fsencode(self.folder).decode()
        self.shown = shown

    def explain(self, error: Exception) -> tuple[str, bool]:
        """As of the system call; without an errno it is what pyarrow found in a file."""
        if isinstance(error, OSError) and error.errno is not None:
            return f"{os.strerror(error.errno)} ({advice(error)})", is_lasting(error)
        return error_line(error), True

    def refused(self, name: str, error: Exception) -> ExportError:
        """As everywhere; what a disk cannot read any more is damage."""
        if isinstance(error, OSError) and error.errno in _DAMAGE:
            return DestinationError(f"{name}: {self.explain(error)[0]}.")
        if isinstance(error, PermissionError):
            return NotReadable(f"{name}: {self.explain(error)[0]}.")
        return super().refused(name, error)

    def resolved_root(self) -> str:
        """The folder that links lead to."""
        return os.fsencode(os.path.realpath(self.folder)).decode("utf-8", "surrogateescape")

    def default_work_dir(self, state_dir: Path) -> Path:
        """`DEST/.work`."""
        return self.folder / ".work"

    def check_writable(self) -> None:
        """Make the folder, and try to write into it."""
        try:
            make_folder(self.folder)
            _try_to_write(self.folder)
        except OSError as error:
            text, is_lasting = self._explain_folder(error)
            message = f"--out {self.shown} cannot be written: {text}."
            raise (DestinationError if is_lasting else StorageFailed)(message) from None
        for path in (self.folder / STAGING, self.folder / REMOVING):
            if os.path.lexists(path) and not path.is_dir():
                raise DestinationError(f"--out {self.shown} cannot be written: {path} is no folder: remove it.")
        self._check_staging(self.folder / STAGING)

    def _check_staging(self, staging: Path) -> None:
        """What is written into one that is there must be renamed into the destination, after all requests."""
        try:
            _try_to_write(staging)
            is_elsewhere = staging.stat().st_dev != self.folder.stat().st_dev
        except FileNotFoundError:
            return  # a run that has the lock may have cleared it away
        except OSError as error:
            text, is_lasting = self.explain(error)
            message = of_another_user(error, staging) or f"{staging}: {text}."
            raise (DestinationError if is_lasting else StorageFailed)(
                f"--out {self.shown} cannot be written: {message}"
            ) from None
        if is_elsewhere:
            raise DestinationError(
                f"--out {self.shown} cannot be written: {staging} is on another file system, from which nothing can be "
                "renamed into it: remove it."
            )

    def _explain_folder(self, error: OSError) -> tuple[str, bool]:
        for path in (self.folder, *self.folder.parents):
            with suppress(OSError):  # that of `error` says more
                if path.is_symlink() and not path.exists():
                    return f"{path} is a link to {path.readlink()}, and nothing is there (is it mounted?)", True
                if path.exists() and not path.is_dir():
                    return f"{path} is a file", True
        return self.explain(error)

    def folders(self) -> list[str]:
        """As everywhere, also beside files of others whose names pyarrow cannot read."""
        with self.reading(self.shown):
            return [name for name, entry in _entries(self.folder) if entry.is_dir()]

    def files(self, snapshot: str) -> dict[str, int]:
        """As `folders`."""
        with self.reading(self.where(snapshot)):
            return {
                name: entry.stat().st_size if entry.is_file() else 0
                for name, entry in _entries(self.folder / folder_name(snapshot))
            }

    def open_input(self, snapshot: str, name: str) -> pa.NativeFile:
        """As everywhere; regular files only: who opens a pipe waits for somebody to write into it."""
        if not stat.S_ISREG((self.folder / folder_name(snapshot) / name).stat().st_mode):
            raise OSError("it is not a regular file")
        return super().open_input(snapshot, name)

    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """A folder that no reader sees."""
        return _LocalStaging(self, snapshot)

    def removable(self, snapshot: str) -> bool:
        """Nor is a link to somewhere else."""
        folder = self.folder / folder_name(snapshot)
        with self.reading(str(folder)):
            plain = not folder.is_symlink() and not any(entry.is_dir() for entry in folder.iterdir())
        return plain and super().removable(snapshot)

    def remove(self, snapshot: str) -> None:
        """Rename it first, durably: from then on no reader sees it, whole or half."""
        hidden = self.folder / REMOVING / snapshot
        with self.writing(self.where(snapshot), _STAYS):
            make_folder(hidden.parent)
            (self.folder / folder_name(snapshot)).rename(hidden)
            sync_folder(self.folder)
            sync_folder(hidden.parent)
            failpoints.hit("retention.renamed")
        with self.writing(str(hidden), _NEXT_RUN):
            shutil.rmtree(hidden)
            _remove_if_empty(hidden.parent)

    def clean_up(self, own: str | None = None, writer: str = "") -> list[str]:
        """Remove all that is staged, or was to be removed."""
        problems = []
        with self.reading(self.shown):
            leftovers = list(self._leftovers())
        for path in leftovers:
            try:
                shutil.rmtree(path)
            except FileNotFoundError:
                pass  # the probe of a run that begins at the same time
            except OSError as error:
                problems.append(f"{path}, left by an interrupted run, cannot be removed: {explained(error)}")
        for name in (STAGING, REMOVING):
            _remove_if_empty(self.folder / name)
        return problems

    def _leftovers(self) -> Iterator[Path]:
        for folder in (self.folder / STAGING, self.folder / REMOVING):
            if folder.is_dir() and not folder.is_symlink():
                yield from folder.iterdir()
        for path in self.folder.iterdir():
            if _is_ours(path.name) and path.is_dir() and not path.is_symlink():
                yield path


def _is_ours(name: str) -> bool:
    """Whether a folder in the destination is a probe, or what version 1.0 staged or removed beside the snapshots."""
    prefix, _, rest = name.rpartition("-")
    return name.startswith(PROBE) or (prefix in (STAGING, REMOVING) and is_snapshot_id(rest))


def _try_to_write(folder: Path) -> None:
    """Make something in it, and remove it. Raises `OSError`."""
    # Not named after the process: in a container that is the same number each time, and a run that was killed here
    # would be in the way of all that follow.
    probe = Path(tempfile.mkdtemp(prefix=PROBE, dir=folder))
    try:
        # A full disk has room for a folder, and none for what is in a file.
        with suppress(FileNotFoundError):  # a run that has the lock may have cleared it away
            (probe / "probe").write_bytes(bytes(PROBE_SIZE))
    finally:
        shutil.rmtree(probe, ignore_errors=True)


class _LocalStaging(Staging):
    def __init__(self, destination: LocalDestination, snapshot: str) -> None:
        super().__init__(snapshot)
        self._destination = destination
        self._folder = destination.folder / STAGING / snapshot
        self._is_durable = True
        with destination.writing(str(self._folder)):
            if self._folder.exists():
                shutil.rmtree(self._folder)
            # DEST was there when the run began. Where it is gone, its volume is: it is not made again below the mount.
            destination.folder.stat()
            make_folder(self._folder)

    def create(self, name: str) -> HashingFile:
        path = self._folder / name
        with self._destination.writing(str(path)):
            return HashingFile(_SyncedFile(path), str(path), self._destination)

    def publish(self, manifest: bytes) -> None:
        final = self._destination.folder / folder_name(self.snapshot)
        with self._destination.writing(str(final)):
            failpoints.hit("publish.before_manifest")
            with _SyncedFile(self._folder / MANIFEST) as file:
                file.write(manifest)
            self._is_durable = sync_folder(self._folder)
            failpoints.hit("publish.staged")
            # A folder with something in it is never replaced by a rename, so nothing published is overwritten.
            self._folder.rename(final)

    def make_durable(self) -> None:
        folder = self._destination.folder
        with self._destination.writing(str(folder)):
            super().make_durable()
            is_durable = sync_folder(folder) and self._is_durable
            _remove_if_empty(self._folder.parent)
        if not is_durable:
            raise StorageFailed(f"the file system of {folder} cannot sync folders")

    def discard(self) -> None:
        with self._destination.writing(str(self._folder)):
            if self._folder.exists():
                shutil.rmtree(self._folder)
            _remove_if_empty(self._folder.parent)


class _SyncedFile(io.BufferedWriter):
    """A new file that is on the disk when it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "xb"))

    def close(self) -> None:
        try:
            if not self.closed:
                self.flush()
                sync_file(self.fileno())
        finally:
            super().close()


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[bytes]]]:
    """What is in a folder, with its name as text; nothing where it does not exist. Raises `OSError`."""
    with suppress(FileNotFoundError), os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            yield entry.name.decode("utf-8", "backslashreplace"), entry


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # something else is in it; an empty one does no harm either
        folder.rmdir()
