"""`exporter.snapshot_store.retention`: which snapshots may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Identity
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import list_snapshots
from exporter.snapshot_store.retention import apply_retention, to_remove
from tests.support.snapshots import ONE, TWO, publish

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
IDENTITY = Identity("https://h", "st-1", "acc", "v2")


def days_ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")


ids = st.lists(st.integers(0, 60), unique=True, max_size=20).map(lambda days: sorted(map(days_ago, days)))


@given(ids, st.none() | st.integers(1, 9), st.none() | st.floats(0.1, 70))
def test_the_newest_and_what_either_rule_keeps_stay(have: list[str], keep: int | None, keep_days: float | None) -> None:
    gone = to_remove(have, keep=keep, keep_days=keep_days, now=NOW, in_use=set(have[:1]))
    left = [one for one in have if one not in gone]
    assert left[:1] == have[:1]
    assert left[-1:] == have[-1:]
    if keep is not None:
        assert set(have[-keep:]) <= set(left)
    if keep_days is not None:
        assert all(NOW - began_at(one) > timedelta(days=keep_days) for one in gone)
    if keep is None and keep_days is None:
        assert not gone


def test_foreign_files_and_other_accounts_are_never_removed(tmp_path: Path) -> None:
    for day in (5, 4, 3, 2, 1):
        publish(tmp_path, days_ago(day))
    (tmp_path / f"snapshot={days_ago(5)}" / "notes.txt").write_text("mine")
    destination = open_destination(str(tmp_path))
    other = Identity("https://h", "st-2", "acc", "v2")
    assert apply_retention(destination, other, keep=1, keep_days=None, now=NOW, in_use=set()) == ([], [])
    removed, warnings = apply_retention(destination, IDENTITY, keep=2, keep_days=None, now=NOW, in_use={days_ago(4)})
    assert removed == [days_ago(3)]
    assert "not ours" in warnings[0]
    assert destination.snapshot_ids() == [days_ago(day) for day in (5, 4, 2, 1)]


FIVE = [days_ago(day) for day in (5, 4, 3, 2, 1)]


def gone(keep: int | None = None, keep_days: float | None = None, in_use: set[str] | None = None) -> list[str]:
    return to_remove(FIVE, keep=keep, keep_days=keep_days, now=NOW, in_use=in_use or set())


def test_what_neither_rule_keeps_goes_oldest_first() -> None:
    assert gone(keep=2) == FIVE[:3]
    assert gone(keep_days=3) == FIVE[:2]
    assert gone(keep=2, keep_days=3) == FIVE[:2]
    assert gone(keep=1, in_use={FIVE[1]}) == [FIVE[0], FIVE[2], FIVE[3]]
    assert gone(keep_days=0.5) == FIVE[:4]
    assert gone() == []


def test_one_that_cannot_be_removed_is_a_warning_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FIVE:
        publish(tmp_path, name)
    destination = open_destination(str(tmp_path))
    remove = destination.remove

    def refuse_the_second(snapshot: str) -> None:
        if snapshot == FIVE[1]:
            raise PermissionError("not yours")
        remove(snapshot)

    monkeypatch.setattr(destination, "remove", refuse_the_second)
    removed, warnings = apply_retention(destination, IDENTITY, keep=None, keep_days=2, now=NOW, in_use=set())
    assert removed == [FIVE[0], FIVE[2]]
    assert warnings == [f"{destination.where(FIVE[1])} could not be removed: not yours"]
    assert destination.snapshot_ids() == [FIVE[1], *FIVE[3:]]


def test_without_a_rule_nothing_is_even_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.snapshot_store.retention.list_snapshots", None)
    destination = open_destination(str(tmp_path))
    assert apply_retention(destination, IDENTITY, keep=None, keep_days=None, now=NOW, in_use=set()) == ([], [])


def test_a_link_to_a_snapshot_elsewhere_is_never_removed(tmp_path: Path) -> None:
    publish(tmp_path / "elsewhere")
    publish(tmp_path / "dest", TWO)
    (tmp_path / f"dest/snapshot={ONE}").symlink_to(tmp_path / f"elsewhere/snapshot={ONE}")
    destination = open_destination(str(tmp_path / "dest"))
    removed, warnings = apply_retention(
        destination, Identity("https://h", "st-1", "acc", "v2"), keep=1, keep_days=None,
        now=datetime.now(UTC), in_use=set(),
    )  # fmt: skip
    assert (removed, len(warnings)) == ([], 1)
    assert len(list_snapshots(destination)) == 2
