"""The points of a run at which a crash matters, named, so that tests can make one happen there.

In a real run `hit` does nothing. A test sets `hook` in the process that it is going to kill
(`tests/crash/test_kill.py` has the names of all).
"""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def hit(step: str) -> None:
    """The run has come to `step`."""
    if hook is not None:
        hook(step)
