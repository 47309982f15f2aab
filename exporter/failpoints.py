"""The points of a run at which a crash matters, named, so that tests can make one happen there.

In a real run `hit` does nothing. A test sets `hook` in the process that it is going to kill.
"""

from __future__ import annotations

from collections.abc import Callable

FAILPOINTS = (
    "list.kept",
    "carry.block",
    "request.answered",
    "journal.before_commit",
    "journal.after_commit",
    "write.campaigns.parquet",
    "write.campaigns.csv",
    "write.calling_windows.parquet",
    "write.calling_windows.csv",
    "write.responses.parquet",
    "write.failures.parquet",
    "write.failures.csv",
    "publish.before_manifest",
    "publish.staged",
    "publish.published",
    "retention.renamed",
    "publish.before_journal_closed",
)
"""In the order of a run. A step `write.FILE` is hit many times: whenever a piece of the file has been written."""

hook: Callable[[str], None] | None = None


def hit(step: str) -> None:
    """The run has come to `step`."""
    if hook is not None:
        hook(step)
