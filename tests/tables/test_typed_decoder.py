"""`exporter.tables.typed_decoder`: answers of the usual shape are read in one go, and all others are refused."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.tables.columns import CAMPAIGNS
from exporter.tables.typed_decoder import DAYS, NO_DATA, NotTyped, decode_typed, values_of
from tests.support.answers import SEED, body_of


def at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data


def test_every_first_path_of_a_column_has_the_value_at_its_place() -> None:
    samples = [one.data for one in sample_campaigns(40, voice_share=0.5)]
    decoded = []
    for data in samples:
        try:
            decoded.append((data, decode_typed(body_of(data))))
        except NotTyped:
            continue
    assert len(decoded) > 20
    values = values_of([record for _, record in decoded])
    for column in CAMPAIGNS:
        if column.answer_paths:
            path = column.answer_paths[0]
            expected = [at(data, path) for data, _ in decoded]
            found = list(values.get(path, [None] * len(decoded)))
            if path == DAYS:
                found = [None if one is None else msgspec.json.decode(one) for one in found]
            assert found == expected, path


def test_the_days_of_calling_hours_are_left_as_the_text_they_came_in() -> None:
    (days,) = values_of([decode_typed(body_of(SEED))])[DAYS]
    assert bytes(days).startswith(b'[{"day": "MO"')


def test_a_path_that_no_answer_has_is_left_out() -> None:
    assert set(values_of([decode_typed(body_of({"name": "x"})), NO_DATA])) == {"name"}
    assert values_of([]) == {}


@pytest.mark.parametrize("data", [None, {}])
def test_no_data_is_an_empty_record(data: Any) -> None:
    assert values_of([decode_typed(body_of(data))]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"name": 7},
        {"priority": 5.5},
        {"isImported": "true"},
        {"contactLists": [{"name": "x"}]},
        {"dialingStrategy": []},
        {"dialingStrategy": {"unknown": 1}},
        {"dialingStrategy": {"callingHours": {"unknown": 1}}},
    ],
)
def test_another_key_or_type_anywhere_is_not_usual(change: dict[str, Any]) -> None:
    assert values_of([decode_typed(body_of(SEED))])
    with pytest.raises(NotTyped):
        decode_typed(body_of({**copy.deepcopy(SEED), **change}))


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "7", '{"data":[]}', '{"data":7}', "{" * 5000, "\ud83d"])
def test_what_is_no_answer_is_not_usual(body: str) -> None:
    with pytest.raises(NotTyped):
        decode_typed(body)
