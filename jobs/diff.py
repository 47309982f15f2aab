"""`campaign-export diff`: what changed between two snapshots."""

from __future__ import annotations

import json
import time
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import click

from exporter.errors import DestinationError, InputError
from jobs.support.command import job, option, read_all
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT, EXCEL_SAFE
from jobs.support.output_formats import format_option, write_rows
from jobs.support.param_types import COLUMNS, choose_columns
from jobs.support.standard_streams import print_bytes
from jobs.support.terminal_tables import DiffLines

with lazy_imports(__name__):
    from exporter.snapshot_store.catalog import read_manifest
    from exporter.snapshot_store.cell_comparison import NOT_COMPARED
    from exporter.snapshot_store.choose_account_and_snapshot import account_of, find, snapshots_of_account
    from exporter.snapshot_store.destination import Destination
    from exporter.snapshot_store.diff import Changes, all_changes, changes_between, spoken
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.tables.arrow_schemas import schema_of

MOST_ROWS = 200
"""Campaigns of each kind that the table shows; csv and json have them all."""


@job(
    "diff",
    example="campaign-export diff exports --ignore total_messages_sent",
    codes={**READING, 0: "compared", 1: "with --exit-code: there are differences"},
)
@click.argument("dest")
@click.argument("old", required=False)
@click.argument("new", required=False)
@format_option("table", "csv", "json")
@EXCEL_SAFE
@option("--columns", type=COLUMNS, help="Compare only these columns, separated by commas.")
@option("--ignore", type=COLUMNS, help="Do not compare these columns.")
@ACCOUNT
@option("--exit-code", is_flag=True, help="Exit with 1 when there are differences.")
def command(
    console: Console,
    dest: str,
    old: str | None,
    new: str | None,
    form: str,
    excel_safe: bool,
    columns: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    account: str | None,
    exit_code: bool,
) -> int:
    """Show what changed between two snapshots: by default the last two of the account.

    With OLD alone, OLD is compared with the latest. Fetch times, the order of keys and equal numbers that are written
    differently are ignored. A list in another order is shown, with the note "order".
    """
    known = schema_of("campaigns").names
    compared, ignored = read_all(
        lambda: choose_columns("--columns", columns, known), lambda: choose_columns("--ignore", ignore, known)
    )
    if NOT_COMPARED.issuperset({*(compared or known)}.difference(ignored)):
        raise InputError(
            "no column is left to compare: the ID, and when and from where a campaign came, are never compared, nor is "
            "what --ignore names."
        )
    destination = open_destination(dest)
    before, after = _choose(console, destination, old, new, account)
    changes = changes_between(destination, before, after, columns=compared, ignore=ignored)
    if changes.not_compared:
        console.say(
            f"not compared, as one of the two made no list pass: {', '.join(changes.not_compared)}",
            event="not_compared",
            columns=changes.not_compared,
        )
    if changes.not_fetched:
        console.say(
            f"campaigns that are in one of the two and could not be fetched for the other: {changes.not_fetched:,}",
            event="not_fetched",
            campaigns=changes.not_fetched,
        )
    if form == "json":
        print_bytes(_json(changes).encode() + b"\n")
    elif form == "csv":
        write_rows(all_changes(changes), "csv", excel_safe=excel_safe)
    else:
        _print_grouped(changes)
    return 1 if exit_code and changes.any else 0


def _choose(
    console: Console, destination: Destination, old: str | None, new: str | None, account: str | None
) -> tuple[str, str]:
    """The two snapshots. Raises `DestinationError`."""
    named = find(destination, old) if old is not None else None
    chosen = snapshots_of_account(destination, time.time(), account=account, snapshot=named)
    console.notices(chosen.notices)
    ids = [info.snapshot_id for info in chosen.snapshots]
    if named is None and len(ids) < 2:
        number = len(ids) or "none"
        raise DestinationError(f"{destination.shown}: it takes two snapshots to compare, and there is {number}.")
    before = named if named is not None else ids[-2]
    after = find(destination, new) if new is not None else ids[-1]
    other = account_of(read_manifest(destination, after))
    if other != chosen.account:
        console.trouble(f"{before} is of account {chosen.account}, {after} of {other}", event="two_accounts")
    return before, after


def _json(changes: Changes) -> str:
    rows: dict[str, Any] = {kind: getattr(changes, kind).to_pylist() for kind in ("added", "removed", "changed")}
    more = {"not_compared": changes.not_compared, "not_fetched": changes.not_fetched}
    return json.dumps({"old": changes.old, "new": changes.new, **rows, **more}, indent=2, ensure_ascii=False)


def _print_grouped(changes: Changes) -> None:
    """What was added, removed and changed, a campaign a line and its changes below it."""
    lines = DiffLines()
    lines.whole(
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
        # A row is a changed value: take as many as MOST_ROWS campaigns could need, not all.
        rows = changes.changed.slice(0, MOST_ROWS * len(schema_of("campaigns"))).to_pylist()
        for (campaign_id, name), cells in islice(groupby(rows, key=itemgetter("campaign_id", "name")), MOST_ROWS):
            lines.campaign("~", campaign_id, name or "", "yellow")
            for cell in cells:
                lines.change(*spoken(cell))
        _print_rest(lines, changes.campaigns - MOST_ROWS, "changed")


def _print_rest(lines: DiffLines, number: int, what: str) -> None:
    if number > 0:
        lines.line(f"… and {number:,} more {what}; --format csv shows all", "dim")
