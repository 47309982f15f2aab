"""What a piece of work costs, counted: a clock says something else on each machine."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any


def peak_memory(work: Callable[[], Any]) -> int:
    """The most bytes that Python's objects had at once while it was done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls_made(work: Callable[[], Any]) -> int:
    """Functions that were called while it was done, those of C too."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
