"""`exporter.snapshot_store.cell_comparison`: when two cells differ."""

from __future__ import annotations

import json
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.snapshot_store.cell_comparison import differs, order_only, same

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ('{"a":1,"b":2}', '{"b":2,"a":1}', True),
        ('{"a":5}', '{"a":5.0}', True),
        ('{"a":1000}', '{"a":1e3}', True),
        ('{"a":-0.0}', '{"a":0}', True),
        ('{"a":0.1}', '{"a":0.10000000000000000001}', False),
        ('{"a":9007199254740993}', '{"a":9007199254740992.0}', False),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":5}', '{"a":"5"}', False),
        ('{"a":{"x":1,"y":2}}', '{"a":{"y":2.0,"x":1}}', True),
        ('{"a":[1,2]}', '{"a":[2,1]}', False),
        ('{"days.0.enabled":false}', '{"days.3.enabled":false}', True),
        ('{"days.0.enabled":false}', '{"days.0.enabled":true}', False),
        ('{"days.0.x":1,"days.1.x":1}', '{"days.0.x":1}', False),
        ("not JSON", "not JSON either", False),
        ("not JSON", '{"a":1}', False),
    ],
)
def test_extra_is_compared_by_value(old: str, new: str, equal: bool) -> None:
    assert same("extra", old, new) is equal
    assert differs("extra", pa.chunked_array([[old]]), pa.chunked_array([[new]])).to_pylist() == [not equal]


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.randoms())
def test_extra_with_its_keys_in_any_order_is_the_same(extra: dict[str, Any], order: random.Random) -> None:
    keys = list(extra)
    order.shuffle(keys)
    assert same("extra", json.dumps(extra), json.dumps({key: extra[key] for key in keys}))


@given(st.dictionaries(st.text("ab", max_size=3), json_values, max_size=3), st.text("ab", max_size=3), json_values)
def test_another_value_in_extra_is_a_difference(extra: dict[str, Any], key: str, value: Any) -> None:
    changed = {**extra, key: value}
    texts = [json.dumps(part, sort_keys=True) for part in (extra, changed)]
    assert same("extra", *texts) == (texts[0] == texts[1])


def test_parse_issues_are_the_same_wherever_their_entry_is_in_its_list() -> None:
    assert same("parse_issues", ["days.0.start: no", "name: x"], ["name: x", "days.2.start: no"])
    assert not same("parse_issues", ["days.0.start: no"], ["days.0.end: no"])


def test_a_list_in_another_order_is_a_difference_of_order_only() -> None:
    assert not same("contact_lists", ["a", "b"], ["b", "a"])
    assert order_only(["a", "b"], ["b", "a"])
    assert not order_only(["a", "b"], ["a", "c"])
    assert not order_only(["a"], ["a"])
    assert not order_only(["a", "a", "b"], ["a", "b", "b"])


@pytest.mark.parametrize("values", [["a", None, "b"], [["a"], None, []], [1, None, 2], [True, None, False]])
def test_null_differs_from_every_value_and_not_from_null(values: list[Any]) -> None:
    column = pa.chunked_array([pa.array(values)])
    nothing = pa.chunked_array([pa.array([None] * 3, column.type)])
    assert differs("name", column, nothing).to_pylist() == [True, False, True]
    assert differs("name", column, column).to_pylist() == [False] * 3
