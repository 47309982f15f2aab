"""`campaign-export verify`: is a published snapshot sound?"""

from __future__ import annotations

import time

import click

from exporter.errors import DestinationError, InputError
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT
from jobs.support.standard_streams import print_line

with lazy_imports(__name__):
    from exporter.snapshot_store.catalog import read_catalog
    from exporter.snapshot_store.choose_account_and_snapshot import find, snapshots_of_account
    from exporter.snapshot_store.destination import Destination
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.verify import damages


@job(
    "verify",
    example="campaign-export verify exports --all",
    codes={
        **READING,
        0: "sound",
        1: "damage found",
        2: "wrong usage, no such snapshot, or it may not be read",
        4: "not checked: the disk or the store does not answer",
    },
)
@click.argument("dest")
@click.argument("snapshot", required=False)
@option("--all", "everyone", is_flag=True, help="Check every snapshot of the destination, of every account.")
@ACCOUNT
def command(console: Console, dest: str, snapshot: str | None, everyone: bool, account: str | None) -> int:
    """Check a published snapshot against its manifest, and against itself: by default the latest.

    Checks files, hashes, rows, columns and counts. The stored responses are flattened again, and must give the same
    rows.
    """
    if sum((snapshot is not None, everyone, account is not None)) > 1:
        raise InputError("SNAPSHOT, --all and --account exclude each other: give one of them.")
    destination = open_destination(dest)
    if snapshot is not None:
        ids = [find(destination, snapshot)]
    elif everyone:
        ids = _all(destination)
    else:
        ids = _latest(console, destination, account)
    damaged = 0
    for snapshot_id in ids:
        problems = damages(destination, snapshot_id)
        damaged += bool(problems)
        print_line(f"{destination.where(snapshot_id)}: {'damaged' if problems else 'sound'}")
        for problem in problems:
            print_line(f"  {problem}")
    return 1 if damaged else 0


def _all(destination: Destination) -> list[str]:
    """Every snapshot, damaged ones too. Raises `DestinationError` where there is none: nothing is not sound."""
    catalog = read_catalog(destination)
    ids = sorted({info.snapshot_id for info in catalog.snapshots} | {entry.snapshot_id for entry in catalog.damaged})
    if not ids:
        destination.check_is_root()
        raise DestinationError(f"{destination.shown}: there is no snapshot in it.")
    return ids


def _latest(console: Console, destination: Destination, account: str | None) -> list[str]:
    """The latest snapshot, and any later one whose manifest is damaged: it may be the account's."""
    catalog = read_catalog(destination)
    damaged = [entry.snapshot_id for entry in catalog.damaged]
    try:
        chosen = snapshots_of_account(destination, time.time(), catalog, account=account)
    except DestinationError:
        if account is None and damaged:
            return damaged[-1:]
        raise
    console.notices(chosen.notices)
    latest = chosen.snapshots[-1].snapshot_id
    return [latest, *(snapshot_id for snapshot_id in damaged if snapshot_id > latest)]
