"""`campaign-export history`: how campaigns changed over all snapshots."""

from __future__ import annotations

import time
from datetime import datetime

import click

from exporter.model import ROW_TABLES, RowTable
from jobs.support.command import job, option, read_all
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT, EXCEL_SAFE
from jobs.support.output_formats import OUTPUT, ROW_FORMAT, choose_format, write_rows
from jobs.support.param_types import COLUMNS, Parsed, choose_columns

with lazy_imports(__name__):
    from exporter.snapshot_store.history import history_of, parse_moment
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.tables.arrow_schemas import schema_of

SHOWN = {
    "campaigns": ("campaign_id", "valid_from", "valid_to", "change", "changed_columns", "name", "status"),
    "calling_windows": (
        "campaign_id", "valid_from", "valid_to", "change", "day", "start_time", "end_time", "timezone", "name",
    ),
}  # fmt: skip
"""The columns of the table on a terminal, where none are named."""

OPTIONAL = ("name", "timezone", "valid_to", "is_current", "changed_columns", "status", "change")
"""Columns that the table leaves out, in this order, where the terminal is too narrow."""


@job(
    "history",
    example="campaign-export history exports cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55 --table calling_windows",
    codes={**READING, 0: "printed", 1: "printed, but some IDs are in no snapshot"},
)
@click.argument("dest")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@option("--table", type=click.Choice(ROW_TABLES), default="campaigns", help="Table whose versions are listed.")
@option("--columns", type=COLUMNS, help="Compare and print only these columns, separated by commas.")
@option(
    "--as-of",
    type=Parsed("TIME", parse_moment, dates=True),
    help="The table as it was at TIME: 2026-11-20 (the end of that day, UTC) or 2026-11-20T14:00Z.",
)
@ACCOUNT
@ROW_FORMAT
@OUTPUT
@EXCEL_SAFE
def command(
    console: Console,
    dest: str,
    ids: tuple[str, ...],
    table: RowTable,
    columns: tuple[str, ...] | None,
    as_of: datetime | None,
    account: str | None,
    form: str | None,
    output: str | None,
    excel_safe: bool,
) -> int:
    """Show how campaigns changed over all snapshots: a row for every version of a campaign.

    A version is valid from the first snapshot that has it until the first one that has the next version. change: added,
    changed, removed or came back; changed_columns: what is different from the version before. A campaign that could not
    be fetched one night keeps its version.
    """
    chosen_format, chosen_columns = read_all(
        lambda: choose_format(form, output), lambda: choose_columns("--columns", columns, schema_of(table).names)
    )
    history = history_of(
        open_destination(dest),
        time.time(),
        ids=ids or None,
        table=table,
        columns=chosen_columns,
        as_of=as_of,
        account=account,
    )
    console.notices(history.notices)
    shown = () if columns else SHOWN[table]
    write_rows(history.versions, chosen_format, output, excel_safe=excel_safe, shown=shown, optional=OPTIONAL)
    for campaign_id in history.unknown_ids:
        console.trouble(f"{campaign_id}: in no snapshot", event="unknown_id", campaign_id=campaign_id)
    return 1 if history.unknown_ids else 0
