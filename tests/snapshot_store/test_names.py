"""`exporter.snapshot_store.names`: the IDs of snapshots."""

from __future__ import annotations

from exporter.snapshot_store.names import free_id, is_snapshot_id, misdated_notices, snapshot_id
from tests.support.snapshots import NOW


def test_snapshot_ids_are_utc_seconds() -> None:
    assert snapshot_id(NOW / 1000) == "20260528T202640Z"
    assert free_id("20261231T235959Z", {"20261231T235959Z"}) == "20270101T000000Z"
    assert not is_snapshot_id("20261331T000000Z")
    assert not is_snapshot_id("latest")


def test_snapshots_of_a_wrong_clock_are_one_sentence_that_names_three() -> None:
    assert misdated_notices([]) == []
    assert misdated_notices(["d/1"]) == ["d/1: began under a wrong clock, so neither latest nor base"]
    (notice,) = misdated_notices([f"d/{number}" for number in range(1003)])
    assert notice.startswith("d/0, d/1, d/2 and 1,000 more: began")
