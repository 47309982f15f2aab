"""A lock for file systems without `flock`: a file made exclusively, with its holder's name in it.

Whether the holder still lives is seen from its process where that is in sight: on the same machine since the same
boot, in the same PID namespace. Elsewhere the file's time of change is its sign of life, and one that has given none
for `STALE` seconds counts as left behind.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from exporter.clock import Clock
from exporter.files import boot_id, is_alive, is_in_sight, this_holder
from exporter.json_text import MSGSPEC_REFUSES

HEARTBEAT = 5.0
STALE = 30.0
"""Seconds between two signs of life, and after which a holder without one counts as gone."""

DAY = 86400.0
"""Seconds by which a sign of life in the future is that of a clock that was wrong, not of one that is a bit ahead."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock. `process` differs from every other process, `boot` from every other start of the machine."""

    pid: int | None = None
    host: str | None = None
    since: int = 0
    process: str = ""
    boot: str = ""

    @classmethod
    def this(cls, clock: Clock) -> Self:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), int(clock.now()), this_holder(), boot_id())

    @staticmethod
    def parse(text: bytes) -> Holder:
        """An empty holder where the text is not in our format, or not written yet."""
        try:
            return _decode(text)
        except MSGSPEC_REFUSES:
            return Holder()

    def dump(self) -> bytes:
        """As text."""
        return msgspec.json.encode(self)

    def lives(self) -> bool | None:
        """Whether its process is there; None where that cannot be seen from here."""
        if self.host != socket.gethostname() or not self.process:
            return None
        if self.boot != boot_id():
            return False
        return is_alive(self.process) if is_in_sight(self.process) else None


_decode = msgspec.json.Decoder(Holder).decode


class StandInLock:
    """`take` and `release`. A run that was suspended for longer than `STALE` may lose it to another."""

    def __init__(self, path: Path, own: Holder) -> None:
        self._path = path
        self._own = own
        self._released = threading.Event()

    def take(self) -> Holder | None:
        """Take the lock; None, or who holds it. Raises `OSError`."""
        holder = Holder()
        for _ in range(2):  # what was in the way may be gone meanwhile
            if self._create(self._path) or (not self._is_held(holder := self._read()) and self._take_over(holder)):
                threading.Thread(target=self._beat, name="lock heartbeat", daemon=True).start()
                return None
        return holder

    def _create(self, path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._own.dump())
        return True

    def _read(self) -> Holder:
        try:
            return Holder.parse(self._path.read_bytes())
        except FileNotFoundError:
            return Holder()

    def _is_held(self, holder: Holder) -> bool:
        lives = holder.lives()
        return not self._is_silent(self._path) if lives is None else lives

    def _is_silent(self, path: Path) -> bool:
        """Whether a file gave no sign of life for `STALE` seconds of the file server's clock, which may be another."""
        probe = self._path.with_name(f"{self._path.name}.{os.urandom(8).hex()}")
        self._create(probe)
        try:
            return not -DAY < probe.stat().st_mtime - path.stat().st_mtime <= STALE
        except FileNotFoundError:
            return True
        finally:
            probe.unlink(missing_ok=True)

    def _take_over(self, holder: Holder) -> bool:
        """Put our name in the place of one that is gone: of all that try, the one that makes a file named after it.

        The lock is looked at again when nobody else can touch it any more, and replaced in one step, so there is no
        moment at which it is free.
        """
        name = holder.process.rpartition("/")[2] if holder.process else "unknown"
        permit = self._path.with_name(f"{self._path.name}.from-{name}")
        if not self._create(permit):
            if self._is_silent(permit):  # killed in mid-take-over
                permit.unlink(missing_ok=True)
            return False
        try:
            if self._read() != holder:
                return False
            permit.replace(self._path)
            return True
        finally:
            permit.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with suppress(OSError):
                if self._read() == self._own:
                    os.utime(self._path)

    def release(self) -> None:
        """Give it back."""
        self._released.set()
        with suppress(OSError):  # it is stale soon
            if self._read() == self._own:
                self._path.unlink()
