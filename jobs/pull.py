"""`campaign-export pull`: some campaigns, at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from exporter.errors import ExportError, IdsError, InputError
from exporter.events import Warned
from jobs.support.command import every_fault, job, option, take_settings
from jobs.support.exit_codes import exit_code
from jobs.support.options import (
    IDS_COLUMN,
    IDS_DELIMITER,
    check_output,
    interactive_fetch_options,
    settings_options,
    take_fetch_options,
)
from jobs.support.param_types import COLUMNS, check_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from exporter.ids.campaign_ids import CampaignIds
    from exporter.pipeline.pull import Pulled
    from exporter.stop import Stop
    from jobs.support.console import Console

FORMATS = ("table", "csv", "json", "jsonl", "parquet")
SHOWN = {
    "campaigns": ("campaign_id", "campaign_type", "name", "status", "priority", "calling_hours_timezone", "updated_at"),
    "calling_windows": ("campaign_id", "name", "day", "start_time", "end_time", "timezone", "crosses_midnight"),
}
"""The columns of the table on a terminal, where none are named."""

LEFT_OUT = {
    "campaigns": ("campaign_type", "priority", "updated_at", "calling_hours_timezone"),
    "calling_windows": ("crosses_midnight", "timezone", "name"),
}
"""Of these the table leaves out, in this order, what does not fit, so that whole IDs do."""

NAMED = 10
"""Missing IDs that are named where the fetch ended early."""

PROGRESS_FROM = 10
"""IDs from which progress is shown."""


@job(
    "pull",
    example="campaign-export pull cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55 --columns name,status",
    codes={
        0: "every ID gave its campaign",
        1: "some IDs gave nothing; they are told",
        2: "wrong usage, settings or input; nothing done",
        3: "credentials refused",
        4: "the service is down, or --max-duration has passed",
        130: "stopped by SIGINT (Ctrl-C)",
        143: "stopped by SIGTERM",
    },
)
@click.argument("ids", nargs=-1, required=True, metavar="ID_OR_FILE...")
@option("--format", "form", type=click.Choice(FORMATS), help="[default: table on a terminal, csv in a pipe]")
@option("-o", "--output", metavar="FILE", help="Write there, at once; its ending tells the format.")
@option("--columns", type=COLUMNS, help="Only these columns, with commas between.")
@option(
    "--table",
    type=click.Choice(["campaigns", "calling_windows"]),
    default="campaigns",
    show_default=True,
    help="Which rows.",
)
@IDS_COLUMN
@IDS_DELIMITER
@interactive_fetch_options
@settings_options
def command(console: Console, ids: tuple[str, ...], **options: Any) -> int:
    """Fetch some campaigns to the terminal, a file or a pipe.

    ID_OR_FILE is a campaign ID, a CSV file of them, or - for standard input. Within the default limit up to 60 come at
    once.
    """
    from exporter.clock import SystemClock
    from exporter.pipeline.pull import pull_campaigns
    from exporter.ratelimit.estimate import shared
    from exporter.tables.arrow import schema_of
    from jobs.support.signals import run_until_stopped

    table, columns, output = options.pop("table"), options.pop("columns"), options.pop("output")
    form, id_column, delimiter = options.pop("form"), options.pop("id_column"), options.pop("delimiter")
    settings, wanted, form, _ = every_fault(
        lambda: take_settings(options),
        lambda: read_arguments(ids, id_column, delimiter),
        lambda: choose_format(form, output),
        lambda: _refuse(check_columns("--columns", columns, schema_of(table).names)),
    )
    fetch = take_fetch_options(options, settings)

    for warning in wanted.warnings:
        console.emit(Warned(warning))

    async def main(stop: Stop) -> Pulled:
        return await pull_campaigns(
            wanted, settings=settings, fetch=fetch, clock=SystemClock(), emit=console.emit, stop=stop
        )

    if len(wanted.ids) >= PROGRESS_FROM:
        console.track_all(len(wanted.ids), shared(fetch.rates, fetch.rate_share))
    try:
        pulled = run_until_stopped(main)
    finally:
        console.close()
    if pulled.error is not None and not (pulled.responses or pulled.failures):
        raise pulled.error
    _write(pulled.table(table), form, output, columns or (SHOWN[table] if form == "table" else None))
    for failure in pulled.failures:
        console.trouble(
            f"{failure.campaign_id}: {failure.outcome.replace('_', ' ')} ({failure.error})",
            event="settled",
            campaign_id=failure.campaign_id,
            outcome=failure.outcome,
            error=failure.error,
        )
    if pulled.error is not None:
        return _ended_early(console, pulled, pulled.error)
    return 1 if pulled.failures else 0


def _ended_early(console: Console, pulled: Pulled, error: ExportError) -> int:
    """Name what is missing beside what was printed; the exit code is that of the error."""
    named = ", ".join(pulled.missing[:NAMED]) + (", …" if len(pulled.missing) > NAMED else "")
    code = exit_code(error)
    reason = str(error).partition(". ")[0]
    console.trouble(
        f"{reason}. What had come is printed; missing are {len(pulled.missing):,}: {named}",
        event="missing",
        exit_code=code,
        campaign_ids=pulled.missing,
    )
    return code


def read_arguments(arguments: tuple[str, ...], column: str | None, delimiter: str | None) -> CampaignIds:
    """The IDs of all arguments, in their order. Raises `IdsError` with all faults."""
    from exporter.ids.campaign_ids import ids_of, read_ids

    ids: list[str] = []
    warnings: list[str] = []
    problems: list[str] = []
    for argument in arguments:
        try:
            if argument == "-":
                read = read_ids(sys.stdin.buffer, column=column, delimiter=delimiter, name="standard input")
            elif argument.lower().endswith((".csv", ".tsv", ".txt")) or _is_file(argument):
                read = read_ids(argument, column=column, delimiter=delimiter)
            elif argument.strip():
                read = ids_of([argument], source=f"ID_OR_FILE {argument[:60]!r}")
            else:
                continue
            ids.extend(read.ids.to_pylist())
            warnings.extend(read.warnings)
        except IdsError as error:
            problems.extend(error.problems)
    if problems:
        raise IdsError(problems)
    return msgspec.structs.replace(ids_of(ids, source="ID_OR_FILE"), warnings=tuple(warnings))


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):  # an ID may be longer than any file's name, or hold what none can
        return False


def choose_format(form: str | None, output: str | None) -> str:
    """The format asked for, else that of the file's ending, else by where the output goes. Raises `InputError`."""
    ending = Path(output).suffix.lower().removeprefix(".") if output is not None else ""
    check_output(output)
    if form is not None:
        if form == "parquet" and output is None and sys.stdout.isatty():
            raise InputError("--format parquet is not for a terminal: add -o FILE, or send it into a pipe.")
        return form
    if ending in FORMATS:
        return ending
    return "table" if output is None and sys.stdout.isatty() else "csv"


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(problems)


def _write(rows: pa.Table, form: str, output: str | None, columns: tuple[str, ...] | None) -> None:
    from exporter.files import replace_file
    from jobs.support.table_output import print_bytes, print_table, table_text

    if columns is not None:
        rows = rows.select(list(columns))
    if form == "table" and output is None:
        usual = next((table for table, names in SHOWN.items() if rows.schema.names == list(names)), None)
        print_table(None, rows.schema.names, text_rows(rows), optional=LEFT_OUT[usual] if usual else ())
        return
    data = table_text(rows.schema.names, text_rows(rows)).encode() if form == "table" else render(rows, form)
    if output is None:
        print_bytes(data)
        return
    replace_file(Path(output), data)


def text_rows(rows: pa.Table) -> list[list[str]]:
    """Cells as the terminal shows them."""
    from exporter.snapshot_store.writer import csv_column

    columns = [csv_column(column).to_pylist() for column in rows.columns]
    words = {None: "", True: "true", False: "false"}
    return [
        [words[cell] if cell is None or isinstance(cell, bool) else str(cell) for cell in row]
        for row in zip(*columns, strict=True)
    ]


def render(rows: pa.Table, form: str) -> bytes:
    """Rows in a format, as bytes."""
    from exporter.snapshot_store.writer import csv_text, json_rows, parquet_bytes
    from exporter.text import dumps

    if form == "parquet":
        return parquet_bytes(rows)
    if form == "csv":
        return (",".join(rows.schema.names) + "\n").encode() + csv_text(rows)
    objects = json_rows(rows)
    if form == "jsonl":
        return "".join(dumps(row) + "\n" for row in objects).encode()
    return ("[" + ",\n ".join(dumps(row) for row in objects) + "]\n").encode()
