"""`exporter.tables.answer_walk`: which value of an answer belongs to which column."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.tables.answer_walk import walk
from exporter.tables.extra_and_issue_columns import Extra


def walked(data: dict[str, Any]) -> tuple[dict[str, tuple[Any, str]], dict[str, Any], list[tuple[str, str]]]:
    """(value and path for the first path of each column, extra, issues)."""
    extra = Extra()
    values, issues = walk(data, extra)
    return {paths[0]: tuple(located) for paths, located in values.items()}, dict(extra), issues


def test_of_several_places_the_first_that_holds_a_value_wins() -> None:
    values, extra, issues = walked({"direction": "simple", "format": None, "id": "b", "_id": "a"})
    assert values == {"format": ("simple", "direction"), "_id": ("a", "_id")}
    assert extra == {"id": "b"}
    assert issues == []


@pytest.mark.parametrize(
    ("one", "other", "path", "leaf"),
    [
        (True, 1, "", 1),
        (1, 1.0, "", 1.0),
        ("5", 5, "", 5),
        ([True], [1], ".0", 1),
        ({"a": 0}, {"a": False}, ".a", False),
    ],
)
def test_values_that_python_calls_equal_are_two(one: Any, other: Any, path: str, leaf: Any) -> None:
    values, extra, _ = walked({"maxSkips": one, "dialingStrategy": {"maxSkips": other}})
    assert values["maxSkips"] == (one, "maxSkips")
    assert repr(extra) == repr({f"dialingStrategy.maxSkips{path}": leaf})


def test_objects_with_the_same_leaves_in_another_order_are_one() -> None:
    assert walked({"id": {"a": 1, "b": 2}, "_id": {"b": 2, "a": 1}})[1] == {}


def test_what_no_column_takes_is_named_leaf_by_leaf() -> None:
    _, extra, issues = walked({"x": {"y": [1, {"a.b": 2}]}, "": {"": 3}, "empty": {"a": []}})
    assert extra == {"x.y.0": 1, "x.y.1.a\\.b": 2, ".": 3}
    assert issues == []


def test_a_part_that_is_no_object_is_kept_whole_and_is_an_issue() -> None:
    _, extra, issues = walked({"schedule": [1, {"a": 2}], "message": ""})
    assert extra == {"schedule": [1, {"a": 2}], "message": ""}
    assert issues == [("schedule", 'not an object: [1,{"a":2}]')]


@pytest.mark.parametrize("key", ["Max_Skips", "max-skips", "MAX SKIPS"])
def test_a_key_in_another_spelling_is_an_issue_with_the_known_key_and_the_value(key: str) -> None:
    _, extra, issues = walked({key: 3})
    assert extra == {key: 3}
    assert issues == [(key, "not read, since the key is known as maxSkips: 3")]


def test_of_an_object_with_too_many_keys_what_is_neither_named_nor_in_a_column_is_kept_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.tables.extra_and_issue_columns.MOST", 4096 + 100)
    data = {
        **{f"early{number}": number for number in range(8)},
        "name": "n",
        "late": {"a": 1},
        "schedule": {"timezone": "UTC"},
    }
    values, extra, issues = walked(data)
    assert extra == {**{f"early{number}": number for number in range(8)}, "late": {"a": 1}}
    assert (values["name"][0], values["schedule.timezone"][0]) == ("n", "UTC")
    assert issues == []
    below = walked({"dialingStrategy": data})[1]
    assert below["dialingStrategy"] == {
        key: value for key, value in data.items() if f"dialingStrategy.{key}" not in below
    }
