"""`exporter.snapshot_store.names`: the IDs of snapshots."""

from __future__ import annotations

from exporter.snapshot_store.names import is_snapshot_id, next_id, snapshot_id
from tests.support.snapshots import NOW


def test_snapshot_ids_are_utc_seconds() -> None:
    assert snapshot_id(NOW / 1000) == "20260528T202640Z"
    assert next_id("20261231T235959Z") == "20270101T000000Z"
    assert not is_snapshot_id("20261331T000000Z")
    assert not is_snapshot_id("latest")
