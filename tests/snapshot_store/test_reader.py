"""`exporter.snapshot_store.reader`: published snapshots, read again."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exporter
from exporter.errors import DestinationError, ExportError
from exporter.model import Identity
from exporter.snapshot_store.catalog import list_snapshots
from exporter.snapshot_store.choose_account_and_snapshot import find
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import had_list_pass, open_columns, read_responses, read_table
from tests.support.another_user import another_user, needs_root
from tests.support.snapshots import ONE, RESPONSES, TWO, changed, publish


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
    (tmp_path / f"snapshot={TWO}").mkdir()
    (tmp_path / "snapshot=hello").mkdir()
    assert find(open_destination(str(tmp_path))) == ONE
    assert len(list_snapshots(open_destination(str(tmp_path)))) == 1


def other_columns(path: Path) -> None:
    path.write_bytes((path.parent / "failures.parquet").read_bytes())


def nulls(path: Path) -> None:
    schema = pa.schema([field.with_nullable(True) for field in pq.read_schema(path)])
    pq.write_table(pa.table([pa.nulls(3, kind) for kind in schema.types], schema=schema), path)


def no_text(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    ids = pa.array([b"\xff"] * len(table)).view(pa.string())
    pq.write_table(table.set_column(0, table.schema.field(0), ids), path)


def no_name(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"campaign_id", b"campaign_\xffd"))


def no_year(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(at, field, pa.array([2**62] * len(table)).cast(field.type))
    pq.write_table(table, path)


def damaged(tmp_path: Path, damage: Callable[[Path], None]) -> Destination:
    """Two snapshots; the tables of the second were damaged."""
    publish(tmp_path)
    publish(tmp_path, TWO)
    for name in ("campaigns", "responses"):
        damage(tmp_path / f"snapshot={TWO}" / f"{name}.parquet")
    return open_destination(str(tmp_path))


@pytest.mark.parametrize("damage", [other_columns, nulls, no_text, no_name, no_year])
def test_tables_that_are_not_ours_are_reported(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    destination = damaged(tmp_path, damage)
    with pytest.raises(DestinationError, match=r"campaigns\.parquet: "):
        read_table(destination, TWO, "campaigns")
    with pytest.raises(DestinationError, match=r"responses\.parquet: "):
        list(read_responses(destination, TWO))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (other_columns, "its columns are not those of campaigns"),
        (nulls, "campaign_id is null in a row of it"),
        (no_text, "(?i:utf-?8)"),
        (no_name, "(?i:utf-?8)"),
        (no_year, "outside the years"),
    ],
)
def test_a_table_that_is_not_ours_is_not_compared(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    with pytest.raises(DestinationError, match=rf"campaigns\.parquet: .*{told}"):
        changes_between(damaged(tmp_path, damage), ONE, TWO)


def test_responses_that_the_manifest_does_not_name_are_not_looked_for_among_the_failures(tmp_path: Path) -> None:
    publish(tmp_path, form="csv")
    folder = tmp_path / f"snapshot={ONE}"
    (folder / "responses.parquet").unlink()
    path = folder / "manifest.json"
    path.write_bytes(changed(path.read_bytes(), lambda manifest: manifest["files"].pop("responses.parquet")))
    with pytest.raises(DestinationError, match=r"responses\.parquet"):
        had_list_pass(open_destination(str(tmp_path)), ONE)


def test_paths_can_be_path_objects_and_columns_can_be_chosen(tmp_path: Path) -> None:
    publish(tmp_path)
    assert [info.snapshot_id for info in exporter.snapshots(tmp_path)] == [ONE]
    frame = exporter.read_snapshot(tmp_path, columns=["status", "campaign_id"])
    assert list(frame.columns) == ["status", "campaign_id"]
    with pytest.raises(ValueError, match="campaigns has no column 'statsu'; it has: campaign_id"):
        exporter.read_snapshot(tmp_path, columns=["statsu"])


def test_a_snapshot_can_be_a_path_object_and_nothing_but_a_text_or_a_path(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:2])
    assert len(exporter.read_snapshot(tmp_path, tmp_path / f"snapshot={ONE}")) == 1
    wrong: Any
    for wrong in (exporter.snapshots(tmp_path)[0], None, -1):
        with pytest.raises(TypeError, match=f"snapshot is of type {type(wrong).__name__}: give an ID"):
            exporter.read_snapshot(tmp_path, wrong)


@pytest.mark.parametrize("read", [exporter.read_snapshot, exporter.read_history])
def test_columns_can_be_whatever_gives_names_but_no_bare_text(tmp_path: Path, read: Callable[..., Any]) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    names = ["campaign_id", "status"]
    for columns in (iter(names), tuple(names), pd.Index(names), np.array(names), dict.fromkeys(names)):
        assert list(read(tmp_path, columns=columns).columns)[-2:] == names
    with pytest.raises(TypeError, match=r"give a list, columns=\['name'\]"):
        read(tmp_path, columns="name")


def test_columns_can_be_chosen_from_csv_too(tmp_path: Path) -> None:
    publish(tmp_path, form="csv")
    for table in ("campaigns", "failures"):
        frame = exporter.read_snapshot(tmp_path, table=table, columns=["campaign_id"])
        assert list(frame.columns) == ["campaign_id"]


def test_the_latest_is_that_of_an_account(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:2], api=Identity("https://h", "st-2", "other", "v2"))
    assert len(exporter.read_snapshot(tmp_path)) == 2
    for account in ("acc", "st-1", "acc/st-1"):
        assert len(exporter.read_snapshot(tmp_path, account=account)) == 1
    with pytest.raises(DestinationError, match="no snapshot of account third; accounts: other/st-2, acc/st-1"):
        exporter.read_snapshot(tmp_path, account="third")


def test_the_folder_of_a_fleet_or_of_a_snapshot_gets_a_hint(tmp_path: Path) -> None:
    publish(tmp_path / "account=acc" / "stream=st-1", responses=RESPONSES[:1])
    for read in (exporter.snapshots, exporter.read_snapshot):
        with pytest.raises(DestinationError, match="is the folder of a fleet"):
            read(tmp_path)
        with pytest.raises(DestinationError, match="name the folder that it lies in"):
            read(tmp_path / "account=acc" / "stream=st-1" / f"snapshot={ONE}")


def test_the_hint_for_a_fleets_folder_names_one_that_has_a_snapshot(tmp_path: Path) -> None:
    for empty in ("account=a", "account=b/stream=s1/.work"):
        (tmp_path / empty).mkdir(parents=True)
    with pytest.raises(DestinationError, match=r"with 2 accounts: .* such as .*/account=a/stream=…$"):
        exporter.snapshots(tmp_path)
    publish(tmp_path / "account=b" / "stream=s2", responses=RESPONSES[:1])
    with pytest.raises(DestinationError, match=r"such as .*/account=b/stream=s2$"):
        exporter.snapshots(tmp_path)
    with pytest.raises(DestinationError, match=r"with 2 streams: .* such as .*/account=b/stream=s2$"):
        exporter.snapshots(tmp_path / "account=b")


@needs_root
def test_what_a_user_may_not_read_is_reported_and_hides_nothing_else(shared_folder: Path) -> None:
    publish(shared_folder, ONE, responses=RESPONSES[:1])
    publish(shared_folder, TWO, responses=RESPONSES[:1])
    (shared_folder / f"snapshot={TWO}").chmod(0o700)
    with another_user():
        assert [info.snapshot_id for info in exporter.snapshots(shared_folder)] == [ONE]
        of_root = shared_folder / f"snapshot={TWO}"
        with pytest.raises(DestinationError, match="Permission denied"):
            exporter.snapshots(of_root / "below")


class FailsToClose(io.FileIO):
    def close(self) -> None:
        super().close()
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_that_cannot_be_closed_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network share tells by that what went wrong before."""
    publish(tmp_path)
    destination = open_destination(str(tmp_path))
    file = pa.PythonFile(FailsToClose(destination.path(ONE, "campaigns.parquet")), mode="r")
    manifest = destination.read(ONE, "manifest.json")
    monkeypatch.setattr(destination, "read", lambda *_: manifest)
    monkeypatch.setattr(destination, "fs", SimpleNamespace(open_input_file=lambda _: file))
    with (
        pytest.raises(ExportError, match=r"campaigns\.parquet: Input/output error"),
        open_columns(destination, ONE, "campaigns") as columns,
    ):
        assert len(columns.column("campaign_id")) == len(RESPONSES)
