"""The edge to the disk: owner-only files, atomic replacement, durability, what an error means, is a process alive."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import sqlite3
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from exporter.errors import StorageFailed
from exporter.text import error_line

_ROOM = "free some room"
_MEMORY = "free some memory"
_HELD = "another program holds it: wait for that, or end it"
_TOO_MANY = "too many files are open: raise the limit (ulimit -n), or close some"
_DISK = "check the disk, or the network share that it is on, and its quota"
_RIGHTS = "may this user read and write there?"
_UNABLE = "this file system cannot do that: name a folder on another"

_ADVICE: dict[int, str] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _ROOM),
    **dict.fromkeys((errno.EAGAIN, errno.EBUSY, errno.ETXTBSY, errno.EDEADLK, errno.ENOLCK), _HELD),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _TOO_MANY),
    errno.ENOMEM: _MEMORY,
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    errno.EROFS: "it is mounted read-only",
    **dict.fromkeys((errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EFBIG), _UNABLE),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG), "is the path right?"),
}
"""What to do about an error of a system call; any other is one of the disk."""

_SQLITE_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_NOMEM: _MEMORY,
}

_LASTING = frozenset((_RIGHTS, _UNABLE, _ADVICE[errno.EROFS], _ADVICE[errno.ENOENT]))
"""What the same command meets again, until somebody changes the path or the permissions."""


class NotPrivate(OSError):
    """What is at a path is not a file of our own, or none can be there."""


def advice(error: Exception) -> str:
    """What a user can do about an error of a disk or of SQLite."""
    if isinstance(error, sqlite3.Error):
        return _SQLITE_ADVICE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF, _DISK)
    if isinstance(error, MemoryError):
        return _MEMORY
    return _ADVICE.get(error.errno or 0, _DISK) if isinstance(error, OSError) else _DISK


def is_lasting(error: Exception) -> bool:
    """Whether the same command will meet the error again: permissions and wrong paths, not a full or busy disk."""
    return advice(error) in _LASTING


def explained(error: Exception) -> str:
    """An error in one line, with what to do about it."""
    return f"{error_line(error)} ({advice(error)})"


def storage_failed(path: Path | str, error: Exception) -> StorageFailed:
    """The disk refused during a run."""
    return StorageFailed(f"{path}: {explained(error)}. The same command resumes.")


def owner(path: Path) -> str:
    """The user whose file this is, by name where the system knows one. Raises `OSError`."""
    uid = path.lstat().st_uid
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"user {uid}"


def of_another_user(error: Exception, *paths: Path) -> str | None:
    """Which of the paths is another user's, and what helps, where that is why this user was refused; else None."""
    if isinstance(error, PermissionError):
        for path in paths:
            with suppress(OSError):
                if path.lstat().st_uid != os.geteuid():
                    return (
                        f"{path} belongs to {owner(path)}: run as that user, or write to a destination of your own. "
                        f"When {owner(path)} will not run here any more, delete {path}."
                    )
    return None


def open_private(path: Path) -> int:
    """A descriptor of the regular file `path`, which is made if it is not there; mode 0600, where there are modes.

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
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivate(errno.EINVAL, "it is not a regular file")
        if status.st_uid == os.geteuid():
            if stat.S_IMODE(status.st_mode) & 0o077:
                _set_mode(descriptor, 0o600)
        elif os.geteuid() != 0 and status.st_mode & 0o066:
            raise NotPrivate(errno.EPERM, f"it belongs to {owner(path)}, and others can open it")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_open_to_others(path: Path) -> bool:
    """Whether others can open a file of our own that `open_private` made. Raises `OSError`."""
    status = path.stat()
    return status.st_uid == os.geteuid() and bool(status.st_mode & 0o077)


def make_folder(path: Path, *, mode: int = 0o777) -> None:
    """Make a folder and what it lies in, each made durable in its parent. Raises `OSError`."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=mode if folder is path else 0o777)
            sync_folder(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def sync_file(descriptor: int) -> bool:
    """Make a file or folder durable; False where the file system has no such call (CIFS, some FUSE).

    Raises `OSError` when the disk refuses.
    """
    for sync in (_sync_drive, os.fsync):
        try:
            sync(descriptor)
        except OSError as error:
            if error.errno not in _NO_SUCH_CALL:
                raise
        else:
            return True
    return False


_NO_SUCH_CALL = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY)
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)


def _sync_drive(descriptor: int) -> None:
    """macOS: `fsync` alone leaves the data in the cache of the drive, where a power cut takes it."""
    if _FULL_SYNC is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    fcntl.fcntl(descriptor, _FULL_SYNC)


def sync_folder(folder: Path) -> bool:
    """Make the names in a folder durable; as `sync_file`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return sync_file(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Put `data` at `path` at once, so that no reader sees half of it. Raises `StorageFailed`.

    `mode`: its permissions; None: those it had, for a new file those of any new file of this user. What is
    not a regular file (/dev/stdout, a pipe) is written to, not replaced.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.write(data)
        else:
            _replace(Path(os.path.realpath(path)), data, mode)  # a link stays a link, unless it leads to itself
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {explained(error)}.") from None


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    if mode is None:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
    # A name that nobody can guess, made for this user only: the folder may be everybody's.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _set_mode(file.fileno(), mode)
            file.flush()
            sync_file(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


_ONE_MODE_FOR_ALL = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


def _set_mode(descriptor: int, mode: int) -> None:
    """The permissions of a file of our own, where its file system has any: vfat, exFAT and some FUSE refuse."""
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in _ONE_MODE_FOR_ALL:
            raise


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def boot_id() -> str:
    """What differs from one start of the machine to the next."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "unknown"


def this_holder() -> str:
    """The name of this process: an earlier one with its number, or one in another container, has another."""
    pid = os.getpid()
    return f"{_pid_namespace()}/{pid}/{_start_of(pid)}/{os.urandom(4).hex()}"


def _pid_namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return sys.platform


def _start_of(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty where the system does not say, and of one that has ended.

    One that has ended is there until its parent asks for its exit code.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]


def is_in_sight(holder: str) -> bool:
    """Whether a process can be looked at from here: it is in the same PID namespace."""
    return holder.partition("/")[0] == _pid_namespace()


def is_alive(holder: str) -> bool:
    """Whether a process still lives; one that cannot be looked at from here counts as alive."""
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
