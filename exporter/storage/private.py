"""Files that are for their user only, also in a folder where others can write."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


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
