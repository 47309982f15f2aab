"""The tables of a published snapshot, read again."""

from __future__ import annotations

import codecs
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from exporter.model import CampaignResponse, Failure, TableName
from exporter.snapshot_store.catalog import read_manifest
from exporter.snapshot_store.choose_account_and_snapshot import find
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import file_name
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.writer import without_excel_safe
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.columns import SCHEMA_VERSION, TABLES
from exporter.tables.flatten import BLOCK_ROWS, flatten
from exporter.tables.timestamps import check_years

if TYPE_CHECKING:
    import pandas as pd

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


def read_snapshot(
    dest: str | os.PathLike[str],
    snapshot: str | os.PathLike[str] = "latest",
    table: TableName = "campaigns",
    *,
    columns: Iterable[str] | None = None,
    account: str | None = None,
) -> pd.DataFrame:
    """A table of a snapshot as a pandas DataFrame with Arrow-backed columns, so that integers stay integers.

    `dest`: a folder or a URL. `snapshot`: an ID, a path as `snapshots` names it, or `latest`. `table`: `campaigns`,
    `calling_windows`, `responses` or `failures`. `columns`: only these. `account`: in a destination of several
    accounts, the one whose latest snapshot is meant; else the account of the newest. Raises `DestinationError` when
    there is no such snapshot or it cannot be read, `ValueError` when there is no such table or column, `TypeError` when
    `snapshot` or `columns` is of another kind.

    >>> from exporter import read_snapshot
    >>> campaigns = read_snapshot("exports")  # doctest: +SKIP
    >>> campaigns.groupby("campaign_type").size().to_dict()  # doctest: +SKIP
    {'sms': 3}
    """
    if table not in TABLES:
        raise ValueError(f"there is no table {table!r}; there are: {', '.join(TABLES)}")
    wanted = names_given(columns)
    check_columns(table, wanted or ())
    try:
        named = os.fspath(snapshot)
    except TypeError:
        kind = type(snapshot).__name__
        raise TypeError(f"snapshot is of type {kind}: give an ID (its snapshot_id), a path or 'latest'") from None
    destination = open_destination(dest)
    return to_frame(read_table(destination, find(destination, named, account=account), table, wanted))


def names_given(columns: Iterable[str] | None) -> list[str] | None:
    """Names of columns, which may be such as can be read only once. Raises `TypeError` where they are one text."""
    if isinstance(columns, str):
        raise TypeError(f"columns={columns!r} is one text: give a list, columns=[{columns!r}]")
    return None if columns is None else list(columns)


def check_columns(table: TableName, columns: Collection[str]) -> None:
    """Raise `ValueError` where the table has not all of these columns."""
    known = schema_of(table).names
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(map(repr, unknown))}; it has: {', '.join(known)}")


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A pandas DataFrame with Arrow-backed columns."""
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def read_table(
    destination: Destination,
    snapshot: str,
    table: TableName,
    columns: Sequence[str] | None = None,
    *,
    manifest: Manifest | None = None,
) -> pa.Table:
    """A table of a snapshot with today's columns, or only some of them. Raises `DestinationError`.

    One that an older version of the program wrote, or that is there only as CSV, is made again from the stored
    responses. `manifest`: of the snapshot, where it was read before.
    """
    manifest = manifest or read_manifest(destination, snapshot)
    name = file_name(table, "parquet")
    if table in ("campaigns", "calling_windows") and not _is_as_today(manifest, table):
        rows = _flattened(destination, snapshot, table, manifest)
    elif table == "failures" and name not in manifest.files:
        rows = _read_failures_csv(destination, snapshot, manifest)
    else:
        with destination.open_file(snapshot, name) as file:
            opened = pq.ParquetFile(file)
            names = _readable_columns(opened.schema_arrow, table, manifest)
            wanted = [name for name in schema_of(table).names if columns is None or name in columns]
            rows = opened.read([name for name in names if name in wanted])
            rows = _with_columns(_sound(rows, table), table, wanted)
    return rows if columns is None else rows.select(list(columns))


class ColumnsOfFile(msgspec.Struct, frozen=True):
    """A table whose columns are read when they are asked for, as those of a `pyarrow.Table`."""

    file: pq.ParquetFile
    table: TableName
    name: str
    destination: Destination

    @property
    def schema(self) -> pa.Schema:
        """Names and types."""
        return self.file.schema_arrow

    def column(self, name: str) -> pa.ChunkedArray:
        """One column. Raises `DestinationError`, `StorageFailed`."""
        with self.destination.reading(self.name):
            return _sound(self.file.read([name]), self.table).column(0)


Columns: TypeAlias = pa.Table | ColumnsOfFile


@contextmanager
def open_columns(destination: Destination, snapshot: str, table: TableName) -> Iterator[Columns]:
    """As `read_table`, a column at a time, so that a large snapshot need not fit into memory."""
    manifest = read_manifest(destination, snapshot)
    if not _is_as_today(manifest, table):
        yield read_table(destination, snapshot, table, manifest=manifest)
        return
    name = file_name(table, "parquet")
    where = f"{destination.where(snapshot)}/{name}"
    with destination.reading(where):
        file = destination.open_input(snapshot, name)
    try:
        with destination.reading(where):
            opened = pq.ParquetFile(file)
            _readable_columns(opened.schema_arrow, table, manifest)
        yield ColumnsOfFile(opened, table, where, destination)
    finally:
        with destination.reading(where):
            file.close()


def _is_as_today(manifest: Manifest, table: TableName) -> bool:
    """Whether a table is there as a Parquet file with today's columns."""
    return file_name(table, "parquet") in manifest.files and manifest.schema_version == SCHEMA_VERSION


def read_responses(
    destination: Destination, snapshot: str, *, manifest: Manifest | None = None
) -> Iterator[list[CampaignResponse]]:
    """The stored responses of a snapshot, in blocks. `manifest`: as of `read_table`.

    Raises `DestinationError`, `StorageFailed`.
    """
    manifest = manifest or read_manifest(destination, snapshot)
    with destination.open_file(snapshot, file_name("responses", "parquet")) as file:
        opened = pq.ParquetFile(file)
        names = _readable_columns(opened.schema_arrow, "responses", manifest)
        for group in range(opened.num_row_groups):
            # One by one: a group has bounded bytes, a block over several of large answers would have not.
            for batch in opened.iter_batches(BLOCK_ROWS, row_groups=[group], columns=names):
                rows = _with_columns(_sound(batch, "responses"), "responses", schema_of("responses").names)
                yield list(map(CampaignResponse._make, _records(rows)))


def _records(rows: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as the records they were written from: times are milliseconds since 1970."""
    return zip(*map(_values, rows.columns), strict=True)


def _values(column: pa.Array) -> list[Any]:
    # What is empty as a whole, as the columns of the list pass often are, need not be looked at cell by cell.
    if column.null_count == len(column):
        return [None] * len(column)
    return (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()


def had_list_pass(destination: Destination, snapshot: str, *, manifest: Manifest | None = None) -> bool:
    """Whether a snapshot has what only the list call shows. Raises `DestinationError`."""
    types = read_table(destination, snapshot, "responses", ["list_type"], manifest=manifest).column("list_type")
    return not len(types) or types.null_count < len(types)


def not_fetched(destination: Destination, snapshot: str, *, manifest: Manifest | None = None) -> pa.Array:
    """The IDs that failed or were invalid: whether there is such a campaign is not known. Raises `DestinationError`."""
    failures = read_table(destination, snapshot, "failures", ["campaign_id", "outcome"], manifest=manifest)
    unknown = pc.not_equal(failures.column("outcome"), "not_found")
    return failures.column("campaign_id").filter(unknown).combine_chunks()


def read_failures(destination: Destination, base: str) -> Iterator[Failure]:
    """The failures of a snapshot. Raises `DestinationError`."""
    for batch in read_table(destination, base, "failures").to_batches():
        yield from map(Failure._make, _records(batch))


def _sound(rows: Rows, table: TableName) -> Rows:
    """`rows`, in which texts are texts, times have years and nothing is null that may not be.

    Raises `pa.ArrowInvalid`.
    """
    for column in rows.columns:
        column.validate(full=True)  # bytes rot, and reading them shows nothing
        if pa.types.is_timestamp(column.type):
            check_years(column)
    for field in schema_of(table):
        if not field.nullable and field.name in rows.schema.names and rows.column(field.name).null_count:
            raise pa.ArrowInvalid(f"{field.name} is null in a row of it")
    return rows


def _readable_columns(stored: pa.Schema, table: TableName, manifest: Manifest) -> list[str]:
    """Today's columns that a stored table has. Raises `pa.ArrowInvalid`.

    One of today's schema version has exactly these; in one of another version those may be missing that may be null.
    """
    schema = schema_of(table)
    names = [field.name for field in schema if field.name in stored.names]
    if (
        any(stored.field(name).type != schema.field(name).type for name in names)
        or any(not field.nullable and field.name not in names for field in schema)
        or (manifest.schema_version == SCHEMA_VERSION and stored.names != schema.names)
    ):
        raise pa.ArrowInvalid(f"its columns are not those of {table}")
    return names


def _with_columns(rows: Rows, table: TableName, names: list[str]) -> Rows:
    """`rows` with nulls in those of these columns of today's that they do not have."""
    if rows.schema.names == names:
        return rows
    schema = pa.schema([schema_of(table).field(name) for name in names])
    columns = [
        rows.column(field.name) if field.name in rows.schema.names else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return type(rows).from_arrays(columns, schema=schema)


def _flattened(destination: Destination, snapshot: str, table: TableName, manifest: Manifest) -> pa.Table:
    batches = [
        flat.campaigns if table == "campaigns" else flat.calling_windows
        for flat in map(flatten, read_responses(destination, snapshot, manifest=manifest))
    ]
    return pa.Table.from_batches(batches, schema_of(table))


def _read_failures_csv(destination: Destination, snapshot: str, manifest: Manifest) -> pa.Table:
    schema = schema_of("failures")
    with destination.open_file(snapshot, file_name("failures", "csv")) as file:
        # Only a file that was made safe for spreadsheets begins with a byte order mark.
        is_excel_safe = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        file.seek(0)
        rows = pacsv.read_csv(
            file,
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
            ),
        )
        if is_excel_safe:
            as_given = [without_excel_safe(one) if pa.types.is_string(one.type) else one for one in rows.columns]
            rows = pa.table(as_given, rows.schema.names)
        rows = rows.select(_readable_columns(rows.schema, "failures", manifest))
        return _with_columns(rows, "failures", schema.names)
