"""`exporter.snapshot_store.choose_account_and_snapshot`: the snapshots of one account."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.errors import DestinationError
from exporter.model import Identity
from exporter.snapshot_store.catalog import read_catalog
from exporter.snapshot_store.choose_account_and_snapshot import find, snapshots_of_account
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.open_destination import open_destination
from tests.support.snapshots import ONE, RESPONSES, TWO, publish

THREE, FUTURE, UNSET_CLOCK = "20261125T020000Z", "20990101T000000Z", "19700101T000013Z"
NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()


@pytest.fixture
def shared(tmp_path: Path) -> Destination:
    """Two accounts in one destination; the second has two streams."""
    accounts = (("first", "st-1"), ("second", "st-1"), ("second", "st-2"))
    for snapshot, (account, stream) in zip((ONE, TWO, THREE), accounts, strict=True):
        publish(tmp_path, snapshot, responses=RESPONSES[:2], api=Identity("https://h", stream, account, "v2"))
    return open_destination(str(tmp_path))


def ids_of(destination: Destination, **options: str) -> list[str]:
    return [info.snapshot_id for info in snapshots_of_account(destination, NOW, **options).snapshots]


def test_the_account_of_the_newest_snapshot_is_chosen_and_the_others_are_named(shared: Destination) -> None:
    chosen = snapshots_of_account(shared, NOW)
    assert [info.snapshot_id for info in chosen.snapshots] == [THREE]
    (notice,) = chosen.notices
    assert notice.startswith("account second/st-2; also in this destination: ")
    assert "first/st-1" in notice
    assert "--account" in notice


def test_an_account_or_account_and_stream_or_a_snapshot_chooses(shared: Destination) -> None:
    assert ids_of(shared, account="first") == [ONE]
    assert ids_of(shared, account="second/st-1") == [TWO]
    assert ids_of(shared, snapshot=ONE) == [ONE]


@pytest.mark.parametrize("options", [{"account": "third"}, {"account": "first", "snapshot": TWO}])
def test_an_account_that_is_not_there_is_an_error_that_names_those_that_are(
    shared: Destination, options: dict[str, str]
) -> None:
    with pytest.raises(DestinationError, match="first/st-1"):
        snapshots_of_account(shared, NOW, **options)


def test_the_version_of_the_api_makes_no_other_account(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1], api=Identity("https://h", "st-1", "acc", "v1"))
    publish(tmp_path, TWO, responses=RESPONSES[:1])
    assert ids_of(open_destination(str(tmp_path))) == [ONE, TWO]


def test_a_snapshot_under_an_impossible_clock_is_left_out_with_a_notice(tmp_path: Path) -> None:
    for snapshot in (UNSET_CLOCK, ONE, FUTURE):
        publish(tmp_path, snapshot, responses=RESPONSES[:1])
    chosen = snapshots_of_account(open_destination(str(tmp_path)), NOW)
    assert [info.snapshot_id for info in chosen.snapshots] == [ONE]
    (notice,) = chosen.notices
    assert FUTURE in notice and UNSET_CLOCK in notice
    assert ids_of(open_destination(str(tmp_path)), snapshot=FUTURE) == [ONE, FUTURE]


def test_a_damaged_manifest_is_left_out_with_a_notice(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1])
    (tmp_path / f"snapshot={ONE}" / "manifest.json").write_text("{", encoding="utf-8")
    chosen = snapshots_of_account(open_destination(str(tmp_path)), NOW)
    assert [info.snapshot_id for info in chosen.snapshots] == [TWO]
    assert ONE in chosen.notices[0]


def test_an_empty_destination_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DestinationError, match="there is no snapshot in it"):
        snapshots_of_account(open_destination(str(tmp_path)), NOW)


def test_an_account_that_is_several_is_an_error_that_names_them(shared: Destination) -> None:
    with pytest.raises(DestinationError, match="names several: choose one of second/st-2, second/st-1"):
        snapshots_of_account(shared, NOW, account="second")


def test_where_every_snapshot_has_a_wrong_clock_or_is_damaged_the_error_says_so(tmp_path: Path) -> None:
    publish(tmp_path, FUTURE, responses=RESPONSES[:1])
    with pytest.raises(DestinationError, match=f"every snapshot began under a wrong clock, as {FUTURE}; give one by"):
        find(open_destination(str(tmp_path)), "latest", now=NOW)
    assert find(open_destination(str(tmp_path)), FUTURE, now=NOW) == FUTURE
    (tmp_path / f"snapshot={FUTURE}" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(DestinationError, match="there is no readable snapshot: "):
        find(open_destination(str(tmp_path)), "latest", now=NOW)


def test_what_is_no_snapshot_id_is_refused_with_an_example(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    with pytest.raises(DestinationError, match="'yesterday' is not a snapshot ID; write latest or one like"):
        find(open_destination(str(tmp_path)), "yesterday")


def test_a_snapshot_is_named_by_its_id_its_folder_or_the_path_that_is_printed_of_it(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    printed = read_catalog(open_destination(f"{tmp_path}/")).snapshots[0].where
    for name in (ONE, f"snapshot={ONE}", f"snapshot={ONE}/", printed, f"{printed}/", str(tmp_path / f"snapshot={ONE}")):
        assert find(open_destination(str(tmp_path)), name) == ONE


def test_a_path_may_be_written_otherwise_than_the_destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "exports", ONE, responses=RESPONSES[:1])
    monkeypatch.chdir(tmp_path)
    for dest in ("exports", "./exports", "./exports/", f"{tmp_path}/exports"):
        path = Path(dest) / f"snapshot={ONE}"
        for name in (str(path), str(path.absolute()), f"{dest}/snapshot={ONE}"):
            assert find(open_destination(dest), name) == ONE


def test_the_path_of_a_snapshot_elsewhere_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "here", ONE, responses=RESPONSES[:1])
    publish(tmp_path / "there", ONE, responses=RESPONSES[:1])
    with pytest.raises(DestinationError, match="is not a snapshot ID"):
        find(open_destination(str(tmp_path / "here")), str(tmp_path / "there" / f"snapshot={ONE}"))
