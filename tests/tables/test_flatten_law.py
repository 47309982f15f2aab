"""`exporter.tables.flatten`, for generated answers: each leaf in its row, no row by its neighbours, both ways alike."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.model import CampaignResponse
from exporter.tables.columns import CAMPAIGNS
from exporter.tables.flatten import flatten
from tests.support.answers import SEED, body_of, response_of
from tests.support.leaves_in_rows import missing_leaves, parsed

KNOWN_KEYS = sorted(
    {key for column in CAMPAIGNS for path in column.paths for key in path.removeprefix("list:").split(".")}
    | {"day", "start", "end", "name", "id", "days"}
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["5", "000000000000000000005", "MO", "Mon", "9:00 AM", "12:00 AM", "24:00", "DAILY", "true", "2026-1-5 6:00:00",
         "2026-01-01T00:00:00Z",
         "2026-01-01T00:00:00.123456Z", "SGVsbG8=", "", " ", "\u200b", "Europe/Oslo", "[1]", 1, 1.0, True, 0, False,
         "1", "true", "null", "\ufffd"]
    )
)  # fmt: skip
ADVERSARIAL_KEYS = (
    "", ".", "\\", "a.b", "a\\.b", "\\.", "list:", "list:connection", "list\\:connection", "0", "data", "Priority",
    "name.0",
    "created_at", "messagE", "contactLists.0", "_id.x", "timezone", "enabled", "isClosed", "\u200b", "\x00",
)  # fmt: skip
keys = st.sampled_from(KNOWN_KEYS) | st.sampled_from(ADVERSARIAL_KEYS) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=8,
)

times = st.sampled_from(["9:00 AM", "09:00", "5:00 PM", "17:00", "11:59:59.999 PM", "noon", "", 9])
entries = st.fixed_dictionaries(
    {}, optional={"day": st.sampled_from(["MO", "Monday", "TU", "XX", " ", 1]), "start": times, "end": times}
)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """The seed answer with values of any type put in at any known path, and unknown keys anywhere."""
    data = copy.deepcopy(draw(st.sampled_from([SEED, {}])))
    for column in draw(st.lists(st.sampled_from([c for c in CAMPAIGNS if c.paths]), max_size=4)):
        path = draw(st.sampled_from(column.paths)).removeprefix("list:").replace("[]", "")
        *parents, key = path.split(".")
        target = data
        for parent in parents:
            inner = target.get(parent)
            target[parent] = target = inner if isinstance(inner, dict) else {}
        target[key] = draw(st.lists(entries, max_size=3) if key == "days" and draw(st.booleans()) else values)
    data.update(draw(st.dictionaries(keys, values, max_size=3)))
    return data


@given(answers())
def test_every_leaf_is_in_its_row(data: dict[str, Any]) -> None:
    """A leaf that no column shows is in `extra`, at its path and value for value."""
    flat = flatten([response_of(data)])
    (row,) = flat.campaigns.to_pylist()
    assert not missing_leaves(parsed(json.dumps(data)), row, flat.calling_windows.to_pylist())


@given(st.lists(answers(), min_size=1, max_size=3))
def test_a_row_does_not_depend_on_its_neighbours(block: list[dict[str, Any]]) -> None:
    responses = [response_of(data, campaign_id=f"cd-{n}") for n, data in enumerate(block)]
    together = flatten(responses)
    alone = [flatten([response]) for response in responses]
    assert together.campaigns.to_pylist() == [flat.campaigns.to_pylist()[0] for flat in alone]
    assert together.calling_windows.to_pylist() == [w for flat in alone for w in flat.calling_windows.to_pylist()]


@given(st.lists(answers(), min_size=1, max_size=2))
def test_the_quick_and_the_careful_way_give_the_same_rows(block: list[dict[str, Any]]) -> None:
    """A key that no column knows makes an answer one that is walked leaf by leaf."""
    usual = flatten([response_of(data, campaign_id="a") for data in block])
    walked = flatten([response_of({**data, "unheard of": 1}, campaign_id="a") for data in block])
    assert usual.calling_windows.to_pylist() == walked.calling_windows.to_pylist()
    for one, other in zip(usual.campaigns.to_pylist(), walked.campaigns.to_pylist(), strict=True):
        extra = json.loads(other.pop("extra"))
        assert extra.pop("unheard of") == 1
        assert (json.loads(one.pop("extra") or "{}"), one) == (extra, other)


@given(values)
def test_nothing_raises_whatever_the_answer(value: Any) -> None:
    flatten([response_of(value), CampaignResponse("cd-2", 0, 200, json.dumps(value), list_item=json.dumps(value))])
    flatten([CampaignResponse("cd-3", 0, 200, body_of({"dialingStrategy": {"callingHours": value}}))])
