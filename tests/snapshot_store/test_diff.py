"""`exporter.snapshot_store.diff`: what is different between two snapshots."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pyarrow as pa

from exporter.model import Failure
from exporter.snapshot_store.diff import changes_between, compare
from exporter.snapshot_store.open_destination import open_destination
from exporter.tables.flatten import flatten
from tests.support.answers import SEED, response_of
from tests.support.snapshots import NOW, ONE, RESPONSES, TWO, publish


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


def test_lists_are_distinguished_whatever_is_in_their_texts() -> None:
    before, after = table(("a", {"contactLists": ["x\x1fy"]})), table(("a", {"contactLists": ["x", "y"]}))
    assert compare(before, after).changed.column("column").to_pylist() == ["contact_lists"]


def test_the_order_of_keys_equal_numbers_and_the_place_of_an_entry_are_no_changes() -> None:
    monday: dict[str, Any] = {"day": "MO", "start": "9:00 AM", "end": "5:00 PM", "note": 5}
    unreadable: dict[str, Any] = {"day": "TU", "start": "x", "end": "y"}
    hours = {"frequency": "WEEKLY", "timezone": "Asia/Kolkata"}

    def one(entries: list[dict[str, Any]], **more: Any) -> pa.Table:
        return table(("a", {"dialingStrategy": {"callingHours": {**hours, "days": entries}}, **more}))

    before = one([monday, unreadable], zzz=5, aaa={"x": 1, "y": 2})
    after = one([unreadable, {**monday, "note": 5.0}], aaa={"y": 2.0, "x": 1}, zzz=5.0)
    assert not compare(before, after).any


def test_a_reordered_list_is_one_change_noted_as_order() -> None:
    before, after = table(("a", {"contactLists": ["x", "y"]})), table(("a", {"contactLists": ["y", "x"]}))
    (row,) = compare(before, after).changed.to_pylist()
    assert (row["column"], row["old"], row["new"], row["note"]) == ("contact_lists", '["x","y"]', '["y","x"]', "order")


def test_columns_of_the_list_call_are_left_out_where_one_snapshot_made_none(tmp_path: Path) -> None:
    unlisted = [response._replace(list_item=None, list_type=None) for response in RESPONSES]
    publish(tmp_path, ONE)
    publish(tmp_path, TWO, responses=unlisted)
    changes = changes_between(open_destination(str(tmp_path)), ONE, TWO)
    assert not changes.any
    assert sorted(changes.not_compared) == [
        "campaign_execution_type",
        "campaign_instance_id",
        "campaign_instance_updated_at",
        "campaign_type",
        "connection",
        "total_messages_sent",
    ]


def test_columns_of_the_list_call_are_compared_where_neither_snapshot_made_one(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=[response_of({**SEED, "connection": "A", "totalMessagesSent": 5})])
    publish(tmp_path, TWO, responses=[response_of({**SEED, "connection": "B", "totalMessagesSent": 9})])
    changes = changes_between(open_destination(str(tmp_path)), ONE, TWO)
    rows = [(row["column"], row["old"], row["new"]) for row in changes.changed.to_pylist()]
    assert rows == [("connection", "A", "B"), ("total_messages_sent", "5", "9")]
    assert not changes.not_compared


def test_a_campaign_that_could_not_be_fetched_is_neither_removed_nor_added(tmp_path: Path) -> None:
    failed, missing = RESPONSES[0].campaign_id, RESPONSES[1].campaign_id
    publish(tmp_path, ONE)
    failures = [
        Failure(failed, "failed", 503, 5, "HTTP 503", None, NOW, NOW),
        Failure(missing, "not_found", 404, 1, "HTTP 404", None, NOW, NOW),
    ]
    publish(tmp_path, TWO, responses=RESPONSES[2:], failures=failures)
    destination = open_destination(str(tmp_path))
    changes = changes_between(destination, ONE, TWO)
    assert changes.removed.column("campaign_id").to_pylist() == [missing]
    assert changes.not_fetched == 1
    back = changes_between(destination, TWO, ONE)
    assert (back.added.column("campaign_id").to_pylist(), back.not_fetched) == ([missing], 1)
