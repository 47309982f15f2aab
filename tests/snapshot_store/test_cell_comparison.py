"""`exporter.snapshot_store.cell_comparison`: when two cells differ."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import CampaignResponse
from exporter.snapshot_store.cell_comparison import NOT_COMPARED, differs, order_only, same
from exporter.tables.flatten import flatten
from exporter.tables.typed_decoder import DAYS

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
        ('{"a":"1e400"}', '{"a":"10e399"}', True),
        ('{"a":"1e400"}', '{"a":"1e401"}', False),
        ('{"a":"5"}', '{"a":"5.0"}', False),
        ('{"a":1e-99999999999999999999}', '{"a":1e-99999999999999999998}', False),
        ('{"a.0":1,"a.1":2}', '{"a.0":2,"a.1":1}', False),
        ('{"a.30":true}', '{"a.60":true}', False),
        ('{"v1\\\\.5":true}', '{"v1\\\\.6":true}', False),
        ('{"@.0.enabled":false}', '{"@.3.enabled":false}', True),
        ('{"@.0.enabled":false}', '{"@.0.enabled":true}', False),
        ('{"@.0.x":1,"@.1.x":1}', '{"@.0.x":1}', False),
        ('{"@.0.x":1,"@.0.y":2,"@.1.x":3,"@.1.y":4}', '{"@.0.x":3,"@.0.y":4,"@.1.x":1,"@.1.y":2}', True),
        ('{"@.0.x":1,"@.0.y":2,"@.1.x":3,"@.1.y":4}', '{"@.0.x":1,"@.0.y":4,"@.1.x":3,"@.1.y":2}', False),
        ('{"@.0.1":1,"@.0.2":2}', '{"@.0.1":2,"@.0.2":1}', False),
        ('{"@":{"1":"x","2":"y"}}', '{"@":{"1":"y","2":"x"}}', False),
        ('{"@":[{"x":1},{"x":2}]}', '{"@":[{"x":2.0},{"x":1}]}', True),
        ('{"@":[{"x":1,"y":2},{"x":3,"y":4}]}', '{"@":[{"x":1,"y":4},{"x":3,"y":2}]}', False),
        ("not JSON", "not JSON either", False),
        ("not JSON", '{"a":1}', False),
    ],
)
def test_extra_is_compared_by_value_path_by_path_and_the_entries_of_a_week_in_any_order(
    old: str, new: str, equal: bool
) -> None:
    old, new = old.replace("@", DAYS), new.replace("@", DAYS)
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
    assert same("parse_issues", [f"{DAYS}.0.start: no", "name: x"], ["name: x", f"{DAYS}.2.start: no"])
    assert not same("parse_issues", [f"{DAYS}.0.start: no"], [f"{DAYS}.0.end: no"])
    assert not same("parse_issues", ["a.0: no"], ["a.1: no"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"priority":128', '"priority":128.0'),
        ('"totalMessagesSent":1e19', '"totalMessagesSent":10000000000000000000'),
        ('"createdAt":{"a":1,"b":2}', '"createdAt":{"b":2,"a":1}'),
        ('"schedule":[{"a":1,"b":2}]', '"schedule":[{"b":2,"a":1}]'),
        ('"Message":{"a":1,"b":2}', '"Message":{"b":2,"a":1}'),
        ('"contactLists":[{"x":1,"y":2}]', '"contactLists":[{"y":2,"x":1.0}]'),
        *(
            (f'"dialingStrategy":{{"callingHours":{{{old}}}}}', f'"dialingStrategy":{{"callingHours":{{{new}}}}}')
            for old, new in (
                ('"holidays":{"a":1,"b":2},"days":[{}]', '"days":[{}],"holidays":{"b":2,"a":1e0}'),
                (
                    '"days":{"day":"MO","start":"9:00 AM","end":900}',
                    '"days":{"end":900.0,"start":"9:00 AM","day":"MO"}',
                ),
                ('"days":[{"day":"MO"},{"day":"TU","x":1.5}]', '"days":[{"x":1.50,"day":"TU"},{"day":"MO"}]'),
            )
        ),
    ],
)
def test_what_is_quoted_in_an_issue_is_compared_by_value(old: str, new: str) -> None:
    rows = rows_of(f"{{{old}}}", f"{{{new}}}")
    assert rows.column("parse_issues").null_count == 0
    assert columns_that_differ(rows) == []


def rows_of(*texts: str) -> pa.Table:
    """The rows of answers with these JSON texts as their data."""
    return pa.table(flatten([CampaignResponse("a", 0, 200, f'{{"data":{text}}}') for text in texts]).campaigns)


def columns_that_differ(rows: pa.Table) -> list[str]:
    """Of two rows."""
    before, after = rows.slice(0, 1), rows.slice(1)
    return [
        name
        for name in rows.schema.names
        if name not in NOT_COMPARED and differs(name, before.column(name), after.column(name)).to_pylist() != [False]
    ]


NUMBERS = (("5", "5.0", "50e-1"), ("7", "70E-1"), ("0", "-0.0"), ("2.5", "2.50"), ("1e400", "10e399"), ("1e401",))
leaves = st.sampled_from([*((number, spelling) for number in NUMBERS for spelling in number), True, False, "5", "x"])
unknown = st.recursive(
    leaves,
    lambda parts: (
        st.lists(parts, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y", "0", "1", "30", "v1.5", "v1.6"]), parts, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
week = st.lists(
    st.fixed_dictionaries(
        {"day": st.sampled_from(["MO", "TU", "WE"])},
        optional={
            "start": st.sampled_from(["9:00 AM", "1:00 PM", "noon"]),
            "end": st.sampled_from(["5:00 PM", "6:00 PM"]),
        },
    ),
    max_size=3,
    unique_by=repr,
)


def parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value, as its list or object and the index or key."""
    if isinstance(value, list | dict):
        for key in range(len(value)) if isinstance(value, list) else value:
            yield value, key
            yield from parts_of(value[key])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two answers: one at random, and one with two values of it exchanged, one renamed or replaced, or nothing."""
    before = {"filters": draw(unknown), "m": draw(unknown), "days": draw(week)}
    after = copy.deepcopy(before)
    places = list(parts_of(after))
    kind = draw(st.sampled_from(["exchanged", "renamed", "replaced", "equal"]))
    (one, at), (other, there) = draw(st.sampled_from(places)), draw(st.sampled_from(places))
    if kind == "exchanged" and not isinstance(one[at], list | dict) and not isinstance(other[there], list | dict):
        one[at], other[there] = other[there], one[at]
    elif kind == "renamed" and isinstance(one, dict) and one is not after and at not in ("day", "start", "end"):
        one[draw(st.sampled_from(["x", "31", "v1.6"]))] = one.pop(at)
    elif kind == "replaced" and not isinstance(one[at], list | dict):
        one[at] = draw(leaves)
    return before, after


def written(value: Any, order: random.Random) -> str:
    """JSON text, with the keys in any order and each number in any of its spellings."""
    if isinstance(value, tuple):
        return order.choice(value[0])
    if isinstance(value, list):
        return f"[{','.join(written(part, order) for part in value)}]"
    if isinstance(value, dict):
        items = list(value.items())
        order.shuffle(items)
        return f"{{{','.join(f'{json.dumps(key)}:{written(part, order)}' for key, part in items)}}}"
    return json.dumps(value)


def meaning(value: Any) -> str:
    """One text for each value: what differs only in the order of keys or the spelling of numbers has the same."""
    if isinstance(value, tuple):
        return f"number {value[0][0]}"
    if isinstance(value, list):  # whose paths are those of an object with the keys 0, 1 …
        value = {str(index): part for index, part in enumerate(value)}
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{json.dumps(key)}:{meaning(part)}' for key, part in value.items()))}}}"
    return json.dumps(value)


@given(pairs(), st.randoms())
def test_two_answers_differ_by_more_than_order_of_keys_and_days_and_spelling_of_numbers_or_not_at_all(
    pair: tuple[Any, Any], order: random.Random
) -> None:
    texts, meanings = [], []
    for answer in pair:
        days = list(answer.pop("days"))
        meanings.append((meaning(answer), sorted(map(meaning, days))))
        order.shuffle(days)
        hours = {"dialingStrategy": {"callingHours": {"frequency": "WEEKLY", "days": days}}}
        texts.append(written({**answer, **hours}, order))
    assert bool(columns_that_differ(rows_of(*texts))) == (meanings[0] != meanings[1])


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
