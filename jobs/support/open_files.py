"""How many files the process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress


def allow_open_files(wanted: int) -> None:
    """Let `wanted` files be open, or as many as the system lets us; never fewer than before.

    Where there is no hard limit the system can have one of its own (macOS), and refuses more: then nothing is changed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
