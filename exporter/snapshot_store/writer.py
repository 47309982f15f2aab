"""From blocks of rows to files, in bounded memory: the only file that uses pyarrow's writers."""

from __future__ import annotations

import codecs
import gc
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from exporter.json_text import dumps
from exporter.model import CampaignResponse, Failure, FileEntry, TableName
from exporter.options import SnapshotFormat
from exporter.snapshot_store.destination import HashingFile, Staging
from exporter.snapshot_store.names import TABLE_FILES, file_formats, file_name
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.flatten import flatten
from exporter.text import CONTROL, INVISIBLE

ROW_GROUP_ROWS = 32_768
ROW_GROUP_BYTES = 64 * 2**20
"""The most rows of a row group, and the bytes in memory at which it is closed before."""

_PLAIN = frozenset({"body", "list_item", "extra", "message_raw", "message_text", "campaign_id", "error", "body_start"})
"""Columns of nearly all different values, for which a dictionary would only cost."""

_FORMULA = rf"(?:[{CONTROL}]|[\s\pZ{INVISIBLE}]*[=+\-@＝＋－＠])"
"""How a cell begins that a spreadsheet may run: with the characters that OWASP names for CSV injection, full-width ones
too, and blanks before them, which some programs cut off."""


class SnapshotWriter:
    """Writes the four tables of a snapshot. `close` gives the manifest's entries."""

    def __init__(self, staging: Staging, *, form: SnapshotFormat, excel_safe: bool = False) -> None:
        self._files: dict[TableName, list[_ParquetFile | _CsvFile]] = {}
        self._rows: Counter[TableName] = Counter()
        try:
            for table in TABLE_FILES:
                self._files[table] = [
                    _ParquetFile(staging, table)
                    if file_format == "parquet"
                    else _CsvFile(staging, table, excel_safe=excel_safe)
                    for file_format in file_formats(table, form)
                ]
        except BaseException:
            self.abandon()
            raise

    def __enter__(self) -> Self:
        # A block of parsed answers is tens of thousands of objects without a cycle among them: looking through them
        # again and again costs the collector half of the time, and finds nothing.
        self._collects = gc.isenabled()
        gc.disable()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._collects:
            gc.enable()
        if kind is not None:
            self.abandon()

    def add(self, responses: list[CampaignResponse]) -> None:
        """Flatten a block of answers and write its rows. Raises `StorageFailed`."""
        flat = flatten(responses)
        self._write("campaigns", flat.campaigns)
        self._write("calling_windows", flat.calling_windows)
        self._write("responses", _rows("responses", responses))

    def add_failures(self, failures: Iterable[Failure]) -> None:
        """Write the IDs that gave no campaign. Raises `StorageFailed`."""
        rest = iter(failures)
        while block := list(islice(rest, ROW_GROUP_ROWS)):
            self._write("failures", _rows("failures", block))

    def close(self) -> dict[str, FileEntry]:
        """Finish all files; what the manifest says of each. Raises `StorageFailed`."""
        return {file.name: file.finish(self._rows[table]) for table, files in self._files.items() for file in files}

    def abandon(self) -> None:
        """Close what is open; the staging is thrown away as a whole."""
        for files in self._files.values():
            for file in files:
                file.abandon()

    def _write(self, table: TableName, rows: pa.RecordBatch) -> None:
        if rows.num_rows:
            self._rows[table] += rows.num_rows
            for file in self._files[table]:
                file.write(rows)


def _rows(table: TableName, records: list[Any]) -> pa.RecordBatch:
    """Answers or failures as rows of their table, whose columns are their fields."""
    schema = schema_of(table)
    columns = list(zip(*records, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _ParquetFile:
    """One Parquet file; rows are gathered into row groups of a good size for readers."""

    def __init__(self, staging: Staging, table: TableName) -> None:
        self.name = file_name(table, "parquet")
        self._file = staging.create(self.name)
        self._schema = schema_of(table)
        self._gathered: list[pa.RecordBatch] = []
        self._gathered_rows = self._gathered_bytes = 0
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=[name for name in _leaf_names(self._schema) if name.split(".")[0] not in _PLAIN],
            write_statistics=True,
        )

    def write(self, rows: pa.RecordBatch) -> None:
        self._gathered.append(rows)
        self._gathered_rows += rows.num_rows
        self._gathered_bytes += rows.nbytes
        if self._gathered_rows >= ROW_GROUP_ROWS or self._gathered_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._gathered:
            table = pa.Table.from_batches(self._gathered, self._schema)
            self._writer.write_table(table, row_group_size=max(ROW_GROUP_ROWS * 2, table.num_rows))
        self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0

    def finish(self, rows: int) -> FileEntry:
        self._flush()
        self._writer.close()
        return self._file.finish(rows)

    def abandon(self) -> None:
        # The writer would complete a short but readable file; it is closed only so that nothing is left open. An
        # earlier error is on its way up, and the file is thrown away.
        with suppress(Exception), self._file:
            self._writer.close()


def _leaf_names(schema: pa.Schema) -> list[str]:
    return [f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name for field in schema]


class _CsvFile:
    """One CSV file: RFC 4180, UTF-8, LF; null is an empty cell and an empty text is ""."""

    def __init__(self, staging: Staging, table: TableName, *, excel_safe: bool) -> None:
        self.name = file_name(table, "csv")
        self._file: HashingFile = staging.create(self.name)
        self._excel_safe = excel_safe
        self._file.write(csv_header(schema_of(table).names, excel_safe=excel_safe))

    def write(self, rows: pa.RecordBatch) -> None:
        self._file.write(csv_text(rows, excel_safe=self._excel_safe))

    def finish(self, rows: int) -> FileEntry:
        return self._file.finish(rows)

    def abandon(self) -> None:
        with suppress(Exception):  # as above
            self._file.close()


def csv_header(names: Iterable[str], *, excel_safe: bool = False) -> bytes:
    """The first line of a CSV file, for Excel behind a byte order mark: without it Excel does not take it for UTF-8."""
    return (codecs.BOM_UTF8 if excel_safe else b"") + (",".join(names) + "\n").encode()


def csv_text(rows: pa.RecordBatch | pa.Table, *, excel_safe: bool = False) -> bytes:
    """Rows as CSV without a header: lists as JSON, times as ISO 8601 in UTC, booleans as true and false."""
    columns = [csv_column(column) for column in rows.columns]
    if excel_safe:
        columns = [_excel_safe(column) if pa.types.is_string(column.type) else column for column in columns]
    # In one piece: pyarrow writes NUL bytes for a table whose first chunk is empty.
    table = pa.Table.from_arrays(columns, names=rows.schema.names).combine_chunks()
    text = pa.BufferOutputStream()
    pacsv.write_csv(table, text, pacsv.WriteOptions(include_header=False))
    return text.getvalue().to_pybytes()


def json_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON objects: times as ISO 8601 text, all else as it is."""
    columns = [column if pa.types.is_list(column.type) else csv_column(column) for column in rows.columns]
    return pa.Table.from_arrays(columns, names=rows.schema.names).to_pylist()


def parquet_bytes(rows: pa.Table) -> bytes:
    """A Parquet file of `rows`."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def csv_column(column: Any) -> Any:
    """A column in the form its CSV cells have."""
    if pa.types.is_list(column.type):
        return pa.array([None if value is None else dumps(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(column.type):
        # %S of a column in milliseconds has its three decimals.
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def minutes_text(column: Any) -> Any:
    """A column of times as `2026-11-23 02:00Z`."""
    return pc.strftime(column, format="%Y-%m-%d %H:%MZ")


def _excel_safe(column: Any) -> Any:
    # One that has such an apostrophe of its own gets another: only so is it known which is whose.
    risky = pc.match_substring_regex(column, f"^'*{_FORMULA}")
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def without_excel_safe(column: Any) -> Any:
    """Texts of a CSV that was made safe for spreadsheets, as they were."""
    safe = pc.match_substring_regex(column, f"^'+{_FORMULA}")
    return pc.if_else(safe, pc.utf8_slice_codeunits(column, 1), column)
