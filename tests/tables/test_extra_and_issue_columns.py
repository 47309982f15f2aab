"""`exporter.tables.extra_and_issue_columns`: what no column takes, in bounded room."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from exporter.model import CampaignResponse
from exporter.tables.extra_and_issue_columns import MOST, MOST_ISSUES, Extra, Remarks
from exporter.tables.flatten import BLOCK_ROWS, flatten
from tests.support.answers import response_of
from tests.support.costs import calls_made, peak_memory


@pytest.mark.parametrize(
    "data",
    [
        {"_id": "a", "x": [1] * 100_000},
        {"_id": "a", "k" * 200_000: [1] * 200},
        {"_id": "a", **{f"{number}" * 2000: [1] * 10 for number in range(100)}},
    ],
)
def test_an_answer_whose_paths_would_take_more_than_itself_is_kept_as_a_whole(data: dict[str, object]) -> None:
    (row,) = flatten([response_of(data)]).campaigns.to_pylist()
    assert len(row["extra"]) < 3_000_000
    kept = json.loads(row["extra"])
    whole = {key: value for key, value in data.items() if isinstance(value, list) and key in kept}
    assert whole
    assert all(kept[key] == value for key, value in whole.items())
    assert any("as a whole" in issue for issue in row["parse_issues"])


@pytest.mark.parametrize("sign", ["k", "水", "\x01"])
@pytest.mark.parametrize("length", [100, 1000, 10_000])
def test_a_block_of_answers_with_long_keys_stays_below_what_an_array_of_texts_holds(sign: str, length: int) -> None:
    """Each at the limit: with one more leaf it is kept as a whole, and shorter."""
    leaves = (MOST - 1000) // (length + 10 + 24)
    data = {"_id": "a", sign * length: {str(number): 1 for number in range(leaves)}}
    (extra,) = flatten([response_of(data)]).campaigns["extra"].to_pylist()
    assert len(json.loads(extra)) == leaves
    assert BLOCK_ROWS * len(extra.encode()) < 2**31


def test_a_week_of_more_entries_than_are_read_is_no_week_and_is_kept() -> None:
    days = [{"day": "MO", "start": "9:00 AM", "end": "5:00 PM"}] * 10_001
    flat = flatten([response_of({"_id": "a", "dialingStrategy": {"callingHours": {"days": days}}})])
    (row,) = flat.campaigns.to_pylist()
    assert flat.calling_windows.num_rows == 0
    assert any("more than 10,000 entries" in issue for issue in row["parse_issues"])
    assert "5:00 PM" in row["extra"]


def test_issues_of_an_answer_are_bounded_and_none_is_listed_twice() -> None:
    remarks = Remarks(1)
    for number in [0, 0, *range(5000)]:
        remarks.issue(0, f"path.{number}", "odd")
    (issues,) = remarks.cells()["parse_issues"]
    assert len(issues) == len(set(issues)) == MOST_ISSUES + 1
    assert issues[-1] == "there are more issues than are listed"


def test_the_path_of_an_issue_is_short_and_shows_invisible_characters() -> None:
    remarks = Remarks(2)
    remarks.unread(1, "\u200e" + "k" * 10_000, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "odd")
    nothing, (issue,) = remarks.cells()["parse_issues"]
    assert nothing is None
    assert issue.startswith("\\u200ekkk")
    assert len(issue) < 300
    assert issue.endswith('k…: odd: "[token hidden]"')


def test_the_rest_of_an_object_is_kept_under_its_path_or_at_the_top_under_its_own_keys() -> None:
    extra = Extra()
    extra.keep_rest("schedule", {"a": 1})
    extra.keep_rest("", {"b": 2, "list:connection": 3, "c.d": 4})
    extra.keep_rest("", {})
    assert extra == {"schedule": {"a": 1}, "b": 2, "list\\:connection": 3, "c\\.d": 4}
    assert extra.whole == ["schedule", "data"]


@pytest.mark.parametrize(
    ("key", "path"), [("a.b", "a\\.b"), ("a\\b", "a\\\\b"), ("list:a", "list\\:a"), ("a\nb", "a\nb")]
)
def test_a_key_at_the_top_that_could_be_taken_for_a_path_is_escaped_in_the_rest_too(key: str, path: str) -> None:
    extra = Extra()
    extra.keep_rest("", {"plain": 1, key: 2})
    assert extra == {"plain": 1, path: 2}


def numbered(number: int) -> str:
    return ",".join(f'"k{at}":{at % 10}' for at in range(number))


LARGE: dict[str, Callable[[int], str]] = {
    "keys at the top": lambda number: f"{{{numbered(number)}}}",
    "keys below": lambda number: f'{{"schedule":{{"recurrenceObject":{{{numbered(number)}}}}}}}',
    "keys with dots": lambda number: f"{{{numbered(number).replace('k', 'k.')}}}",
    "objects in contactLists": lambda number: '{"contactLists":[' + ",".join(['{"k":1}'] * number) + "]}",
    "objects in dncLists": lambda number: '{"dncLists":[' + ",".join(['{"id":"i","x":1}'] * number) + "]}",
    "days": lambda number: '{"dialingStrategy":{"callingHours":{"days":[' + ",".join(['{"day":"x"}'] * number) + "]}}}",
    "escapes in a message": lambda number: f'{{"message":{{"message":"{"%41" * number}"}}}}',
    "decimals": lambda number: '{"x":[' + ",".join(["1.2345678901234567890123"] * number) + "]}",
}


@pytest.mark.parametrize("kind", LARGE)
def test_one_answer_costs_a_small_multiple_of_its_size(kind: str) -> None:
    """40 bytes for each of the body (the JSON in Python alone takes 20); for twice the size, twice the calls."""
    large, once, twice = (
        CampaignResponse("a", 0, 200, f'{{"data":{LARGE[kind](number)}}}') for number in (20_000, 5_000, 10_000)
    )
    flatten([large])
    assert peak_memory(lambda: flatten([large])) < 40 * len(large.body)
    assert calls_made(lambda: flatten([twice])) < 2.1 * calls_made(lambda: flatten([once]))


@pytest.mark.parametrize("name", ["contactLists", "dncLists", "whichDays"])
def test_a_list_of_more_elements_than_a_campaign_has_is_kept_as_a_whole(name: str) -> None:
    (row,) = flatten([response_of({"_id": "a", name: ["Mon"] * 10_001})]).campaigns.to_pylist()
    assert json.loads(row["extra"]) == {name: ["Mon"] * 10_001}
    assert row["parse_issues"][0].startswith(f"{name}: more than 10,000 elements: ")
