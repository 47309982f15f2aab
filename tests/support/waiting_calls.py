"""Calls that may wait, for a disk, a database, a name server or another process, made in the event loop's thread."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_QUICK = frozenset(
    {"fspath", "getpid", "urandom", "register_at_fork", "cpu_count", "sched_getaffinity", "get_blocking"}
)
"""Functions of `posix` that look at nothing outside of the process."""


@contextmanager
def waiting_calls() -> Iterator[set[str]]:
    """Collects, as `caller: call`, every such call of this thread within the block."""
    found: set[str] = set()

    def profile(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and _may_wait(called):
            found.add(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}: {called.__qualname__}")

    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(None)


def _may_wait(called: Any) -> bool:
    owner, name = getattr(called, "__self__", None), called.__name__
    if isinstance(owner, sqlite3.Connection | sqlite3.Cursor | io.IOBase):
        return True
    module = getattr(called, "__module__", None)
    return (module == "posix" and name not in _QUICK) or (module, name) in {
        ("io", "open"), ("_io", "open"), ("sqlite3", "connect"), ("_sqlite3", "connect"), ("time", "sleep"),
        ("fcntl", "flock"), ("_socket", "getaddrinfo"), ("_posixsubprocess", "fork_exec"),
    }  # fmt: skip
