"""Bounded time and memory: what reads an input of up to a MiB takes two seconds and 200 MB at most."""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SECONDS = 2.0
BYTES = 200 * 2**20
LONGEST = 10.0
"""Seconds after which it is broken off."""


class TooMuch(AssertionError):
    """More time or memory than an input of that size may take."""


def bounded(read: Callable[[bytes], Any], data: bytes) -> Any:
    """What `read` makes of `data`. Raises `TooMuch`."""
    peak, started = _peak(), time.process_time()
    with _broken_off():
        found = read(data)
    seconds, room = time.process_time() - started, _peak() - peak
    if seconds > SECONDS:
        raise TooMuch(f"{seconds:.1f} s for {len(data):,} bytes")
    if room > BYTES:
        raise TooMuch(f"{room / 2**20:.0f} MiB for {len(data):,} bytes")
    return found


def _peak() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _broken_off() -> Iterator[None]:
    """Raises `TooMuch` inside after `LONGEST` seconds of CPU: an endless loop is a finding, too."""

    def break_off(number: int, frame: FrameType | None) -> None:
        raise TooMuch(f"more than {LONGEST:.0f} s")

    before = signal.signal(signal.SIGPROF, break_off)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
