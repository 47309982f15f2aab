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
from tests.support.second_reading import second_reading

ODD: tuple[Any, ...] = (
    None, "", " ", "x", "5", " 7 ", "+3", "-1", "0x10", "007", 0, 5, -1, 128, 2**31, 2**63, 2**70, 5.0, 5.5, 1e30,
    True, False, "true", "FALSE", "no", "2026-02-11T10:04:31.512Z", "2026-2-1T1:04:31Z", "2026-10-5 06:00:00",
    "2026-02-11T10:04:31.512+05:30", "2026-02-11T10:04:31.5-0330", "2026-02-11", "2026-13-01T00:00:00Z",
    "2026-02-11T24:00:00Z", "1760000000", "Mon", "monday", "SU", "9:00 AM", "12:00 AM", "11:59:59.999 PM", "24:00",
    "00:00", "9 pm", "25:00", "13:00 AM", "18:30:15", "9:00 a.m.", "Welcome1", "SGVsbG8", "SGVsbG8%3D", "QQ=", "SGkB",
    "PHA%2BRGVhciAmbHQ7", "100%25 off", "DAILY", "\u0000", "\ud83d", [], {}, [[]], [None], ["a", "b"], ["a", 5],
    [{"name": "n", "id": "i"}], [{"id": "i"}, {"name": ""}], {"name": "n", "id": "i", "k": 1}, {"a": {"b": [1]}},
    ["Sun", "Mon", "Mon"], ["Sun", "x"], {"name": 5}, {"day": "MO", "start": "9:00 AM", "end": "5:00 PM"},
    [{"start": "10:00 AM", "end": "3:00 PM"}], [{"day": "MO", "start": "9:00 AM", "end": "9:00 AM"}],
    [{"day": "SU", "start": "10:00 PM", "end": "2:00 AM"}, {"day": "MO", "start": "1:00 AM", "end": "3:00 AM"}],
    [{"day": "TU", "start": "09:00:30", "end": "09:01:30"}, {"day": "TU", "start": "07:00", "end": "8:00", "x": 1}, 5],
)  # fmt: skip
KEYS = (
    "id", "direction", "connection", "queue_name", "maxSkips", "schedule", "startDateTime", "recurrenceObject",
    "recurType", "message", "totalMessagesSent", "campaignInstanceUpdatedAt", "dialingStrategy", "callingHours", "days",
    "day", "start", "end", "weeklyDetails", "dailyDetails", "unknown", "a.b",
)  # fmt: skip


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
    assert set(cells) == {column.name for column in CAMPAIGNS} - made_here


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
