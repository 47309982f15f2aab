"""`exporter.snapshot_store.campaign_versions`: from the rows of one night after the other to versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from exporter.snapshot_store.campaign_versions import Versions

FIRST = datetime(2026, 5, 10, 2, tzinfo=UTC)
NOBODY = pa.array([], pa.string())


def campaigns(**statuses: str) -> pa.Table:
    return pa.table(
        {"campaign_id": pa.array(statuses, pa.string()), "status": pa.array(statuses.values(), pa.string())}
    )


def versions_of(*nights: pa.Table, unknown: pa.Array = NOBODY) -> list[tuple[str, str, str | None]]:
    versions = Versions("campaigns", ["campaign_id", "status"])
    for number, rows in enumerate(nights):
        versions.add(FIRST + timedelta(days=number), rows, unknown, listed=True)
    return [(row["campaign_id"], row["change"], row["status"]) for row in versions.table(None).to_pylist()]


def test_rows_in_another_order_are_no_versions() -> None:
    assert versions_of(campaigns(a="x", b="y"), campaigns(b="y", a="x")) == [("a", "added", "x"), ("b", "added", "y")]


def test_a_change_is_found_whatever_came_and_went_beside_it() -> None:
    assert versions_of(campaigns(a="x", b="y", c="z"), campaigns(d="w", c="Z", a="x")) == [
        ("a", "added", "x"),
        ("b", "added", "y"),
        ("b", "removed", None),
        ("c", "added", "z"),
        ("c", "changed", "Z"),
        ("d", "added", "w"),
    ]


def test_what_is_unknown_is_compared_with_its_last_state() -> None:
    nights = (campaigns(a="x"), campaigns(), campaigns(a="x"), campaigns(a="y"))
    assert versions_of(*nights, unknown=pa.array(["a"])) == [("a", "added", "x"), ("a", "changed", "y")]


def test_windows_of_a_campaign_are_compared_together() -> None:
    versions = Versions("calling_windows", ["campaign_id", "day"])
    for number, days in enumerate((["MO", "TU"], ["MO", "TU"], ["MO"])):
        rows = pa.table({"campaign_id": ["a"] * len(days), "day": days})
        versions.add(FIRST + timedelta(days=number), rows, NOBODY, listed=True)
    rows = versions.table(None)
    assert rows.column("day").to_pylist() == ["MO", "TU", "MO"]
    assert rows.column("is_current").to_pylist() == [False, False, True]
