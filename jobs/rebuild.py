"""`campaign-export rebuild`: stored responses, flattened again."""

from __future__ import annotations

import time

import click

from exporter.errors import InputError
from exporter.options import SnapshotFormat
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.exit_codes import MEANINGS, READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT, EXCEL_SAFE, locations_of, snapshot_format_option
from jobs.support.param_types import FOLDER

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.pipeline.rebuild_snapshot import rebuild_snapshot
    from exporter.snapshot_store.choose_account_and_snapshot import snapshots_of_account
    from exporter.snapshot_store.open_destination import open_destination


@job(
    "rebuild",
    example="campaign-export rebuild exports",
    codes={**READING, 0: "published", 4: "nothing published: the disk or the store does not answer", 5: MEANINGS[5]},
)
@click.argument("dest")
@click.argument("snapshot", required=False)
@option("--work-dir", type=FOLDER, help="Folder of the lock.  [default: DEST/.work, or in the user's state folder]")
@snapshot_format_option()
@EXCEL_SAFE
@ACCOUNT
def command(
    console: Console,
    dest: str,
    snapshot: str | None,
    work_dir: str | None,
    format: SnapshotFormat,
    excel_safe: bool,
    account: str | None,
) -> int:
    """Flatten the stored responses of a snapshot again, with today's columns, into a new snapshot. Sends nothing.

    By default those of the latest.
    """
    if snapshot is not None and account is not None:
        raise InputError("SNAPSHOT and --account exclude each other: give one of them.")
    locations = locations_of(dest, work_dir)
    if snapshot is None:
        chosen = snapshots_of_account(open_destination(dest), time.time(), account=account)
        console.notices(chosen.notices)
        snapshot = chosen.snapshots[-1].snapshot_id
    rebuild_snapshot(locations, snapshot, form=format, excel_safe=excel_safe, clock=SystemClock(), emit=console.emit)
    return 0
