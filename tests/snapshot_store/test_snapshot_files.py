"""`writer`, `destination`, `manifest`, `reader` and `verify` of `exporter.snapshot_store`, on one small snapshot."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exporter
from exporter.errors import DestinationError, StorageFailed
from exporter.model import CampaignResponse, Failure, Requests, Seconds
from exporter.simulator.samples import sample_campaigns
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.local_folder import LocalDestination
from exporter.snapshot_store.manifest import Manifest, NotAManifest
from exporter.snapshot_store.names import is_snapshot_id, next_id, snapshot_id
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import find, list_snapshots, read_table
from exporter.snapshot_store.verify import damages
from exporter.snapshot_store.writer import Format, SnapshotWriter, csv_text
from exporter.tables.arrow import schema_of
from tests.support.answers import body_of

NOW = 1_780_000_000_123
CAMPAIGNS = sample_campaigns(40, voice_share=0.3)
RESPONSES = [
    CampaignResponse(c.campaign_id, NOW, 200, body_of(c.data), json.dumps(c.item()), c.campaign_type) for c in CAMPAIGNS
]
FAILURES = [
    Failure("cd-gone", "not_found", 404, 1, "HTTP 404", "{}", NOW, NOW),
    Failure("=cmd()", "failed", None, 5, "connection broke", None, NOW, NOW),
]


def publish(
    dest: Path,
    one: str = "20261123T020000Z",
    form: Format = "parquet",
    *,
    excel_safe: bool = False,
    responses: Any = RESPONSES,
) -> Manifest:
    destination = open_destination(str(dest))
    destination.check_writable()
    staging = destination.stage(one)
    with SnapshotWriter(staging, form=form, excel_safe=excel_safe) as writer:
        for start in range(0, len(responses), 16):
            writer.add(responses[start : start + 16])
        writer.add_failures(FAILURES)
        entries = writer.close()
    count = len(responses)
    manifest = Manifest(
        one, manifests.iso(NOW), manifests.iso(NOW), "0", 1, "full", None,
        manifests.Api("https://h", "st-1", "acc", "v2"),
        manifests.Ids("ids.csv", "0" * 64, count + 2, count + 2, 0),
        manifests.OutcomeCounts(count, 0, 1, 0, 1, 0),
        Requests(), Seconds(), manifests.files_of(entries), [],
    )  # fmt: skip
    staging.publish(manifests.dump(manifest))
    staging.settle()
    return manifest


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("parquet", {"campaigns.parquet", "calling_windows.parquet", "responses.parquet", "failures.parquet"}),
        ("csv", {"campaigns.csv", "calling_windows.csv", "failures.csv", "responses.parquet"}),
    ],
)
def test_a_snapshot_has_the_files_of_its_format(tmp_path: Path, form: Format, files: set[str]) -> None:
    manifest = publish(tmp_path, form=form)
    folder = tmp_path / "snapshot=20261123T020000Z"
    assert {path.name for path in folder.iterdir()} == files | {"manifest.json"}
    assert set(manifest.files) == files
    assert damages(open_destination(str(tmp_path)), "20261123T020000Z") == []


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    publish(tmp_path, form="both")
    folder = tmp_path / "snapshot=20261123T020000Z"
    rows = pq.read_table(folder / "campaigns.parquet").to_pylist()
    with (folder / "campaigns.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert list(cells[0]) == schema_of("campaigns").names
    for row, cell in zip(rows, cells, strict=True):
        assert cell["campaign_id"] == row["campaign_id"]
        assert cell["fetched_at"] == "2026-05-28T20:26:40.123Z"
        assert json.loads(cell["contact_lists"]) == row["contact_lists"]
        assert cell["is_imported"] == {True: "true", False: "false", None: ""}[row["is_imported"]]
        assert cell["priority"] == str(row["priority"])
        assert cell["total_messages_sent"] == (
            "" if row["total_messages_sent"] is None else str(row["total_messages_sent"])
        )
    assert b"\r" not in (folder / "campaigns.csv").read_bytes()
    assert (
        (folder / "campaigns.csv").read_text(encoding="utf-8").splitlines()[0].startswith("campaign_id,campaign_type,")
    )


def test_excel_safe_cells_are_no_formulas(tmp_path: Path) -> None:
    publish(tmp_path, form="csv", excel_safe=True)
    publish(tmp_path, "20261123T020001Z", form="csv")
    safe = (tmp_path / "snapshot=20261123T020000Z" / "failures.csv").read_text(encoding="utf-8")
    raw = (tmp_path / "snapshot=20261123T020001Z" / "failures.csv").read_text(encoding="utf-8")
    assert '"\'=cmd()"' in safe
    assert '"=cmd()"' in raw
    with (tmp_path / "snapshot=20261123T020000Z" / "campaigns.csv").open(encoding="utf-8", newline="") as file:
        assert all(not cell.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for cell in row)
    assert all(damages(open_destination(str(tmp_path)), one) == [] for one in ("20261123T020000Z", "20261123T020001Z"))


def test_parquet_is_zstd_and_its_fields_explain_themselves(tmp_path: Path) -> None:
    publish(tmp_path)
    file = pq.ParquetFile(tmp_path / "snapshot=20261123T020000Z" / "campaigns.parquet")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    field = file.schema_arrow.field("calling_hours_mo")
    assert set(field.metadata) >= {b"description", b"path", b"source"}
    assert not file.schema_arrow.field("campaign_id").nullable


def test_an_empty_snapshot_has_its_columns(tmp_path: Path) -> None:
    publish(tmp_path, form="both", responses=[])
    destination = open_destination(str(tmp_path))
    assert damages(destination, "20261123T020000Z") == []
    assert read_table(destination, "20261123T020000Z", "campaigns").schema.names == schema_of("campaigns").names


def test_other_readers_read_a_destination_of_several_snapshots_as_it_is(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, "20261124T020000Z")
    everything = f"{tmp_path}/*/campaigns.parquet"
    found = duckdb.sql(
        f"SELECT snapshot, count(*), min(fetched_at), any_value(contact_lists), typeof(any_value(priority)) "
        f"FROM read_parquet('{everything}', hive_partitioning = true) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in found] == [("20261123T020000Z", 40), ("20261124T020000Z", 40)]
    assert found[0][4] == "TINYINT"
    assert isinstance(found[0][3], list)
    frame = pl.scan_parquet(everything, hive_partitioning=True).collect()
    assert frame.height == 80
    assert frame.schema["fetched_at"] == pl.Datetime("ms", "UTC")
    assert frame.schema["contact_lists"] == pl.List(pl.String)
    assert pd.read_parquet(tmp_path / "snapshot=20261123T020000Z" / "campaigns.parquet").shape[0] == 40


def test_in_python_a_snapshot_is_a_data_frame_with_the_right_types(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, "20261124T020000Z", form="csv")
    assert [info.snapshot_id for info in exporter.snapshots(str(tmp_path))] == ["20261123T020000Z", "20261124T020000Z"]
    latest = exporter.read_snapshot(str(tmp_path))
    older = exporter.read_snapshot(str(tmp_path), "20261123T020000Z")
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
    assert find(open_destination(str(tmp_path))) == "20261123T020000Z"
    assert len(list_snapshots(open_destination(str(tmp_path)))) == 1


def test_nothing_published_is_ever_replaced(tmp_path: Path) -> None:
    publish(tmp_path)
    before = (tmp_path / "snapshot=20261123T020000Z" / "manifest.json").read_bytes()
    with pytest.raises(StorageFailed):
        publish(tmp_path)
    assert (tmp_path / "snapshot=20261123T020000Z" / "manifest.json").read_bytes() == before


def test_leftovers_of_crashed_runs_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path)
    for name in (".staging-20261124T020000Z", ".removing-20261101T020000Z", ".hidden", "mine"):
        (tmp_path / name).mkdir()
    open_destination(str(tmp_path)).clean_up()
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot=20261123T020000Z", ".hidden", "mine"}


def test_a_destination_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match="--out"):
        open_destination(str(tmp_path / "file" / "below")).check_writable()
    with pytest.raises(DestinationError, match="no kind of store"):
        open_destination("ftp://x/y")


@pytest.mark.parametrize("form", ["parquet", "both"])
def test_any_flipped_byte_of_any_file_is_found(tmp_path: Path, form: Format) -> None:
    publish(tmp_path, form=form)
    destination = LocalDestination(tmp_path, shown=str(tmp_path))
    folder = tmp_path / "snapshot=20261123T020000Z"
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        slots = range(len(data)) if path.name == "manifest.json" else range(0, len(data), max(1, len(data) // 15))
        for at in slots:
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
            assert damages(destination, "20261123T020000Z"), f"{path.name}, byte {at}"
        path.write_bytes(data)
    assert damages(destination, "20261123T020000Z") == []


def test_a_missing_and_a_strange_file_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    folder = tmp_path / "snapshot=20261123T020000Z"
    (folder / "failures.parquet").unlink()
    (folder / "notes.txt").write_text("x")
    found = damages(open_destination(str(tmp_path)), "20261123T020000Z")
    assert found == ["notes.txt: is not in the manifest", "failures.parquet: is missing"]


def forge(folder: Path, change: Any) -> None:
    """Write a table anew with receipts that fit: only its content can give it away."""
    manifest = manifests.load((folder / "manifest.json").read_bytes())
    import hashlib

    name, table = change(folder)
    pq.write_table(table, folder / name)
    data = (folder / name).read_bytes()
    files = {**manifest.files, name: manifests.File(table.num_rows, len(data), hashlib.sha256(data).hexdigest())}
    import msgspec

    (folder / "manifest.json").write_bytes(manifests.dump(msgspec.structs.replace(manifest, files=files)))


def test_rows_that_the_responses_do_not_give_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    folder = tmp_path / "snapshot=20261123T020000Z"

    def rename(folder: Path) -> tuple[str, Any]:
        table = pq.read_table(folder / "campaigns.parquet")
        names = table.column("name").to_pylist()
        names[3] = "Another name"
        at = table.schema.get_field_index("name")
        return "campaigns.parquet", table.set_column(at, table.schema.field(at), [names])

    forge(folder, rename)
    assert "not what responses.parquet gives" in damages(open_destination(str(tmp_path)), folder.name[9:])[0]


def test_an_id_that_stands_twice_is_found(tmp_path: Path) -> None:
    publish(tmp_path, responses=[*RESPONSES, RESPONSES[0]])
    assert "more than once" in damages(open_destination(str(tmp_path)), "20261123T020000Z")[0]


def test_counts_that_the_rows_deny_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    import msgspec

    path = tmp_path / "snapshot=20261123T020000Z" / "manifest.json"
    manifest = manifests.load(path.read_bytes())
    wrong = msgspec.structs.replace(manifest, counts=manifests.OutcomeCounts(39, 0, 2, 0, 1, 0))
    path.write_bytes(manifests.dump(wrong))
    found = "\n".join(damages(open_destination(str(tmp_path)), "20261123T020000Z"))
    assert "campaigns.parquet: has 40 rows, the counts say 39" in found
    assert "failures: 1 are not_found" in found


def test_a_manifest_is_sealed() -> None:
    with pytest.raises(NotAManifest):
        manifests.load(b"{}")


def test_snapshot_ids_are_utc_seconds() -> None:
    assert snapshot_id(NOW / 1000) == "20260528T202640Z"
    assert next_id("20261231T235959Z") == "20270101T000000Z"
    assert not is_snapshot_id("20261331T000000Z")
    assert not is_snapshot_id("latest")


def test_files_are_synced_before_they_are_revealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        calls.append("fsync")
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        calls.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    publish(tmp_path)
    assert calls == ["fsync"] * 6 + ["rename", "fsync"]


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "-1", "@x", "\t=1", "\r", " =1", "\u00a0@x", "\u3000=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x"],
)
def test_every_beginning_of_a_formula_is_defused(text: str) -> None:
    column = pa.array([text, "plain", " plain", "a=1", None])
    safe = csv_text(pa.table({"a": column}), excel_safe=True).decode()
    assert safe == f'"\'{text}"\n"plain"\n" plain"\n"a=1"\n\n'
