"""`campaign-export snapshots`: what is published in a destination."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from exporter.units import format_size
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.exit_codes import READING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import ACCOUNT
from jobs.support.output_formats import format_option
from jobs.support.standard_streams import print_bytes
from jobs.support.terminal_tables import print_table

with lazy_imports(__name__):
    from exporter.snapshot_store.catalog import SnapshotInfo, read_catalog
    from exporter.snapshot_store.choose_account_and_snapshot import Account, account_of, snapshots_of_account
    from exporter.snapshot_store.names import misdated_notices
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.verify import missing_files

TABLE = ("snapshot", "started_at", "campaigns", "failures", "not_found", "mode", "size")
COLUMNS = (*TABLE, "account", "problem")


@job(
    "snapshots",
    example="campaign-export snapshots exports",
    codes={**READING, 0: "listed", 2: "wrong usage, no such place, or --latest of nothing"},
)
@click.argument("dest")
@format_option("table", "csv", "json")
@option("--latest", is_flag=True, help="Print only the path of the newest snapshot, for scripts.")
@ACCOUNT
def command(console: Console, dest: str, form: str, latest: bool, account: str | None) -> int:
    """List the snapshots of a destination: ID, time, rows, failures, mode, size. Damaged ones are listed too.

    A snapshot is damaged if its manifest cannot be read, or if a file is missing or has another size; if this user may
    not read it, it is told as not readable. `verify` checks the contents of the files.
    """
    destination = open_destination(dest)
    if latest:
        chosen = snapshots_of_account(destination, time.time(), account=account)
        console.notices(chosen.notices)
        print_bytes(os.fsencode(f"{chosen.snapshots[-1].where}\n"))
        return 0
    catalog = read_catalog(destination)
    infos = list(catalog.snapshots)
    if account is not None:
        wanted = snapshots_of_account(destination, time.time(), catalog, account=account).account
        infos = [info for info in infos if account_of(info.manifest) == wanted]
    console.notices(misdated_notices([info.where for info in infos if info.is_misdated(time.time())]))
    problems = destination.of_each(partial(missing_files, destination), infos)
    rows = [_row(info, account_of(info.manifest), problem) for info, problem in zip(infos, problems, strict=True)]
    nothing = dict.fromkeys(COLUMNS)
    rows += [{**nothing, "snapshot": each.snapshot_id, "problem": each.problem} for each in catalog.damaged]
    rows.sort(key=lambda row: str(row["snapshot"]))
    if not rows:
        destination.check_is_root()
        console.say(f"there is no snapshot in {destination.shown}", event="empty")
    verdicts = {each.snapshot_id: each.verdict for each in catalog.damaged}
    for row in rows:
        if row["problem"]:
            verdict = verdicts.setdefault(row["snapshot"], "damaged")
            console.trouble(f"{verdict}: {row['problem']}", event=verdict.replace(" ", "_"), snapshot=row["snapshot"])
    _print(rows, form, verdicts)
    return 0


def _row(info: SnapshotInfo, account: Account, problems: list[str]) -> dict[str, Any]:
    counts = info.manifest.counts
    return {
        "snapshot": info.snapshot_id,
        "started_at": info.manifest.started_at,
        "campaigns": counts.ok,
        "failures": counts.failures,
        "not_found": counts.not_found,
        "mode": info.manifest.mode,
        "size": info.manifest.size,
        "account": str(account),
        "problem": f"{info.where}: {'; '.join(problems)}" if problems else None,
    }


def _print(rows: list[dict[str, Any]], form: str, verdicts: Mapping[str, str]) -> None:
    if form == "json":
        print_bytes(json.dumps(rows, indent=2, ensure_ascii=False).encode() + b"\n")
    elif form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        print_bytes(text.getvalue().encode())
    elif rows:
        several = len({row["account"] for row in rows if row["account"]}) > 1
        columns = (*TABLE, "account") if several else TABLE
        print_table(
            columns,
            [[_cell(row, column, verdicts) for column in columns] for row in rows],
            right=("campaigns", "failures", "not_found", "size"),
            whole=("snapshot", "campaigns", "failures"),
            optional=("started_at", "mode", "not_found", "size"),
        )


def _cell(row: dict[str, Any], column: str, verdicts: Mapping[str, str]) -> str:
    value = row[column]
    if column == "mode" and row["problem"]:
        return verdicts[row["snapshot"]]
    if value is None:
        return ""
    if column == "started_at":
        return str(value)[:16].replace("T", " ")
    if column == "size":
        return format_size(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
