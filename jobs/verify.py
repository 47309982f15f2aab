"""`campaign-export verify`: is a published snapshot sound?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from exporter.errors import InputError
from jobs.support.command import job, option

if TYPE_CHECKING:
    from jobs.support.console import Console


@job(
    "verify",
    example="campaign-export verify exports --all",
    codes={0: "sound", 1: "damage found", 2: "wrong usage, or no such snapshot"},
)
@click.argument("dest")
@click.argument("snapshot", required=False)
@option("--all", "everyone", is_flag=True, help="Check every snapshot of the destination.")
def command(console: Console, dest: str, snapshot: str | None, everyone: bool) -> int:
    """Check a published snapshot against its manifest, and against itself: the latest, if none is named.

    Files, hashes, rows, columns, counts; and the stored responses, flattened again, must give the very rows.
    """
    from exporter.snapshot_store.accounts import find
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.verify import damages
    from jobs.support.table_output import print_line

    if snapshot is not None and everyone:
        raise InputError("SNAPSHOT and --all exclude each other: give one of them.")
    destination = open_destination(dest, environ=dict(os.environ))
    wanted = destination.snapshot_ids() if everyone else [find(destination, snapshot or "latest")]
    damaged = 0
    for one in wanted:
        found = damages(destination, one)
        damaged += bool(found)
        print_line(f"{destination.where(one)}: {'damaged' if found else 'sound'}")
        for text in found:
            print_line(f"  {text}")
    return 1 if damaged else 0
