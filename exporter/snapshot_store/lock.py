"""One run at a time on one destination.

The lock is the operating system's (`flock`), so it never outlives its process. Where a file system has none, a
file with the holder's host and process stands in for it, kept fresh by a heartbeat; that is told.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from exporter.clock import Clock
from exporter.errors import DestinationBusy, DestinationError
from exporter.events import Emit, Warned
from exporter.files import open_private

HEARTBEAT = 20.0
STALE = 120.0
"""Seconds between two signs of life of a stand-in lock, and after which one without them counts as left behind."""


class RunLock:
    """`with RunLock(work_dir, …):` raises `DestinationBusy` at once when another run holds it."""

    def __init__(self, folder: Path, *, clock: Clock, emit: Emit) -> None:
        self._path = folder / "lock"
        self._clock = clock
        self._emit = emit
        self._descriptor: int | None = None
        self._stand_in: _StandIn | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = open_private(self._path)
        except OSError as error:
            raise DestinationError(f"{self._path} cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held_by = os.read(descriptor, 4096)
            os.close(descriptor)
            raise _busy(self._path, held_by) from None
        except OSError as error:
            os.close(descriptor)
            self._emit(Warned(f"{self._path.parent} has no file locks ({error.strerror}); a lock file stands in"))
            self._stand_in = _StandIn(self._path.with_name("lock.held"), self._clock)
            self._stand_in.take()
            return self
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _who(self._clock), 0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stand_in is not None:
            self._stand_in.release()
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


class _StandIn:
    """A lock where there is no `flock`: a file made exclusively, whose time of change is the sign of life."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._released = threading.Event()

    def take(self) -> None:
        for _ in range(2):
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                self._remove_if_stale()
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(_who(self._clock))
            threading.Thread(target=self._beat, name="lock heartbeat", daemon=True).start()
            return
        raise _busy(self._path, self._path.read_bytes())

    def _remove_if_stale(self) -> None:
        held_by = self._path.read_bytes()
        holder = _parsed(held_by)
        here = holder.get("host") == socket.gethostname()
        dead = here and not _runs(holder.get("pid"))
        silent = self._clock.now() - self._path.stat().st_mtime > STALE
        if not dead and not silent:
            raise _busy(self._path, held_by)
        self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with suppress(OSError):
                os.utime(self._path)

    def release(self) -> None:
        self._released.set()
        self._path.unlink(missing_ok=True)


def _who(clock: Clock) -> bytes:
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": int(clock.now())}).encode()


def _parsed(held_by: bytes) -> dict[str, object]:
    try:
        holder = json.loads(held_by)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _runs(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy(path: Path, held_by: bytes) -> DestinationBusy:
    holder = _parsed(held_by)
    pid, host = holder.get("pid"), holder.get("host")
    who = f"process {pid} on {host}" if pid else "another process"
    return DestinationBusy(
        f"another run is at work here: {who} holds {path}. Wait for it, or stop it; the lock ends with its process.",
        pid=pid if isinstance(pid, int) else None,
        host=host if isinstance(host, str) else None,
    )
