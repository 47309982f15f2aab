"""One run at a time on one destination.

The lock is the operating system's (`flock`), so it never outlives its process. Where a file system has none, a stand-in
takes its place (`lock_without_flock.py`), and a warning says so.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from exporter.clock import Clock
from exporter.errors import DestinationBusy, DestinationError, StoppedEarly, StorageFailed
from exporter.events import Emit, Warned
from exporter.files import explained, is_lasting, make_folder, of_another_user, open_private, storage_failed
from exporter.snapshot_store.lock_without_flock import STALE, Holder, StandInLock


class RunLock:
    """`with RunLock(work_dir, …):` raises `DestinationBusy` at once when another run holds it."""

    def __init__(self, folder: Path, *, clock: Clock, emit: Emit) -> None:
        self._path = folder / "lock"
        self._sign = self._path
        self._own = Holder.this(clock)
        self._emit = emit
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            make_folder(self._path.parent, mode=0o700)
            descriptor = open_private(self._path)
        except OSError as error:
            raise self._unusable(error) from None
        with ExitStack() as held:
            held.callback(_close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._busy(_read(descriptor)) from None
            except OSError as error:
                held.callback(self._take_stand_in(error).release)
            else:
                held.callback(_write, descriptor, b"")
                if not _write(descriptor, self._own.dump()):
                    self._own = Holder()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def check(self) -> None:
        """Raise `StoppedEarly` where the lock was lost while it was held: another run may have begun since."""
        try:
            holder = Holder.parse(self._sign.read_bytes())
        except FileNotFoundError:
            holder = None
        except OSError as error:
            raise storage_failed(self._sign, error) from None
        if holder != self._own:
            raise StoppedEarly(
                f"this run has lost {self._sign} while it was at work (was it removed?), and another may have begun "
                "here, so this one goes no further. When the other has ended, the same command resumes."
            )

    def _take_stand_in(self, error: OSError) -> StandInLock:
        self._emit(Warned(f"{self._path.parent} has no file locks ({error.strerror}); a lock file is used instead"))
        self._sign = self._path.with_name("lock.held")
        stand_in = StandInLock(self._sign, self._own)
        try:
            holder = stand_in.take()
        except OSError as refusal:
            raise self._unusable(refusal) from None
        if holder is not None:
            raise self._busy(holder, f"{STALE:.0f} s after the last sign of life of its process at the latest")
        return stand_in

    def _unusable(self, error: OSError) -> DestinationError | StorageFailed:
        whose = of_another_user(error, self._path, self._path.parent)  # two users cannot write to one destination
        kind = DestinationError if is_lasting(error) else StorageFailed
        return kind(whose or f"{self._path} cannot be used: {explained(error)}.")

    def _busy(self, holder: Holder, end: str = "with its process") -> DestinationBusy:
        process = f"process {holder.pid} on {holder.host}" if holder.pid else "another process"
        return DestinationBusy(
            f"another run is at work here: {process} holds {self._path}. Wait for it, or stop it; the lock ends {end}.",
            pid=holder.pid,
            host=holder.host,
        )


def _read(descriptor: int) -> Holder:
    """Who holds the lock; nobody in particular where that cannot be read."""
    try:
        return Holder.parse(os.pread(descriptor, 4096, 0))
    except OSError:
        return Holder()


def _write(descriptor: int, holder: bytes) -> bool:
    """Whether it could be written. It need not: it is for the message of a second run."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder, 0)
    except OSError:
        return False
    return True


def _close(descriptor: int) -> None:
    """Close it, and with it lose the lock. An error of that (a network share's) loses nothing that was written."""
    with suppress(OSError):
        os.close(descriptor)
