"""`exporter.snapshot_store.verify`: damage is found."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.errors import NotReadable
from exporter.model import Counts, FileEntry
from exporter.options import SnapshotFormat
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.catalog import list_snapshots
from exporter.snapshot_store.local_folder import LocalDestination
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_table
from exporter.snapshot_store.verify import damages, missing_files
from tests.support.another_user import another_user, needs_root
from tests.support.snapshots import ONE, RESPONSES, TWO, changed, forge, publish, reseal


@pytest.mark.parametrize("form", ["parquet", "both"])
def test_any_flipped_byte_of_any_file_is_found(tmp_path: Path, form: SnapshotFormat) -> None:
    publish(tmp_path, form=form)
    destination = LocalDestination(tmp_path, shown=str(tmp_path))
    folder = tmp_path / f"snapshot={ONE}"
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        slots = range(len(data)) if path.name == "manifest.json" else range(0, len(data), max(1, len(data) // 15))
        for at in slots:
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
            assert damages(destination, ONE), f"{path.name}, byte {at}"
        path.write_bytes(data)
    assert damages(destination, ONE) == []


@needs_root
@pytest.mark.parametrize("name", ["manifest.json", "responses.parquet"])
def test_what_may_not_be_read_is_no_damage(shared_folder: Path, name: str) -> None:
    publish(shared_folder)
    (shared_folder / f"snapshot={ONE}" / name).chmod(0o600)
    destination = open_destination(str(shared_folder))
    with another_user(), pytest.raises(NotReadable, match=f"{name}: Permission denied"):
        damages(destination, ONE)


def test_a_missing_and_a_strange_file_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    folder = tmp_path / f"snapshot={ONE}"
    (folder / "failures.parquet").unlink()
    (folder / "notes.txt").write_text("x")
    found = damages(open_destination(str(tmp_path)), ONE)
    assert found == ["notes.txt: is not in the manifest", "failures.parquet: is missing"]


def test_rows_that_the_responses_do_not_give_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    folder = tmp_path / f"snapshot={ONE}"

    def rename(folder: Path) -> tuple[str, Any]:
        table = pq.read_table(folder / "campaigns.parquet")
        names = table.column("name").to_pylist()
        names[3] = "Another name"
        at = table.schema.get_field_index("name")
        return "campaigns.parquet", table.set_column(at, table.schema.field(at), [names])

    forge(folder, rename)
    assert "not what responses.parquet gives" in damages(open_destination(str(tmp_path)), ONE)[0]


def test_an_id_that_is_there_twice_is_found(tmp_path: Path) -> None:
    publish(tmp_path, responses=[*RESPONSES, RESPONSES[0]])
    assert "more than once" in damages(open_destination(str(tmp_path)), ONE)[0]


def resealed(dest: Path, **fields: Any) -> list[str]:
    """What is found where the manifest says something else, under a seal that fits."""
    reseal(dest / f"snapshot={ONE}", **fields)
    return damages(open_destination(str(dest)), ONE)


def test_counts_that_the_rows_deny_are_found(tmp_path: Path) -> None:
    publish(tmp_path)
    found = "\n".join(resealed(tmp_path, counts=Counts(39, 0, 2, 0, 1, 0)))
    assert "campaigns.parquet: has 40 rows, the counts say 39" in found
    assert "failures: 1 are not_found" in found


def test_a_name_that_a_terminal_would_act_on_is_reported_in_one_line(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / f"snapshot={ONE}" / "x\x1b[2J\n").touch()
    path = tmp_path / f"snapshot={ONE}/manifest.json"
    path.write_bytes(changed(path.read_bytes(), lambda m: m["files"].update({"y\x7f": m["files"]["failures.parquet"]})))
    destination = open_destination(str(tmp_path))
    (info,) = list_snapshots(destination)
    assert missing_files(destination, info) == ["x\\x1b[2J\\n: is not in the manifest", "y\\x7f: is missing"]


def test_a_manifest_that_names_files_elsewhere_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("precious")
    publish(tmp_path / "dest")
    path = tmp_path / f"dest/snapshot={ONE}/manifest.json"
    entry = {"rows": 1, "bytes": 8, "sha256": "0" * 64}
    path.write_bytes(changed(path.read_bytes(), lambda m: m["files"].update({"../../secret": entry})))
    destination = open_destination(str(tmp_path / "dest"))
    assert damages(destination, ONE)
    assert read_table(destination, ONE, "campaigns").num_rows == len(RESPONSES)


def test_a_manifest_that_is_that_of_another_snapshot_or_does_not_add_up_is_found(tmp_path: Path) -> None:
    ids = manifests.Ids("ids.csv", "0" * 64, 99, 99, 0)
    for name, fields, found in (
        ("other", {"snapshot_id": TWO}, f"manifest.json: is that of {TWO}"),
        ("counts", {"ids": ids}, "manifest.json: its counts do not add up"),
    ):
        publish(tmp_path / name)
        assert found in resealed(tmp_path / name, **fields)


def test_a_file_of_no_table_and_a_wrong_number_of_rows_are_found(tmp_path: Path) -> None:
    manifest = publish(tmp_path)
    windows = manifest.files["calling_windows.parquet"]
    notes = FileEntry(1, 1, hashlib.sha256(b"x").hexdigest())
    (tmp_path / f"snapshot={ONE}" / "notes.parquet").write_bytes(b"x")
    more = msgspec.structs.replace(windows, rows=windows.rows + 1)
    files = {**manifest.files, "calling_windows.parquet": more, "notes.parquet": notes}
    assert resealed(tmp_path, files=files) == [
        f"calling_windows.parquet: has {windows.rows:,} rows, the manifest says {windows.rows + 1:,}",
        "notes.parquet: there is no such table",
    ]


def test_other_columns_than_those_of_its_schema_version_are_found(tmp_path: Path) -> None:
    publish(tmp_path)

    def without_one(folder: Path) -> tuple[str, Any]:
        return "failures.parquet", pq.read_table(folder / "failures.parquet").drop(["body_start"])

    forge(tmp_path / f"snapshot={ONE}", without_one)
    found = damages(open_destination(str(tmp_path)), ONE)
    assert any("its columns are not those of failures" in line for line in found)


def test_windows_that_belong_to_no_answer_are_found(tmp_path: Path) -> None:
    publish(tmp_path, form="both")
    folder = tmp_path / f"snapshot={ONE}"

    def twice(folder: Path) -> tuple[str, Any]:
        table = pq.read_table(folder / "calling_windows.parquet")
        return "calling_windows.parquet", pa.concat_tables([table, table])

    forge(folder, twice)
    assert damages(open_destination(str(tmp_path)), ONE) == [
        "calling_windows.parquet: has rows that belong to no answer"
    ]


def test_a_csv_that_is_not_what_the_responses_give_is_found(tmp_path: Path) -> None:
    manifest = publish(tmp_path, form="both")
    path = tmp_path / f"snapshot={ONE}" / "campaigns.csv"
    data = path.read_bytes().replace(b"sms", b"SMS", 1)
    path.write_bytes(data)
    entry = FileEntry(manifest.files["campaigns.csv"].rows, len(data), hashlib.sha256(data).hexdigest())
    found = resealed(tmp_path, files={**manifest.files, "campaigns.csv": entry})
    assert found == ["campaigns.csv: its rows are not what responses.parquet gives"]
