"""`exporter.snapshot_store.history`: a row for every version of a campaign."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import DestinationError, IdsError
from exporter.model import CampaignResponse, Failure, RowTable
from exporter.snapshot_store.campaign_versions import VERSION_COLUMNS
from exporter.snapshot_store.history import History, history_of, parse_moment, read_history
from exporter.snapshot_store.open_destination import open_destination
from exporter.tables.arrow_schemas import schema_of
from tests.support.answers import SEED, response_of
from tests.support.snapshots import OTHER_ACCOUNT, publish

FIRST = datetime(2026, 5, 10, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
MONDAY = [{"day": "MO", "start": "9:00 AM", "end": "6:00 PM"}]
LONGER = [{"day": "MO", "start": "9:00 AM", "end": "8:00 PM"}, {"day": "TU", "start": "9:00 AM", "end": "6:00 PM"}]


def campaign(campaign_id: str, days: Any = None, **fields: Any) -> CampaignResponse:
    data = {**copy.deepcopy(SEED), "_id": campaign_id, **fields}
    if days is not None:
        data["dialingStrategy"]["callingHours"]["days"] = days
    return response_of(data, list_item="{}", list_type="sms")


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def nightly(dest: Path, *nights: list[CampaignResponse], failures: dict[int, list[Failure]] | None = None) -> Path:
    """A snapshot for each night."""
    for number, responses in enumerate(nights):
        publish(dest, f"{day(number):%Y%m%dT%H%M%SZ}", responses=responses, failures=(failures or {}).get(number, []))
    return dest


def history(dest: Path, **options: Any) -> History:
    return history_of(open_destination(str(dest)), NOW, **options)


def test_every_manifest_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nightly(tmp_path, *([campaign("a")] for _ in range(3)))
    destination = open_destination(str(tmp_path))
    read, asked = destination.read, []

    def noted(snapshot: str, name: str) -> bytes:
        asked.append(snapshot)
        return read(snapshot, name)

    monkeypatch.setattr(destination, "read", noted)
    history_of(destination, NOW)
    assert sorted(asked) == destination.snapshot_ids()


def versions(dest: Path, *columns: str, **options: Any) -> list[tuple[Any, ...]]:
    """(ID, night, change, …) of every version."""
    rows = history(dest, **options).versions.to_pylist()
    return [
        (row["campaign_id"], (row["valid_from"] - FIRST).days, row["change"], *(row[column] for column in columns))
        for row in rows
    ]


def test_a_row_for_every_version_with_the_changed_columns(tmp_path: Path) -> None:
    active = campaign("a", status="Active")
    low = campaign("a", status="Active", priority="1")
    nightly(tmp_path, [campaign("a"), campaign("b")], [active, campaign("b")], [active, campaign("b")], [low])
    assert versions(tmp_path, "changed_columns", "status") == [
        ("a", 0, "added", None, "Ready"),
        ("a", 1, "changed", ["status"], "Active"),
        ("a", 3, "changed", ["priority"], "Active"),
        ("b", 0, "added", None, "Ready"),
        ("b", 3, "removed", None, None),
    ]


def test_valid_to_is_the_valid_from_of_the_next_version_and_the_last_is_current(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a"), campaign("b")], [campaign("a", status="Active"), campaign("b")], [campaign("a")])
    rows = history(tmp_path).versions.to_pylist()
    assert [(row["valid_from"], row["valid_to"], row["is_current"]) for row in rows] == [
        (day(0), day(1), False),
        (day(1), day(2), False),
        (day(2), None, True),
        (day(0), day(2), False),
        (day(2), None, False),  # removed: no version of it is current
    ]


def test_a_campaign_that_was_removed_can_come_back(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a"), campaign("b")], [campaign("b")], [campaign("b"), campaign("a")])
    assert versions(tmp_path, ids=["a"]) == [("a", 0, "added"), ("a", 1, "removed"), ("a", 2, "came back")]


def test_a_campaign_that_could_not_be_fetched_keeps_its_version(tmp_path: Path) -> None:
    failure = Failure("a", "failed", 503, 5, "HTTP 503", None, 0, 0)
    gone = Failure("b", "not_found", 404, 1, "HTTP 404", None, 0, 0)
    nightly(tmp_path, [campaign("a"), campaign("b")], [], [campaign("a"), campaign("b")], failures={1: [failure, gone]})
    assert versions(tmp_path) == [("a", 0, "added"), ("b", 0, "added"), ("b", 1, "removed"), ("b", 2, "came back")]


def test_a_change_while_it_could_not_be_fetched_is_found_later(tmp_path: Path) -> None:
    failure = Failure("a", "invalid", 200, 5, "not JSON", None, 0, 0)
    nightly(tmp_path, [campaign("a")], [], [campaign("a", status="Active")], failures={1: [failure]})
    assert versions(tmp_path, "changed_columns") == [("a", 0, "added", None), ("a", 2, "changed", ["status"])]


def test_what_is_no_difference_makes_no_version(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a", zzz=5, aaa=1)], [campaign("a", aaa=1.0, zzz=5.0)])
    assert versions(tmp_path) == [("a", 0, "added")]


def test_calling_windows_have_a_version_for_all_windows_of_a_campaign(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a", MONDAY), campaign("b", MONDAY)], [campaign("a", LONGER), campaign("b", MONDAY)],
            [campaign("b", [])])  # fmt: skip
    assert versions(tmp_path, "day", "end_minute", table="calling_windows") == [
        ("a", 0, "added", "MO", 1080),
        ("a", 1, "changed", "MO", 1200),
        ("a", 1, "changed", "TU", 1080),
        ("a", 2, "removed", None, None),
        ("b", 0, "added", "MO", 1080),
        ("b", 2, "removed", None, None),
    ]


def test_as_of_gives_the_table_as_it_was(tmp_path: Path) -> None:
    """Which hours was this campaign allowed to send in on 12 May, and since when?"""
    nightly(tmp_path, [campaign("a", MONDAY), campaign("b")], [campaign("a", LONGER), campaign("b")],
            [campaign("a", LONGER)], [campaign("a", MONDAY)])  # fmt: skip
    (monday, tuesday) = history(
        tmp_path, table="calling_windows", ids=["a"], as_of=parse_moment("2026-05-12")
    ).versions.to_pylist()
    assert (monday["day"], monday["end_minute"], monday["valid_from"]) == ("MO", 1200, day(1))
    assert tuesday["day"] == "TU"
    assert [row[0] for row in versions(tmp_path, as_of=parse_moment("2026-05-11"))] == ["a", "b"]
    assert [row[0] for row in versions(tmp_path, as_of=parse_moment("2026-05-12"))] == ["a"]
    assert [row[0] for row in versions(tmp_path, as_of=parse_moment("2026-05-12T01:59:59Z"))] == ["a", "b"]


def test_as_of_before_the_first_snapshot_is_an_error_that_names_it(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")])
    with pytest.raises(DestinationError, match="2026-05-10T02:00:00Z"):
        history(tmp_path, as_of=parse_moment("2026-05-09"))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12.05.2026"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2026-11-20"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-12T14:00", datetime(2026, 5, 12, 14, tzinfo=UTC)),
        ("2026-05-12T14:00+02:00", datetime(2026, 5, 12, 12, tzinfo=UTC)),
        ("2026-05-12 14:00Z", datetime(2026, 5, 12, 14, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


def test_a_time_is_told_in_utc(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")])
    with pytest.raises(
        DestinationError, match="2026-05-10T01:30:00Z is before the first snapshot, 2026-05-10T02:00:00Z"
    ):
        history(tmp_path, as_of=parse_moment("2026-05-10T07:00+05:30"))


AT_THE_END_OF_TIME = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))


@pytest.mark.parametrize("moment", [pd.NaT, 0, time(3), np.datetime64("2026-05-10"), AT_THE_END_OF_TIME])
def test_what_is_no_time_in_python_is_refused(tmp_path: Path, moment: Any) -> None:
    nightly(tmp_path, [campaign("a")])
    with pytest.raises(ValueError, match=r"is not a time: give a date|outside the years 1 to 9999"):
        read_history(tmp_path, as_of=moment)


def test_columns_are_those_compared_and_given(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")], [campaign("a", priority="1")], [campaign("a", status="Active")])
    result = history(tmp_path, columns=["status"])
    assert result.versions.schema.names == [*VERSION_COLUMNS, "campaign_id", "status"]
    assert [row["status"] for row in result.versions.to_pylist()] == ["Ready", "Active"]
    with pytest.raises(ValueError, match="'stats'"):
        history(tmp_path, columns=["stats"])


def test_snapshots_of_another_account_and_damaged_ones_are_left_out_with_a_notice(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")], [campaign("a", status="Active")])
    publish(tmp_path, "20260511T120000Z", responses=[campaign("z")], api=OTHER_ACCOUNT)
    publish(tmp_path, "20260511T130000Z", responses=[campaign("y")])
    publish(tmp_path, "20990101T000000Z", responses=[campaign("x")])
    (tmp_path / "snapshot=20260511T130000Z" / "campaigns.parquet").write_bytes(b"PAR1 broken")
    result = history(tmp_path)
    assert set(result.versions.column("campaign_id").to_pylist()) == {"a"}
    notices = "\n".join(result.notices)
    assert all(part in notices for part in ("other/st-1", "20260511T130000Z", "20990101T000000Z"))


def listed(total: int, **fields: Any) -> CampaignResponse:
    return campaign("a", **fields)._replace(list_item=json.dumps({"totalMessagesSent": total}))


def unlisted(**fields: Any) -> CampaignResponse:
    """Of a night without a list pass."""
    return campaign("a", **fields)._replace(list_item=None, list_type=None)


def test_a_snapshot_without_a_list_pass_changes_nothing_of_what_only_that_shows(tmp_path: Path) -> None:
    nightly(tmp_path, [listed(5)], [unlisted()], [listed(5)])
    result = history(tmp_path)
    assert result.versions.column("change").to_pylist() == ["added"]
    (notice,) = result.notices
    assert "1 snapshot without a list pass" in notice and "total_messages_sent" in notice


def test_what_the_list_shows_is_compared_with_what_it_showed_last(tmp_path: Path) -> None:
    nightly(tmp_path, [listed(5)], [unlisted(status="Active")], [listed(9, status="Active")])
    assert versions(tmp_path, "changed_columns", "total_messages_sent", "campaign_type") == [
        ("a", 0, "added", None, 5, "sms"),
        ("a", 1, "changed", ["status"], 5, "sms"),
        ("a", 2, "changed", ["total_messages_sent"], 9, "sms"),
    ]


def test_the_first_list_pass_after_nights_without_one_is_no_lost_change(tmp_path: Path) -> None:
    nightly(tmp_path, [unlisted()], [listed(5)])
    assert versions(tmp_path, "total_messages_sent", as_of=day(1)) == [("a", 1, "changed", 5)]


def test_without_any_list_pass_what_the_answers_hold_is_compared(tmp_path: Path) -> None:
    nightly(tmp_path, [unlisted(connection="A", totalMessagesSent=5)], [unlisted(connection="B", totalMessagesSent=9)],
            [unlisted()])  # fmt: skip
    result = history(tmp_path, columns=["connection", "total_messages_sent"])
    assert [(row["connection"], row["total_messages_sent"]) for row in result.versions.to_pylist()] == [
        ("A", 5), ("B", 9), (None, None),
    ]  # fmt: skip
    assert not result.notices


def test_an_answer_of_a_night_without_a_list_pass_is_newer_but_its_type_is_only_inferred(tmp_path: Path) -> None:
    moved = unlisted(connection="B", dialingMode="Preview")
    nightly(tmp_path, [listed(5, connection="A")], [moved], [moved])
    assert versions(tmp_path, "connection", "campaign_type", columns=["connection", "campaign_type"]) == [
        ("a", 0, "added", "A", "sms"),
        ("a", 1, "changed", "B", "sms"),
    ]


def test_a_campaign_that_was_removed_and_came_back_is_not_as_it_was_listed_before(tmp_path: Path) -> None:
    nightly(tmp_path, [listed(5)], [], [unlisted(totalMessagesSent=7)], [unlisted()])
    assert versions(tmp_path, "total_messages_sent") == [
        ("a", 0, "added", 5), ("a", 1, "removed", None), ("a", 2, "came back", 7), ("a", 3, "changed", None),
    ]  # fmt: skip


def test_what_was_listed_is_known_over_a_night_in_which_the_campaign_could_not_be_fetched(tmp_path: Path) -> None:
    failure = Failure("a", "failed", 503, 5, "HTTP 503", None, 0, 0)
    nightly(tmp_path, [listed(5)], [], [unlisted()], failures={1: [failure]})
    assert versions(tmp_path, "total_messages_sent") == [("a", 0, "added", 5)]


def test_ids_that_are_in_no_snapshot_are_named(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")])
    result = history(tmp_path, ids=["a", "b"])
    assert result.unknown_ids == ["b"]


@pytest.mark.parametrize("table", ["campaigns", "calling_windows"])
def test_a_history_of_empty_snapshots_has_the_columns_all_the_same(tmp_path: Path, table: RowTable) -> None:
    nightly(tmp_path, [], [])
    found = history(tmp_path, table=table).versions
    assert (found.num_rows, found.schema.names) == (0, [*VERSION_COLUMNS, *schema_of(table).names])


def test_no_snapshot_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DestinationError, match="there is no snapshot in it"):
        history(tmp_path)


def test_read_history_gives_a_frame(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a")], [campaign("a", status="Active")])
    frame = read_history(str(tmp_path))
    assert frame.status.tolist() == ["Ready", "Active"]
    assert frame[frame.is_current].status.tolist() == ["Active"]
    assert read_history(str(tmp_path), as_of="2026-05-10").status.tolist() == ["Ready"]


def test_read_history_takes_paths_columns_of_ids_and_days(tmp_path: Path) -> None:
    nightly(tmp_path, [campaign("a"), campaign("b")])
    assert read_history(tmp_path, pd.Series(["b"])).campaign_id.tolist() == ["b"]
    assert read_history(tmp_path, pa.array([" b "]), as_of=day(0).date()).campaign_id.tolist() == ["b"]
    with pytest.raises(IdsError):
        read_history(tmp_path, "b")
    with pytest.raises(IdsError):
        read_history(tmp_path, [])
    with pytest.raises(ValueError, match="no history of 'responses'"):
        read_history(tmp_path, table="responses")  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), max_size=3), min_size=1, max_size=5))
def test_the_table_as_of_every_night_is_that_of_the_snapshot(
    tmp_path_factory: pytest.TempPathFactory, nights: list[dict[str, int]]
) -> None:
    """Whatever was added, changed, removed and came back."""
    dest = nightly(
        tmp_path_factory.mktemp("history"),
        *([campaign(campaign_id, priority=str(number)) for campaign_id, number in night.items()] for night in nights),
    )
    for number, night in enumerate(nights):
        rows = history(dest, as_of=day(number)).versions.to_pylist()
        assert {row["campaign_id"]: row["priority"] for row in rows} == night


def test_a_rebuild_makes_no_versions_of_its_own(tmp_path: Path) -> None:
    """It is of the time of its responses, whenever it was made."""
    nightly(tmp_path, [campaign("a")], [campaign("a", status="Active")])
    first = f"{day(0):%Y%m%dT%H%M%SZ}"
    publish(tmp_path, "20260601T000000Z", responses=[campaign("a")], failures=[], mode="rebuild", base=first)
    assert versions(tmp_path, "status") == [("a", 0, "added", "Ready"), ("a", 1, "changed", "Active")]
