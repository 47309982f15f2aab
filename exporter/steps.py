"""The points of a run at which a crash matters, named, so that tests can make one happen there.

In a real run `reached` does nothing. A test sets `hook` in the process that it is going to kill.
"""

from __future__ import annotations

from collections.abc import Callable

STEPS = (
    "request.answered",
    "journal.before_commit",
    "journal.after_commit",
    "write.campaigns",
    "write.calling_windows",
    "write.responses",
    "write.failures",
    "publish.before_manifest",
    "publish.before_reveal",
    "publish.after_reveal",
    "retention.hidden",
)
"""In the order of a run."""

hook: Callable[[str], None] | None = None


def reached(step: str) -> None:
    """The run has come to `step`."""
    if hook is not None:
        hook(step)
