"""Output formats: which each command has, and how rows are written in one to the terminal, a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from exporter.errors import InputError
from exporter.json_text import dumps
from jobs.support.declare_option import Decorator, option
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import check_output
from jobs.support.param_types import OUTPUT_FILE
from jobs.support.standard_streams import print_bytes
from jobs.support.terminal_tables import print_table, table_text

with lazy_imports(__name__):
    import pyarrow as pa

    from exporter.files import replace_file
    from exporter.snapshot_store.writer import csv_column, csv_header, csv_text, json_rows, minutes_text, parquet_bytes

ROW_FORMATS = ("table", "csv", "json", "jsonl", "parquet")


def format_option(*formats: str) -> Decorator:
    """`--format` of a command, its usual one first. Those of a snapshot are in `jobs.support.options`."""
    return option("--format", "form", type=click.Choice(formats), default=formats[0], help="Output format.")


ROW_FORMAT: Decorator = option(
    "--format",
    "form",
    type=click.Choice(ROW_FORMATS),
    help="Output format.  [default: table on a terminal, csv in a pipe]",
)
OUTPUT: Decorator = option(
    "-o",
    "--output",
    type=OUTPUT_FILE,
    help="Write to FILE, atomically. Its ending chooses the format; CSV, where it names none.",
)


def choose_format(form: str | None, output: str | None) -> str:
    """The format asked for, else that of the file's ending, else by where the output goes. Raises `InputError`."""
    ending = Path(output).suffix.lower().removeprefix(".") if output is not None else ""
    check_output(output, *(ROW_FORMATS if form is None else ()))
    if form is not None:
        if form == "parquet" and output is None and sys.stdout.isatty():
            raise InputError("--format parquet is not for a terminal: add -o FILE, or send it into a pipe.")
        return form
    if ending in ROW_FORMATS:
        return ending
    return "table" if output is None and sys.stdout.isatty() else "csv"


def write_rows(
    rows: pa.Table,
    form: str,
    output: str | None = None,
    *,
    excel_safe: bool = False,
    shown: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> None:
    """Write `rows` to a file, or to standard output.

    `shown`: the columns of the table on a terminal, else all. `optional`: those that a narrow one can do without.
    """
    if form == "table" and output is None:
        names = list(shown) or rows.schema.names
        print_table(names, text_rows(rows.select(names)), optional=[name for name in optional if name in names])
    else:
        write_output(render(rows, form, excel_safe=excel_safe), output)


def write_output(data: bytes, output: str | None) -> None:
    """Write to the file that `-o` names, atomically, or to standard output. Raises `StorageFailed`."""
    if output is None:
        print_bytes(data)
    else:
        replace_file(Path(output), data)


def render(rows: pa.Table, form: str, *, excel_safe: bool = False) -> bytes:
    """Rows in a format, as bytes."""
    if form == "table":
        return table_text(rows.schema.names, text_rows(rows)).encode()
    if form == "parquet":
        return parquet_bytes(rows)
    if form == "csv":
        return csv_header(rows.schema.names, excel_safe=excel_safe) + csv_text(rows, excel_safe=excel_safe)
    objects = json_rows(rows)
    if form == "jsonl":
        return "".join(dumps(row) + "\n" for row in objects).encode()
    return ("[" + ",\n ".join(dumps(row) for row in objects) + "]\n").encode()


def text_rows(rows: pa.Table) -> list[list[str]]:
    """Cells as the terminal shows them."""
    columns = [_shown(column).to_pylist() for column in rows.columns]
    words = {None: "", True: "true", False: "false"}
    return [
        [words[cell] if cell is None or isinstance(cell, bool) else str(cell) for cell in row]
        for row in zip(*columns, strict=True)
    ]


def _shown(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times to the minute: what is finer is for files."""
    return minutes_text(column) if str(column.type).startswith("timestamp") else csv_column(column)
