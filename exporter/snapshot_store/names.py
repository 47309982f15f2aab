"""Names of snapshots and of the files in them: the words of the layout, each stated once."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Literal

from exporter.options import OutputFormat
from exporter.tables.columns import TableName

PREFIX = "snapshot="
"""A hive partition: readers of a whole destination get the snapshot as a column."""

MANIFEST = "manifest.json"
FileFormat = Literal["parquet", "csv"]

_ID = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z")
_FORM = "%Y%m%dT%H%M%SZ"


def snapshot_id(seconds: float) -> str:
    """The ID of a snapshot whose run began then: `20261123T020000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORM)


def next_id(taken: str) -> str:
    """The ID one second later, for when two runs began within one."""
    return (began_at(taken) + timedelta(seconds=1)).strftime(_FORM)


def free_id(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the next ID that is not taken."""
    while wanted in taken:
        wanted = next_id(wanted)
    return wanted


def began_at(snapshot: str) -> datetime:
    """When the run of a snapshot began. Raises `ValueError`."""
    return datetime.strptime(snapshot, _FORM).replace(tzinfo=UTC)


def is_snapshot_id(text: str) -> bool:
    """Whether a text has the form of an ID."""
    if not _ID.fullmatch(text):
        return False
    try:
        began_at(text)
    except ValueError:
        return False
    return True


def folder_name(snapshot: str) -> str:
    """`snapshot=20261123T020000Z`."""
    return PREFIX + snapshot


def file_name(table: TableName, form: FileFormat) -> str:
    """`campaigns.parquet`."""
    return f"{table}.{form}"


def file_formats(table: TableName, output_format: OutputFormat) -> tuple[FileFormat, ...]:
    """The formats in which a table is written."""
    if table == "responses":
        return ("parquet",)
    return ("parquet", "csv") if output_format == "both" else (output_format,)


TABLE_FILES: tuple[TableName, ...] = ("campaigns", "calling_windows", "responses", "failures")
OUR_FILES = frozenset([MANIFEST, *(file_name(table, form) for table in TABLE_FILES for form in ("parquet", "csv"))])
"""All that a snapshot of ours can hold; a folder with anything else in it is never removed."""
