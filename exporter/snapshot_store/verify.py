"""Is a published snapshot what its manifest says, and does it agree with itself?"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exporter.errors import DestinationError, NotReadable
from exporter.model import RowTable, TableName
from exporter.snapshot_store.catalog import SnapshotInfo, read_manifest
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import MANIFEST, file_name
from exporter.snapshot_store.reader import read_responses, read_table
from exporter.snapshot_store.writer import csv_header, csv_text
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.columns import SCHEMA_VERSION, TABLES
from exporter.tables.flatten import flatten
from exporter.text import excerpt

CHUNK = 4 * 2**20
"""Bytes that a store is asked for at once."""

LONGEST_LINE = 500


def damages(destination: Destination, snapshot: str) -> list[str]:
    """Everything that is wrong with a snapshot, one line each; empty: it is sound.

    Files, sizes, hashes, rows, schemas; counts against rows; IDs unique over campaigns and failures; windows and
    responses belonging to campaigns; responses flattened again equal to the rows. What the bytes already disprove is
    not looked into further. Raises `StorageFailed` where a store does not answer and `NotReadable` where something may
    not be read: that is no damage.
    """
    try:
        manifest = read_manifest(destination, snapshot, sealed=True)
        if problems := _as_lines(_files(destination, snapshot, manifest)):
            return problems
        return _as_lines([*_counts(destination, snapshot, manifest), *_rows(destination, snapshot, manifest)])
    except DestinationError as error:
        return [_damage(destination, snapshot, error)]


def stored_problem(destination: Destination, snapshot: str, *tables: TableName) -> str | None:
    """What is wrong with these stored tables of a snapshot, by its manifest and their hashes; None: nothing.

    A table that is there in both formats is looked at as Parquet. Raises `StorageFailed` where a store does not answer.
    """
    try:
        files = read_manifest(destination, snapshot, sealed=True).files
        for table in tables:
            name = file_name(table, "parquet")
            if name not in files and table != "responses":
                name = file_name(table, "csv")
            if name not in files:
                return f"{name}: is not in the manifest"
            if _sha256(destination, snapshot, name) != files[name].sha256:
                return f"{name}: its content is not what was written"
    except DestinationError as error:
        return _from_file_name(destination, snapshot, error)
    return None


def missing_files(destination: Destination, info: SnapshotInfo) -> list[str]:
    """What a listing of its folder shows to be wrong with a snapshot, one line each."""
    return _as_lines(_sizes(info.manifest, destination.files(info.snapshot_id)))


def _as_lines(problems: Iterable[str]) -> list[str]:
    """A name in a folder, or in a manifest, can hold anything: each problem is one line that can be shown."""
    return [excerpt(problem, LONGEST_LINE) for problem in problems]


def _sizes(manifest: Manifest, sizes: dict[str, int]) -> Iterator[str]:
    for name in sorted(set(sizes) - set(manifest.files) - {MANIFEST}):
        yield f"{name}: is not in the manifest"
    for name, entry in manifest.files.items():
        if name not in sizes:
            yield f"{name}: is missing"
        elif sizes[name] != entry.bytes:
            yield f"{name}: has {sizes[name]:,} bytes, the manifest says {entry.bytes:,}"


def _files(destination: Destination, snapshot: str, manifest: Manifest) -> Iterator[str]:
    if manifest.snapshot_id != snapshot:
        yield f"{MANIFEST}: is that of {manifest.snapshot_id}"
    sizes = destination.files(snapshot)
    yield from _sizes(manifest, sizes)
    for name, entry in manifest.files.items():
        if sizes.get(name) != entry.bytes:
            continue
        try:
            if _sha256(destination, snapshot, name) != entry.sha256:
                yield f"{name}: its content is not what was written (SHA-256 differs)"
        except DestinationError as error:
            yield _damage(destination, snapshot, error)


def _sha256(destination: Destination, snapshot: str, name: str) -> str:
    with destination.open_file(snapshot, name) as file:
        return hashlib.file_digest(io.BufferedReader(file, CHUNK), "sha256").hexdigest()


def _counts(destination: Destination, snapshot: str, manifest: Manifest) -> Iterator[str]:
    counts = manifest.counts
    if not manifest.reconciled:
        yield f"{MANIFEST}: its counts do not add up"
    failures = read_table(destination, snapshot, "failures", manifest=manifest)
    outcomes = {row["values"]: row["counts"] for row in pc.value_counts(failures.column("outcome")).to_pylist()}
    for outcome in ("not_found", "invalid", "failed"):
        if outcomes.get(outcome, 0) != getattr(counts, outcome):
            yield f"failures: {outcomes.get(outcome, 0)} are {outcome}, the manifest says {getattr(counts, outcome)}"
    expected = {"campaigns": counts.ok, "responses": counts.ok, "failures": failures.num_rows}
    for name, entry in manifest.files.items():
        table: TableName = name.rsplit(".", 1)[0]  # type: ignore[assignment]
        if table not in TABLES:
            yield f"{name}: there is no such table"
            continue
        if entry.rows != expected.get(table, entry.rows):
            yield f"{name}: has {entry.rows:,} rows, the counts say {expected[table]:,}"
        if name.endswith(".parquet"):
            with destination.open_file(snapshot, name) as file:
                parquet = pq.ParquetFile(file)
                if parquet.metadata.num_rows != entry.rows:
                    yield f"{name}: has {parquet.metadata.num_rows:,} rows, the manifest says {entry.rows:,}"
                if manifest.schema_version == SCHEMA_VERSION and parquet.schema_arrow != schema_of(table):
                    yield f"{name}: its columns are not those of schema version {SCHEMA_VERSION}"


def _rows(destination: Destination, snapshot: str, manifest: Manifest) -> Iterator[str]:
    """Each answer flattened again must give the very rows that are stored."""
    ids: list[pa.Array] = []
    campaigns = _Stored(destination, snapshot, manifest, "campaigns")
    windows = _Stored(destination, snapshot, manifest, "calling_windows")
    for block in read_responses(destination, snapshot, manifest=manifest):
        flat = flatten(block)
        ids.append(flat.campaigns.column("campaign_id"))
        campaigns.compare(flat.campaigns)
        windows.compare(flat.calling_windows)
    yield from campaigns.differences()
    yield from windows.differences()
    failures = read_table(destination, snapshot, "failures", manifest=manifest).column("campaign_id").chunks
    everyone = pa.chunked_array([*ids, *failures], pa.string())
    if pc.count_distinct(everyone).as_py() != len(everyone):
        yield "campaigns: an ID is in the snapshot more than once"


class _Stored:
    """The stored rows of a table, compared block by block with what the responses give."""

    def __init__(self, destination: Destination, snapshot: str, manifest: Manifest, table: RowTable) -> None:
        files = manifest.files if manifest.schema_version == SCHEMA_VERSION else {}
        self._table = table
        self._agrees = True
        self._rest: pa.Table | None = None
        if f"{table}.parquet" in files:
            self._rest = read_table(destination, snapshot, table, manifest=manifest)
        self._csv = files.get(f"{table}.csv")
        # Whether --excel-safe was on is not written down: one of the two must fit.
        names = schema_of(table).names
        self._sums = {safe: hashlib.sha256(csv_header(names, excel_safe=safe)) for safe in (False, True)}

    def compare(self, rows: pa.RecordBatch) -> None:
        if self._rest is not None:
            part, self._rest = self._rest.slice(0, rows.num_rows), self._rest.slice(rows.num_rows)
            self._agrees &= pa.Table.from_batches([rows]).equals(part)
        if self._csv is not None:
            for excel_safe, digest in self._sums.items():
                digest.update(csv_text(rows, excel_safe=excel_safe))

    def differences(self) -> Iterator[str]:
        if not self._agrees:
            yield f"{self._table}.parquet: its rows are not what responses.parquet gives"
        if self._rest is not None and self._rest.num_rows:
            yield f"{self._table}.parquet: has rows that belong to no answer"
        if self._csv is not None and self._csv.sha256 not in [digest.hexdigest() for digest in self._sums.values()]:
            yield f"{self._table}.csv: its rows are not what responses.parquet gives"


def _damage(destination: Destination, snapshot: str, error: DestinationError) -> str:
    """What an error says to be damaged. Raises `NotReadable`, which says nothing of what is there."""
    if isinstance(error, NotReadable):
        raise error
    return _from_file_name(destination, snapshot, error)


def _from_file_name(destination: Destination, snapshot: str, error: DestinationError) -> str:
    return str(error).removeprefix(f"{destination.where(snapshot)}/").rstrip(".")
