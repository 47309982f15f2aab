"""`exporter.tables.flatten` against a second, slow reading of the same answers."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.tables.columns import CAMPAIGNS
from exporter.tables.flatten import flatten
from tests.support.answers import response_of
from tests.support.odd_values import KEYS, ODD
from tests.support.second_reading import second_reading


def objects(value: Any) -> list[dict[str, Any]]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) else []) + [one for part in below for one in objects(part)]


def changed(random: Random, data: dict[str, Any]) -> dict[str, Any]:
    """The answer with a few keys taken away, or given another value."""
    data = copy.deepcopy(data)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        part = random.choice(objects(data))
        key = random.choice(list(part)) if part and random.random() < 0.75 else random.choice(KEYS)
        if random.random() < 0.2:
            part.pop(key, None)
        else:
            part[key] = copy.deepcopy(random.choice(ODD))
    return data


def test_the_second_reading_knows_every_column_that_comes_from_an_answer() -> None:
    cells, _ = second_reading({})
    made_here = {"campaign_id", "extra", "parse_issues", "fetched_at", "carried_from"}
    known = {column.name for column in CAMPAIGNS} - made_here
    assert set(cells) == known, "a new column has its entry in tests/support/second_reading.py, too"


@pytest.mark.parametrize("seed", range(4))
def test_both_readings_give_the_same_row_and_windows(seed: int) -> None:
    random = Random(seed)
    samples = sample_campaigns(40, seed=seed, voice_share=0.4)
    for size in (1,) * 40 + (2,) * 10 + (30,) * 4:
        answers = [changed(random, random.choice(samples).data) for _ in range(size)]
        items = [changed(random, random.choice(samples).data) if random.random() < 0.3 else None for _ in answers]
        flat = flatten([
            response_of(data, list_item=None if item is None else json.dumps(item))
            for data, item in zip(answers, items, strict=True)
        ])  # fmt: skip
        windows = iter(flat.calling_windows.to_pylist())
        for data, item, row in zip(answers, items, flat.campaigns.to_pylist(), strict=True):
            clean_data, clean_item = (json.loads(json.dumps(one).replace("\\ud83d", "\\ufffd")) for one in (data, item))
            cells, expected = second_reading(clean_data, clean_item)
            assert {name: row[name] for name in cells} == cells, data
            found = [next(windows) for _ in expected]
            shown = [(w["day"], w["start_time"], w["end_time"], w["end_minute"]) for w in found]
            assert sorted(shown, key=repr) == sorted(expected, key=repr), data
        assert next(windows, None) is None
