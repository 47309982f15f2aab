"""A snapshot of each released schema stays readable: a small one of each lies in `tests/fixtures`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import exporter
from exporter.errors import DestinationError
from exporter.model import TableName
from exporter.report.page import render_report
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_failures, read_table
from exporter.snapshot_store.verify import damages
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.columns import SCHEMA_VERSION, TABLES
from tests.support.forked_program import run
from tests.support.released_snapshot import FIXTURES, release
from tests.support.running import snapshot_folders
from tests.support.snapshots import reseal

RELEASED = sorted(FIXTURES.glob("schema_*"))
SNAPSHOT = "20261124T020000Z"


def test_a_changed_or_added_column_raises_schema_version_and_brings_a_snapshot_of_it() -> None:
    """What was released is fixed: a column that today's version has and its snapshot not is one without a version."""
    (folder,) = (FIXTURES / f"schema_{SCHEMA_VERSION}").glob("snapshot=*")
    for table in TABLES:
        stored = pq.read_schema(folder / f"{table}.parquet")
        assert list(zip(stored.names, stored.types, strict=True)) == [
            (field.name, field.type) for field in schema_of(table)
        ], f"raise SCHEMA_VERSION for what changed in {table}, and add tests/fixtures/schema_N"


def test_the_snapshot_of_a_new_version_is_made_from_that_of_the_version_before(tmp_path: Path) -> None:
    release(RELEASED[-1], tmp_path / "schema_new")
    assert damages(open_destination(str(tmp_path / "schema_new")), SNAPSHOT) == []


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_it_is_read_verified_compared_reported_and_rebuilt(released: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    shutil.copytree(released, dest)
    destination = open_destination(str(dest))
    frame = exporter.read_snapshot(str(dest))
    assert list(frame.columns) == schema_of("campaigns").names
    assert len(frame) == 6
    assert damages(destination, SNAPSHOT) == []
    assert not changes_between(destination, SNAPSHOT, SNAPSHOT).any
    assert "<svg" in render_report(destination, SNAPSHOT, now=0.0)[0]
    assert run("rebuild", str(dest), env={"HOME": str(tmp_path)}).returncode == 0
    manifest = json.loads((snapshot_folders(dest)[-1] / "manifest.json").read_text())
    assert (manifest["schema_version"], manifest["base_snapshot"]) == (SCHEMA_VERSION, SNAPSHOT)


def test_calling_windows_of_schema_1_have_name_status_start_time_and_end_time() -> None:
    dest = FIXTURES / "schema_1"
    (folder,) = dest.glob("snapshot=*")
    stored = pq.read_table(folder / "calling_windows.parquet", partitioning=None)
    campaigns = {row["campaign_id"]: row for row in pq.read_table(folder / "campaigns.parquet").to_pylist()}
    destination = open_destination(str(dest))
    rows = read_table(destination, SNAPSHOT, "calling_windows")
    assert rows.schema.names == schema_of("calling_windows").names
    assert rows.column("start_time").equals(stored.column("start"))
    assert rows.column("end_time").equals(stored.column("end"))
    for row in rows.to_pylist():
        assert (row["name"], row["status"]) == tuple(campaigns[row["campaign_id"]][key] for key in ("name", "status"))
    assert list(exporter.read_snapshot(str(dest), table="calling_windows").columns) == rows.schema.names


def test_start_time_and_end_time_can_be_selected_in_sql_without_quotes() -> None:
    (folder,) = RELEASED[-1].glob("snapshot=*")
    query = f"SELECT name, status, day, start_time, end_time FROM '{folder}/calling_windows.parquet'"
    assert len(duckdb.sql(query).fetchall()) == 32


def older(folder: Path, tmp_path: Path, **lacking: tuple[str, ...]) -> Path:
    """A destination with the newest released snapshot as an older version would have written it."""
    shutil.copytree(folder, tmp_path / "out")
    snapshot = tmp_path / "out" / f"snapshot={SNAPSHOT}"
    reseal(snapshot, schema_version=SCHEMA_VERSION - 1)
    for table, columns in lacking.items():
        file = snapshot / f"{table}.parquet"
        pq.write_table(pq.read_table(file, partitioning=None).drop_columns(list(columns)), file)
    return tmp_path / "out"


def test_campaigns_of_an_older_schema_are_made_again_from_the_stored_responses(tmp_path: Path) -> None:
    dest = older(RELEASED[-1], tmp_path)
    (dest / f"snapshot={SNAPSHOT}" / "campaigns.parquet").write_bytes(b"columns of another time")
    frame = exporter.read_snapshot(str(dest))
    assert list(frame.columns) == schema_of("campaigns").names
    assert frame["name"].notna().all()


def test_responses_and_failures_of_an_older_schema_get_nulls_for_columns_added_since(tmp_path: Path) -> None:
    dest = older(RELEASED[-1], tmp_path, responses=("list_type", "carried_from"), failures=("body_start",))
    destination = open_destination(str(dest))
    whole = open_destination(str(RELEASED[-1]))
    lacking: dict[TableName, tuple[str, ...]] = {
        "responses": ("list_type", "carried_from"),
        "failures": ("body_start",),
    }
    for table, added in lacking.items():
        rows = read_table(destination, SNAPSHOT, table)
        assert rows.schema.names == schema_of(table).names
        assert rows.drop_columns(list(added)).equals(read_table(whole, SNAPSHOT, table).drop_columns(list(added)))
        assert all(rows.column(name).null_count == len(rows) for name in added)
        assert read_table(destination, SNAPSHOT, table, [added[0]]).schema.names == [added[0]]
    assert len(exporter.read_snapshot(str(dest))) == 6
    assert [failure.body_start for failure in read_failures(destination, SNAPSHOT)] == [None] * 2


def test_failures_of_an_older_schema_that_are_there_as_csv_only_get_nulls_too(tmp_path: Path) -> None:
    dest = older(RELEASED[-1], tmp_path)
    snapshot = dest / f"snapshot={SNAPSHOT}"
    lines = (snapshot / "failures.csv").read_text().replace("body_start", "unknown")
    (snapshot / "failures.csv").write_text(lines)
    (snapshot / "failures.parquet").unlink()
    manifest = manifests.load((snapshot / "manifest.json").read_bytes())
    files = {name: entry for name, entry in manifest.files.items() if name != "failures.parquet"}
    reseal(snapshot, files=files)
    rows = read_table(open_destination(str(dest)), SNAPSHOT, "failures")
    assert rows.schema.equals(schema_of("failures"))
    assert rows.column("body_start").null_count == len(rows) == 2


@pytest.mark.parametrize("lacking", ["campaign_id", "body"])
def test_a_column_that_may_not_be_null_cannot_be_missing(lacking: str, tmp_path: Path) -> None:
    dest = older(RELEASED[-1], tmp_path, responses=(lacking,))
    with pytest.raises(DestinationError, match="its columns are not those of responses"):
        read_table(open_destination(str(dest)), SNAPSHOT, "responses")


def test_a_snapshot_of_todays_schema_has_all_of_its_columns(tmp_path: Path) -> None:
    dest = older(RELEASED[-1], tmp_path, failures=("body_start",))
    reseal(dest / f"snapshot={SNAPSHOT}", schema_version=SCHEMA_VERSION)
    with pytest.raises(DestinationError, match="its columns are not those of failures"):
        read_table(open_destination(str(dest)), SNAPSHOT, "failures")
