"""`exporter.tables.json_leaves`: the leaves of a JSON value and their dotted paths."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from exporter.tables.json_leaves import beginning, first_key, is_nothing, leaves_of
from tests.support.json_values import json_values


def test_null_and_an_empty_list_or_object_are_nothing_and_an_empty_text_is_not() -> None:
    values: list[Any] = [None, [], {}, "", 0, False]
    assert [is_nothing(value) for value in values] == [True] * 3 + [False] * 3


def test_a_leaf_has_the_dotted_path_of_its_keys_and_places() -> None:
    value = {"a": [1, {"b.c": "x"}], "d": {}, "": {"\\": True}, "e": [[], [None]]}
    assert list(leaves_of("top", value)) == [("top.a.0", 1), ("top.a.1.b\\.c", "x"), ("top..\\\\", True)]


@given(json_values)
def test_no_two_leaves_have_the_same_path(value: Any) -> None:
    paths = [path for path, _ in leaves_of("", value)]
    assert len(paths) == len(set(paths))


def test_a_value_nested_deeper_than_the_stack_has_its_leaf() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    assert [leaf for _, leaf in leaves_of("", value)] == [1]


def test_the_beginning_of_a_value_is_its_json_text_cut_to_sixty_characters() -> None:
    assert beginning({"a": [1, None]}) == '{"a":[1,null]}'
    assert beginning("x" * 58) == f'"{"x" * 58}"'
    assert beginning("x" * 59) == f'"{"x" * 59}…'
    assert beginning(["x" * 100]) == f'["{"x" * 58}…'


def test_a_value_nested_deeper_than_the_stack_has_a_beginning_too() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert beginning(value) == "nested too deep to be shown"


def test_only_the_first_colon_of_a_key_like_a_path_of_the_list_item_is_escaped() -> None:
    assert first_key("list:a:b") == "list\\:a:b"
    assert first_key("a:b") == "a:b"
