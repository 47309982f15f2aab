"""`campaign-export diff`: what changed between two snapshots."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from exporter.errors import DestinationError, InputError
from jobs.support.command import job, option
from jobs.support.param_types import COLUMNS

if TYPE_CHECKING:
    from exporter.snapshot_store.diff import Changes
    from jobs.support.console import Console
    from jobs.support.table_output import Lines

MOST_ROWS = 200
"""Campaigns of each kind that are shown to people; csv and json have them all."""


@job(
    "diff",
    example="campaign-export diff exports --ignore total_messages_sent",
    codes={0: "compared", 1: "with --exit-code: there are differences", 2: "wrong usage, or no such snapshot"},
)
@click.argument("dest")
@click.argument("old", required=False)
@click.argument("new", required=False)
@option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the differences are shown.",
)
@option("--columns", type=COLUMNS, help="Compare only these columns, with commas between.")
@option("--ignore", type=COLUMNS, help="Do not compare these columns.")
@option("--exit-code", is_flag=True, help="Exit with 1 when there are differences.")
def command(
    console: Console,
    dest: str,
    old: str | None,
    new: str | None,
    form: str,
    columns: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    exit_code: bool,
) -> int:
    """Show what changed between two snapshots: the last two, if none are named.

    With OLD alone it is compared with the latest. Times of fetching are no difference.
    """
    from exporter.snapshot_store.diff import changes_between
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.reader import find
    from exporter.tables.columns import CAMPAIGNS
    from jobs.support.param_types import check_columns
    from jobs.support.table_output import print_bytes

    known = [column.name for column in CAMPAIGNS]
    problems = [*check_columns("--columns", columns, known), *check_columns("--ignore", ignore, known)]
    if problems:
        raise InputError(problems)
    destination = open_destination(dest, environ=dict(os.environ))
    ids = destination.snapshot_ids()
    if old is None and len(ids) < 2:
        raise DestinationError(f"{dest}: it takes two snapshots to compare, and there is {len(ids) or 'none'}.")
    before = find(destination, old) if old is not None else ids[-2]
    after = find(destination, new or "latest")
    changes = changes_between(destination, before, after, columns=columns or (), ignore=ignore or ())
    if form == "json":
        print_bytes(_json(changes).encode() + b"\n")
    elif form == "csv":
        _print_csv(changes)
    else:
        _print_grouped(changes)
    return 1 if exit_code and changes.any else 0


def _json(changes: Changes) -> str:
    return json.dumps(
        {
            "old": changes.old,
            "new": changes.new,
            "added": changes.added.to_pylist(),
            "removed": changes.removed.to_pylist(),
            "changed": changes.changed.to_pylist(),
        },
        indent=2,
        ensure_ascii=False,
    )


def _print_csv(changes: Changes) -> None:
    import pyarrow as pa

    from exporter.snapshot_store.writer import csv_text
    from jobs.support.table_output import print_bytes

    kinds = (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed))
    names = ["change", "campaign_id", "name", "column", "old", "new"]
    print_bytes((",".join(names) + "\n").encode())
    for kind, rows in kinds:
        columns = [
            pa.array([kind] * rows.num_rows, pa.string())
            if name == "change"
            else rows.column(name)
            if name in rows.schema.names
            else pa.nulls(rows.num_rows, pa.string())
            for name in names
        ]
        if rows.num_rows:
            print_bytes(csv_text(pa.Table.from_arrays(columns, names=names)))


def _print_grouped(changes: Changes) -> None:
    """What was added, removed and changed, a campaign a line and its changes below it."""
    from itertools import groupby, islice
    from operator import itemgetter

    from exporter.snapshot_store.diff import spoken
    from exporter.tables.columns import CAMPAIGNS
    from jobs.support.table_output import Lines

    lines = Lines()
    lines.line(
        f"{changes.old} → {changes.new}: {changes.added.num_rows:,} added, {changes.removed.num_rows:,} removed, "
        f"{changes.campaigns:,} changed"
    )
    for title, rows, sign, style in (("added", changes.added, "+", "green"), ("removed", changes.removed, "-", "red")):
        if rows.num_rows:
            lines.heading(title)
            for row in rows.slice(0, MOST_ROWS).to_pylist():
                lines.campaign(sign, row["campaign_id"], row["name"] or "", style)
            _print_rest(lines, rows.num_rows - MOST_ROWS, title)
    if changes.changed.num_rows:
        lines.heading("changed")
        # A row is a changed value: take as many rows as so many campaigns could need, not all.
        rows = changes.changed.slice(0, MOST_ROWS * len(CAMPAIGNS)).to_pylist()
        for (campaign_id, name), cells in islice(groupby(rows, key=itemgetter("campaign_id", "name")), MOST_ROWS):
            lines.campaign("~", campaign_id, name or "", "yellow")
            for cell in cells:
                lines.change(*spoken(cell["column"], cell["old"], cell["new"]))
        _print_rest(lines, changes.campaigns - MOST_ROWS, "changed")


def _print_rest(lines: Lines, number: int, what: str) -> None:
    if number > 0:
        lines.line(f"… and {number:,} more {what}; --format csv shows all", "dim")
