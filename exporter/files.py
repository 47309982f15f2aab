"""Files and processes: owner-only files, what to say when a disk refuses, whether a process is alive."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from exporter.errors import StorageFailed


class NotPrivate(OSError):
    """What stands at a path is no file of our own."""


def open_private(path: Path) -> int:
    """A descriptor of the regular file `path`, which is made if it is not there; mode 0600.

    Raises `OSError`; `NotPrivate` for what somebody else may have put in its place: a link, a pipe, a device, a file
    of another user that others than that user can open.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise NotPrivate(error.errno, "it is a symbolic link, and those are not followed here") from None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotPrivate(errno.EINVAL, "it is no regular file")
        if found.st_uid == os.geteuid():
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        elif os.geteuid() != 0 and found.st_mode & 0o066:
            raise NotPrivate(errno.EPERM, "it belongs to another user; name a folder of your own with --work-dir")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def storage_failed(path: Path | str, error: Exception) -> StorageFailed:
    """What to tell when a disk refuses."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    advice = "Free some room" if "full" in text or "space" in text.lower() else "Check the disk"
    return StorageFailed(f"{path} cannot be written: {text}. {advice}, then run the same command again: it resumes.")


def boot_id() -> str:
    """What differs from one start of the machine to the next."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "unknown"


def this_holder() -> str:
    """This process, told apart from an earlier one with the same number and from one in another container."""
    pid = os.getpid()
    return f"{_pid_namespace()}/{pid}/{_start_of(pid)}/{os.urandom(4).hex()}"


def _pid_namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return sys.platform


def _start_of(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def is_alive(holder: str) -> bool:
    """Whether a process still lives; one that cannot be looked at from here is taken to."""
    namespace, pid, start, _ = [*holder.split("/"), "", "", ""][:4]
    if namespace != _pid_namespace() or not pid.isdigit():
        return holder != "lost"
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # there, and another user's
    return _start_of(int(pid)) == start
