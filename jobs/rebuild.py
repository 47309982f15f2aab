"""`campaign-export rebuild`: stored responses, flattened again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from exporter.options import OUTPUT_FORMATS
from jobs.support.command import job, option
from jobs.support.options import locations_of

if TYPE_CHECKING:
    from jobs.support.console import Console


@job("rebuild", example="campaign-export rebuild exports", codes=(0, 2, 4, 5))
@click.argument("dest")
@click.argument("snapshot", required=False)
@option("--work-dir", metavar="DIR", help="Where the lock is.  [default: DEST/.work, or the user's state folder]")
@option(
    "--format",
    "form",
    type=click.Choice(OUTPUT_FORMATS),
    default="parquet",
    show_default=True,
    help="Files of the tables; responses.parquet is always there.",
)
@option("--excel-safe", is_flag=True, help="Keep CSV cells from being run as formulas.")
def command(
    console: Console, dest: str, snapshot: str | None, work_dir: str | None, form: Any, excel_safe: bool
) -> int:
    """Flatten the stored responses of a snapshot with today's columns, into a new snapshot, without one request."""
    from exporter.clock import SystemClock
    from exporter.pipeline.rebuild import rebuild_snapshot

    rebuild_snapshot(
        locations_of(dest, work_dir),
        snapshot or "latest",
        form=form,
        excel_safe=excel_safe,
        clock=SystemClock(),
        emit=console.emit,
    )
    return 0
