"""`campaign-export snapshots`: what is there."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobs.support.command import job, option

if TYPE_CHECKING:
    from jobs.support.console import Console

COLUMNS = ("snapshot", "started_at", "campaigns", "failures", "not_found", "mode", "size")


@job("snapshots", example="campaign-export snapshots exports", codes={0: "listed", 2: "wrong usage, or no such place"})
@click.argument("dest")
@option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How they are listed.",
)
def command(console: Console, dest: str, form: str) -> int:
    """List the snapshots of a destination: ID, time, rows, failures, mode, size."""
    from exporter.errors import DestinationError
    from exporter.snapshot_store.catalog import list_snapshots
    from exporter.snapshot_store.open_destination import open_destination

    if "://" not in dest and not Path(dest).is_dir():
        raise DestinationError(f"{dest}: there is no such folder.")
    rows: list[dict[str, Any]] = [
        {
            "snapshot": info.snapshot_id,
            "started_at": info.manifest.started_at,
            "campaigns": info.manifest.counts.ok,
            "failures": info.manifest.counts.failed + info.manifest.counts.invalid,
            "not_found": info.manifest.counts.not_found,
            "mode": info.manifest.mode,
            "size": info.manifest.size,
        }
        for info in list_snapshots(open_destination(dest, environ=dict(os.environ)))
    ]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    elif form == "csv":
        from jobs.support.table_output import print_bytes

        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        print_bytes(text.getvalue().encode())
    elif not rows:
        console.say(f"there is no snapshot in {dest}", event="empty")
    else:
        from jobs.support.table_output import print_table

        cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in (*row.values(),)] for row in rows]
        for row, cell in zip(rows, cells, strict=True):
            cell[1] = cell[1][:16].replace("T", " ")
            cell[-1] = size_text(row["size"])
        print_table(
            None,
            COLUMNS,
            cells,
            right=("campaigns", "failures", "not_found", "size"),
            whole=("snapshot", "campaigns", "failures"),
            optional=("started_at", "mode", "not_found", "size"),
        )
    return 0


def size_text(size: int) -> str:
    """`1.4 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError
