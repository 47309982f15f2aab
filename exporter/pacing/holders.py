"""Who holds a place: a process, told apart from an earlier one with the same number, and whether it still lives."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


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
