"""`exporter.tables.extra`: what no column takes, in bounded room."""

from __future__ import annotations

import json

import pytest

from exporter.tables.flatten import flatten
from tests.support.answers import response_of


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


def test_a_week_of_a_million_entries_is_no_week_and_is_kept() -> None:
    days = [{"day": "MO", "start": "9:00 AM", "end": "5:00 PM"}] * 10_001
    flat = flatten([response_of({"_id": "a", "dialingStrategy": {"callingHours": {"days": days}}})])
    (row,) = flat.campaigns.to_pylist()
    assert flat.calling_windows.num_rows == 0
    assert any("more than 10,000 entries" in issue for issue in row["parse_issues"])
    assert "5:00 PM" in row["extra"]
