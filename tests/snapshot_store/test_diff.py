"""`exporter.snapshot_store.diff`: what is different between two snapshots."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa

from exporter.snapshot_store.diff import compare
from exporter.tables.flatten import flatten
from tests.support.answers import SEED, response_of


def table(*changes: tuple[str, dict[str, Any]], fetched_at: int = 1) -> pa.Table:
    rows = [
        response_of({**copy.deepcopy(SEED), **fields}, campaign_id=one)._replace(fetched_at=fetched_at)
        for one, fields in changes
    ]
    return pa.Table.from_batches([flatten(rows).campaigns])


def test_added_removed_and_changed_cells_are_found_in_the_newer_order() -> None:
    before = table(("a", {}), ("b", {}), ("c", {}))
    after = table(("c", {"status": "Active", "priority": "1"}), ("d", {}), ("b", {}), fetched_at=2)
    changes = compare(before, after)
    assert changes.added.column("campaign_id").to_pylist() == ["d"]
    assert changes.removed.column("campaign_id").to_pylist() == ["a"]
    rows = [(r["campaign_id"], r["column"], r["old"], r["new"]) for r in changes.changed.to_pylist()]
    # The sample's own ID differs from the ID asked for, and so is in extra of both.
    assert rows == [("c", "status", "Ready", "Active"), ("c", "priority", "5", "1")]


def test_null_to_value_and_lists_are_differences_and_fetch_times_are_not() -> None:
    before = table(("a", {"contactLists": ["x"]}), ("b", {"description": None}))
    after = table(("a", {"contactLists": ["x", "y"]}), ("b", {"description": "new"}), fetched_at=9)
    rows = [(r["column"], r["old"], r["new"]) for r in compare(before, after).changed.to_pylist()]
    assert rows == [("contact_lists", '["x"]', '["x","y"]'), ("description", None, "new")]
    assert not compare(before, before).any


def test_columns_can_be_chosen_and_ignored() -> None:
    before, after = table(("a", {})), table(("a", {"status": "Active", "priority": "1"}))
    assert compare(before, after, columns=["status"]).changed.column("column").to_pylist() == ["status"]
    assert compare(before, after, ignore=["status"]).changed.column("column").to_pylist() == ["priority"]


def test_lists_are_told_apart_whatever_stands_in_their_texts() -> None:
    before, after = table(("a", {"contactLists": ["x\x1fy"]})), table(("a", {"contactLists": ["x", "y"]}))
    assert compare(before, after).changed.column("column").to_pylist() == ["contact_lists"]
