"""`exporter.pipeline.rebuild_snapshot`: stored responses, flattened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationBusy, DestinationError
from exporter.events import Emit, Event, Published, Warned, Writing, ignore
from exporter.options import Locations
from exporter.pipeline.rebuild_snapshot import rebuild_snapshot
from exporter.snapshot_store import local_folder
from exporter.snapshot_store.choose_account_and_snapshot import find
from exporter.snapshot_store.lock import RunLock
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.open_destination import open_destination
from tests.support.snapshots import FAILURES, ONE, forge, publish


def rebuild(folder: Path, snapshot: str, emit: Emit = ignore, **more: Any) -> Manifest:
    return rebuild_snapshot(
        Locations(str(folder), str(folder / "state"), **more), snapshot, form="parquet", excel_safe=False,
        clock=SystemClock(), emit=emit,
    )  # fmt: skip


def first_rows(path: Path, number: int) -> tuple[str, pa.Table]:
    return path.name, pq.read_table(path, partitioning=None).slice(0, number)


def test_rebuild_publishes_no_less_than_the_manifest_says(tmp_path: Path) -> None:
    publish(tmp_path)
    forge(tmp_path / f"snapshot={ONE}", lambda folder: first_rows(folder / "responses.parquet", 3))
    with pytest.raises(DestinationError, match="has 3 answers"):
        rebuild(tmp_path, ONE)
    assert find(open_destination(str(tmp_path))) == ONE


def test_answers_that_rotted_are_not_published_under_a_manifest_that_calls_them_sound(tmp_path: Path) -> None:
    publish(tmp_path)
    path = tmp_path / f"snapshot={ONE}/responses.parquet"
    table = pq.read_table(path, partitioning=None)
    at = table.schema.get_field_index("body")
    bodies = [body.replace("Active", "Bctive") for body in table.column(at).to_pylist()]
    pq.write_table(table.set_column(at, table.schema.field(at), [bodies]), path)
    with pytest.raises(DestinationError, match=r"responses\.parquet: its content is not what was written; see"):
        rebuild(tmp_path, ONE)
    assert [path.name for path in tmp_path.glob("snapshot=*")] == [f"snapshot={ONE}"]


def test_failures_that_rotted_are_not_published_either(tmp_path: Path) -> None:
    publish(tmp_path, form="csv")
    path = tmp_path / f"snapshot={ONE}/failures.csv"
    path.write_bytes(path.read_bytes().replace(b"cd-gone", b"cd-gonf"))
    with pytest.raises(DestinationError, match=r"failures\.csv: its content is not what was written; see"):
        rebuild(tmp_path, ONE)


def test_the_ids_of_failures_come_back_from_a_csv_that_was_made_safe_for_spreadsheets(tmp_path: Path) -> None:
    publish(tmp_path, form="csv", excel_safe=True)
    manifest = rebuild(tmp_path, ONE)
    rows = pq.read_table(tmp_path / f"snapshot={manifest.snapshot_id}/failures.parquet", partitioning=None)
    assert rows.column("campaign_id").to_pylist() == [failure.campaign_id for failure in FAILURES]


def test_a_rebuild_of_a_rebuild_names_the_run_that_fetched_the_answers(tmp_path: Path) -> None:
    publish(tmp_path)
    first = rebuild(tmp_path, ONE)
    second = rebuild(tmp_path, first.snapshot_id)
    assert (first.base_snapshot, second.base_snapshot) == (ONE, ONE)
    assert len({ONE, first.snapshot_id, second.snapshot_id}) == 3


def test_a_rebuild_that_cannot_be_made_durable_is_published_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    monkeypatch.setattr(local_folder, "sync_folder", lambda folder: False)
    events: list[Event] = []
    manifest = rebuild(tmp_path, ONE, events.append)
    assert [type(event) for event in events] == [Writing, Warned, Published]
    assert find(open_destination(str(tmp_path)), manifest.snapshot_id)


def test_a_rebuild_with_a_work_dir_of_its_own_sees_the_lock_of_the_destination(tmp_path: Path) -> None:
    publish(tmp_path)
    usual = open_destination(str(tmp_path)).default_work_dir(tmp_path)
    with RunLock(usual, clock=SystemClock(), emit=ignore), pytest.raises(DestinationBusy):
        rebuild(tmp_path, ONE, work_dir=str(tmp_path / "elsewhere"))


def test_a_listener_that_raises_does_not_end_a_rebuild(tmp_path: Path) -> None:
    publish(tmp_path)

    def listener(event: Event) -> None:
        raise RuntimeError("no")

    assert any("RuntimeError: no" in text for text in rebuild(tmp_path, ONE, listener).warnings)
