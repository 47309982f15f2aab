"""Names of snapshots and of the files in them: the words of the layout, each stated once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from exporter.model import TableName
from exporter.options import SnapshotFormat
from exporter.units import first_of

PREFIX = "snapshot="
"""A hive partition: readers of a whole destination get the snapshot as a column."""

MANIFEST = "manifest.json"
FileFormat = Literal["parquet", "csv"]
_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

_FORM = "%Y%m%dT%H%M%SZ"

CLOCK_SLACK = timedelta(minutes=10)
"""By how much the clocks of two machines may differ."""

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any version of the program: the clock of a machine that had not set it yet."""


def snapshot_id(seconds: float) -> str:
    """The ID of a snapshot whose run began then: `20261123T020000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORM)


def free_id(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the next ID that is not taken: that of a second later."""
    while wanted in taken:
        wanted = snapshot_id(began_at(wanted).timestamp() + 1)
    return wanted


def began_at(snapshot: str) -> datetime:
    """When the run of a snapshot began. Raises `ValueError`."""
    return datetime.strptime(snapshot, _FORM).replace(tzinfo=UTC)


def is_misdated(snapshot: str, now: float) -> bool:
    """Whether an ID is of the future, or older than the program: of a clock that was wrong. `now`: since 1970."""
    return not EARLIEST <= began_at(snapshot) <= datetime.fromtimestamp(now, UTC) + CLOCK_SLACK


def is_snapshot_id(text: str) -> bool:
    """Whether a text has the form of an ID."""
    try:
        return began_at(text).strftime(_FORM) == text  # strptime alone takes months and days of one digit, too
    except ValueError:
        return False


def folder_name(snapshot: str) -> str:
    """`snapshot=20261123T020000Z`."""
    return PREFIX + snapshot


def file_name(table: TableName, file_format: FileFormat) -> str:
    """`campaigns.parquet`."""
    return f"{table}.{file_format}"


def file_formats(table: TableName, output_format: SnapshotFormat) -> tuple[FileFormat, ...]:
    """The formats in which a table is written."""
    if table == "responses":
        return ("parquet",)
    return _FORMATS if output_format == "both" else (output_format,)


TABLE_FILES: tuple[TableName, ...] = ("responses", "failures", "calling_windows", "campaigns")
"""In the order in which they are completed: where the campaigns are, the rest is."""

REMOVAL_ORDER = (MANIFEST, *(file_name(table, file_format) for table in TABLE_FILES[::-1] for file_format in _FORMATS))
OUR_FILES = frozenset(REMOVAL_ORDER)
"""All that a snapshot of ours can hold; a folder with anything else in it is never removed."""


def misdated_notices(places: Sequence[str]) -> list[str]:
    """What to say of snapshots that began under a wrong clock: nothing, or one sentence that names three at most."""
    if not places:
        return []
    return [f"{first_of(places, 3)}: began under a wrong clock, so neither latest nor base"]
