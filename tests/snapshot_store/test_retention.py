"""`exporter.snapshot_store.retention`: which snapshots may go."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import StorageFailed
from exporter.model import Identity
from exporter.snapshot_store.catalog import list_snapshots, read_catalog
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.retention import Dated, apply_retention, to_remove
from tests.support.another_user import another_user, needs_root
from tests.support.snapshots import ACCOUNT, ONE, RESPONSES, TWO, publish

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def days_ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")


FIVE = [days_ago(day) for day in (5, 4, 3, 2, 1)]

ids = st.lists(st.integers(0, 60), unique=True, max_size=20).map(lambda days: sorted(map(days_ago, days)))


@given(ids, st.none() | st.integers(1, 9), st.none() | st.floats(0.1, 70))
def test_the_newest_and_what_either_rule_keeps_stay(have: list[str], keep: int | None, keep_days: float | None) -> None:
    gone = to_remove(
        [Dated(one, one) for one in have],
        keep=keep,
        keep_days=keep_days,
        now=NOW,
        in_use=set(have[:1]),
        published=have[-1] if have else days_ago(0),
    )
    left = [one for one in have if one not in gone]
    assert left[:1] == have[:1]
    assert left[-1:] == have[-1:]
    if keep is not None:
        assert set(have[-keep:]) <= set(left)
    if keep_days is not None:
        assert all(NOW - began_at(one) > timedelta(days=keep_days) for one in gone)
    if keep is None and keep_days is None:
        assert not gone


def test_the_oldest_answers_go_first_and_of_one_night_the_older_snapshot() -> None:
    first, second, third, fourth, last = FIVE
    dated = [Dated(first, first), Dated(third, second), Dated(second, second), Dated(fourth, first), Dated(last, last)]
    gone = to_remove(dated, keep=1, keep_days=None, now=NOW, in_use=set(), published=last)
    assert gone == [first, fourth, second, third]


def destination_with(folder: Path, *snapshots: str) -> Destination:
    for snapshot in snapshots:
        publish(folder, snapshot, responses=RESPONSES[:1])
    return open_destination(str(folder))


def retain(
    destination: Destination,
    *,
    published: str = FIVE[4],
    identity: Identity = ACCOUNT,
    keep: int | None = None,
    keep_days: float | None = None,
    in_use: str = "",
) -> tuple[list[str], list[str]]:
    return apply_retention(
        destination,
        read_catalog(destination),
        identity,
        published=published,
        keep=keep,
        keep_days=keep_days,
        now=NOW,
        in_use={in_use},
    )


def test_foreign_files_and_other_accounts_are_never_removed(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, *FIVE)
    (tmp_path / f"snapshot={FIVE[0]}" / "notes.txt").write_text("mine")
    other = Identity("https://h", "st-2", "acc", "v2")
    assert retain(destination, identity=other, keep=1) == ([], [])
    removed, warnings = retain(destination, keep=2, in_use=FIVE[1])
    assert removed == [FIVE[2]]
    assert "not ours" in warnings[0]
    assert destination.snapshot_ids() == [*FIVE[:2], *FIVE[3:]]


def gone(keep: int | None = None, keep_days: float | None = None, in_use: set[str] | None = None) -> list[str]:
    return to_remove(
        [Dated(one, one) for one in FIVE],
        published=FIVE[-1],
        keep=keep,
        keep_days=keep_days,
        now=NOW,
        in_use=in_use or set(),
    )


def test_what_neither_rule_keeps_goes_oldest_first() -> None:
    assert gone(keep=2) == FIVE[:3]
    assert gone(keep_days=3) == FIVE[:2]
    assert gone(keep=2, keep_days=3) == FIVE[:2]
    assert gone(keep=1, in_use={FIVE[1]}) == [FIVE[0], FIVE[2], FIVE[3]]
    assert gone(keep_days=0.5) == FIVE[:4]
    assert gone() == []


def test_one_that_cannot_be_removed_is_reported_each_night_and_the_others_go(tmp_path: Path) -> None:
    """A snapshot that somebody mounted: the rename says that it is busy."""
    destination = destination_with(tmp_path, *FIVE)
    mounted = tmp_path / f"snapshot={FIVE[1]}"
    if subprocess.run(["mount", "--bind", mounted, mounted], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a folder")
    try:
        for expected in ([FIVE[0], FIVE[2]], []):
            removed, (warning,) = retain(destination, keep_days=2)
            assert removed == expected
            assert f"snapshot={FIVE[1]}: Device or resource busy" in warning
    finally:
        subprocess.run(["umount", mounted], check=True)
    assert destination.snapshot_ids() == [FIVE[1], *FIVE[3:]]


@needs_root
def test_another_users_snapshot_in_a_shared_folder_is_reported_and_the_others_go(shared_folder: Path) -> None:
    destination = destination_with(shared_folder, *FIVE)
    for path in (shared_folder, *shared_folder.rglob("*")):
        os.chown(path, 4711, 4711)
    os.chown(shared_folder / f"snapshot={FIVE[1]}", 4712, 4712)
    shared_folder.chmod(0o1777)
    with another_user():
        removed, (warning,) = retain(destination, keep_days=2)
    assert removed == [FIVE[0], FIVE[2]]
    assert f"snapshot={FIVE[1]}: Permission denied (may this user read and write there?)" in warning


def test_one_whose_manifest_cannot_be_read_is_reported_each_night_and_the_others_go(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, *FIVE)
    (tmp_path / f"snapshot={FIVE[1]}" / "manifest.json").write_text("{")
    for expected in ([FIVE[0], FIVE[2]], []):
        removed, (warning,) = retain(destination, keep_days=2)
        assert removed == expected
        assert f"snapshot={FIVE[1]} stays, however old it is: " in warning


def test_what_is_left_of_a_removal_is_reported_by_the_next_run(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, FIVE[0])
    file = tmp_path / f"snapshot={FIVE[0]}" / "campaigns.parquet"
    if subprocess.run(["chattr", "+i", file], check=False, capture_output=True).returncode != 0:
        pytest.skip("this file system has no immutable files")
    try:
        with pytest.raises(StorageFailed):
            destination.remove(FIVE[0])
        assert list(tmp_path.glob("*/*.parquet")) == []
        (problem,) = destination.clean_up()
        assert f".removing/{FIVE[0]}, left by an interrupted run, cannot be removed" in problem
    finally:
        subprocess.run(["chattr", "-i", tmp_path / ".removing" / FIVE[0] / file.name], check=True)
    assert destination.clean_up() == []


def test_snapshots_of_the_future_are_kept_and_cost_the_one_just_published_no_place(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, "20990101T000000Z", *FIVE)
    assert retain(destination, keep=1) == (FIVE[:4], [])
    assert destination.snapshot_ids() == [FIVE[4], "20990101T000000Z"]


def test_a_rebuild_takes_no_place_of_its_own_and_goes_with_its_night(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, *FIVE[:3], FIVE[4])
    publish(tmp_path, FIVE[3], mode="rebuild", base=FIVE[0])
    assert retain(destination, keep=3) == ([FIVE[0], FIVE[3]], [])


def test_a_snapshot_of_a_machine_without_a_clock_is_not_removed_by_its_own_run(tmp_path: Path) -> None:
    destination = destination_with(tmp_path, "19700101T000013Z", *FIVE)
    assert retain(destination, published="19700101T000013Z", keep=1) == ([], [])


def test_without_a_rule_nothing_is_removed(tmp_path: Path) -> None:
    assert retain(destination_with(tmp_path, *FIVE)) == ([], [])


def test_a_link_to_a_snapshot_elsewhere_is_never_removed(tmp_path: Path) -> None:
    publish(tmp_path / "elsewhere")
    destination = destination_with(tmp_path / "dest", TWO)
    (tmp_path / f"dest/snapshot={ONE}").symlink_to(tmp_path / f"elsewhere/snapshot={ONE}")
    removed, warnings = retain(destination, published=TWO, keep=1)
    assert (removed, len(warnings)) == ([], 1)
    assert len(list_snapshots(destination)) == 2
