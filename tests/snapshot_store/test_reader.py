"""`exporter.snapshot_store.reader`: published snapshots, read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exporter
from exporter.errors import DestinationError
from exporter.snapshot_store.accounts import find
from exporter.snapshot_store.catalog import list_snapshots
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_responses, read_table
from exporter.tables.arrow import schema_of
from tests.support.snapshots import ONE, TWO, publish


def test_in_python_a_snapshot_is_a_data_frame_with_the_right_types(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, TWO, form="csv")
    assert [info.snapshot_id for info in exporter.snapshots(str(tmp_path))] == [ONE, TWO]
    latest = exporter.read_snapshot(str(tmp_path))
    older = exporter.read_snapshot(str(tmp_path), ONE)
    assert latest.equals(older)
    assert str(latest.dtypes["priority"]) == "int8[pyarrow]"
    assert exporter.read_snapshot(str(tmp_path), table="failures")["outcome"].tolist() == ["not_found", "failed"]
    assert len(exporter.read_snapshot(str(tmp_path), table="calling_windows")) > 40
    with pytest.raises(ValueError, match="there are: campaigns"):
        exporter.read_snapshot(str(tmp_path), table="campaign")  # type: ignore[arg-type]
    with pytest.raises(DestinationError, match="there are: 20261123T020000Z"):
        exporter.read_snapshot(str(tmp_path), "20200101T000000Z")


def test_a_folder_without_manifest_is_no_snapshot(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "snapshot=20261124T020000Z").mkdir()
    (tmp_path / "snapshot=hello").mkdir()
    assert find(open_destination(str(tmp_path))) == ONE
    assert len(list_snapshots(open_destination(str(tmp_path)))) == 1


def other_columns(folder: Path) -> None:
    for name in ("campaigns", "responses"):
        (folder / f"{name}.parquet").write_bytes((folder / "failures.parquet").read_bytes())


def nulls(folder: Path) -> None:
    for name in ("campaigns", "responses"):
        schema = pa.schema([field.with_nullable(True) for field in schema_of(name)])
        table = pa.table([pa.nulls(3, kind) for kind in schema.types], schema=schema)
        pq.write_table(table, folder / f"{name}.parquet")


@pytest.mark.parametrize("damage", [other_columns, nulls])
def test_tables_that_are_none_of_ours_are_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    publish(tmp_path)
    publish(tmp_path, TWO)
    damage(tmp_path / f"snapshot={TWO}")
    destination = open_destination(str(tmp_path))
    for read in (
        lambda: read_table(destination, TWO, "campaigns"),
        lambda: list(read_responses(destination, TWO)),
    ):
        with pytest.raises(DestinationError, match=r"parquet: "):
            read()
    if damage is other_columns:
        with pytest.raises(DestinationError, match="its columns are not those of campaigns"):
            changes_between(destination, ONE, TWO)
