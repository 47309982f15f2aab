"""`campaign-export pull`: some campaigns, at once."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import Any

import click
import msgspec

from exporter.errors import ExportError, InputError
from exporter.events import Warned
from exporter.model import ROW_TABLES
from jobs.support.command import is_typed, job, option, read_all, take_settings
from jobs.support.event_console import Console
from jobs.support.exit_codes import ASKING, exit_code
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import (
    EXCEL_SAFE,
    IDS_COLUMN,
    IDS_DELIMITER,
    interactive_fetch_options,
    read_ids_at,
    take_fetch_options,
)
from jobs.support.output_formats import OUTPUT, ROW_FORMAT, choose_format, write_rows
from jobs.support.param_types import COLUMNS, choose_columns
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.ids.ids_file import CampaignIds, ids_of
    from exporter.pipeline.pull_to_memory import Pulled, pull_campaigns
    from exporter.tables.arrow_schemas import schema_of

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
    codes={**ASKING, 0: "every ID gave its campaign", 1: "some IDs gave nothing; stderr names them"},
)
@click.argument("ids", nargs=-1, required=True, metavar="ID_OR_FILE...")
@ROW_FORMAT
@OUTPUT
@EXCEL_SAFE
@option(
    "--columns", type=COLUMNS, help="Columns to print beside the ID, separated by commas; calling_hours_* is a pattern."
)
@option("--table", type=click.Choice(ROW_TABLES), default="campaigns", help="Table to print.")
@IDS_COLUMN
@IDS_DELIMITER
@interactive_fetch_options
def command(console: Console, ids: tuple[str, ...], **options: Any) -> int:
    """Fetch some campaigns to the terminal, a file or a pipe.

    ID_OR_FILE is a campaign ID, a CSV file of them, or - for standard input. Within the default rate limit up to 60 are
    fetched at once.
    """
    table, columns, output = options.pop("table"), options.pop("columns"), options.pop("output")
    form, excel_safe = options.pop("form"), options.pop("excel_safe")
    id_column, delimiter = options.pop("id_column"), options.pop("delimiter")
    settings, wanted, form, columns = read_all(
        lambda: take_settings(options),
        lambda: read_arguments(ids, id_column, delimiter),
        lambda: choose_format(form, output),
        lambda: choose_columns("--columns", columns, schema_of(table).names, first="campaign_id"),
    )
    fetch = take_fetch_options(options, settings)

    for warning in wanted.warnings:
        console.emit(Warned(warning))
    with console.tracking(fetch, len(wanted.ids)) if len(wanted.ids) >= PROGRESS_FROM else nullcontext():
        pulled = run_until_stopped(
            lambda stop: pull_campaigns(
                wanted, settings=settings, fetch=fetch, clock=SystemClock(), emit=console.emit, stop=stop
            ),
            resumes=False,
        )
    if pulled.error is not None and not (pulled.responses or pulled.failures):
        text = f"nothing had come; {_missing(pulled)}"
        console.trouble(text, event="missing", exit_code=exit_code(pulled.error), campaign_ids=pulled.missing)
        raise pulled.error
    rows = pulled.table(table).select(list(columns or schema_of(table).names))
    shown, optional = ((), ()) if columns else (SHOWN[table], LEFT_OUT[table])
    write_rows(rows, form, output, excel_safe=excel_safe, shown=shown, optional=optional)
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


def _missing(pulled: Pulled) -> str:
    named = ", ".join(pulled.missing[:NAMED]) + (", …" if len(pulled.missing) > NAMED else "")
    return f"missing are {len(pulled.missing):,}: {named}"


def _ended_early(console: Console, pulled: Pulled, error: ExportError) -> int:
    """Name what is missing beside what was printed; the exit code is that of the error."""
    code = exit_code(error)
    reason = str(error).partition(". ")[0].rstrip(".")
    missing = f"What had come is printed; {_missing(pulled)}"
    console.trouble(
        f"{reason}. {missing if pulled.missing else 'All had come, and is printed.'}",
        event="missing",
        exit_code=code,
        campaign_ids=pulled.missing,
    )
    return code


def read_arguments(arguments: tuple[str, ...], column: str | None, delimiter: str | None) -> CampaignIds:
    """The IDs of all arguments, in their order. Raises `InputError` with all problems."""

    def read(argument: str) -> CampaignIds:
        if _is_file(argument):
            return read_ids_at(argument, column, delimiter)
        return ids_of([argument], source=f"ID_OR_FILE {argument[:60]!r}")

    idle = [] if any(map(_is_file, arguments)) else [name for name in ("id_column", "delimiter") if is_typed(name)]
    if idle:
        names = (name.replace("_", "-") for name in idle)
        raise InputError([f"--{name} is about a file of IDs, and no ID_OR_FILE is one." for name in names])
    parts = read_all(*(partial(read, argument) for argument in arguments if argument.strip()))
    ids = [campaign_id for part in parts for campaign_id in part.ids.to_pylist()]
    warnings = [warning for part in parts for warning in part.warnings]
    return msgspec.structs.replace(ids_of(ids, source="ID_OR_FILE"), warnings=tuple(warnings))


def _is_file(argument: str) -> bool:
    # Path.is_file raises where an ID is longer than any file's name.
    return argument == "-" or argument.lower().endswith((".csv", ".tsv", ".txt")) or os.path.isfile(argument)  # noqa: PTH113
