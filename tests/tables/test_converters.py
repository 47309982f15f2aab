"""`exporter.tables.converters`: from JSON values to cells, one alone or a block at once."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from exporter.tables.converters import (
    DATE_TIME,
    DNC_IDS,
    DNC_NAMES,
    FLAG,
    INSTANT,
    MOST_ELEMENTS,
    NAMES,
    TEXT,
    TEXT_NOT_EMPTY,
    TEXT_OR_FLAG,
    TEXT_OR_INTEGER,
    WHICH_DAYS,
    Converter,
    Unreadable,
    whole_number,
)
from exporter.tables.timestamps import TIME

LISTS = pa.list_(pa.string())


@pytest.mark.parametrize(
    ("converter", "value", "cell"),
    [
        (TEXT_OR_FLAG, True, "true"),
        (TEXT_OR_FLAG, False, "false"),
        (TEXT_OR_FLAG, "detect", "detect"),
        (TEXT_OR_INTEGER, 15550100, "15550100"),
        (TEXT_NOT_EMPTY, "", None),
        (TEXT_NOT_EMPTY, "t-1", "t-1"),
        (FLAG, " TRUE ", True),
        (FLAG, "False", False),
        (DNC_IDS, {"id": "d-1", "name": "A"}, ["d-1"]),
        (DNC_NAMES, {"id": "d-1", "name": "A"}, ["A"]),
        (DNC_NAMES, ["A", {"name": "B"}, {"id": "d-3"}], ["A", "B", None]),
        (DNC_IDS, ["A", {"name": "B"}, {"id": "d-3"}], [None, None, "d-3"]),
        (DNC_IDS, [{"id": "1"}, {"name": "B"}], ["1", None]),
        (DNC_NAMES, [{"id": "1"}, {"name": "B"}], [None, "B"]),
        (DNC_IDS, [{"id": ""}, {"id": "2", "name": " "}, {}, {"id": None}], ["2"]),
        (DNC_NAMES, {"id": "", "name": ""}, None),
        (DNC_NAMES, "", None),
        (DNC_NAMES, "A", ["A"]),
        (FLAG, "", None),
        (FLAG, "\u200e true", True),
        (INSTANT, " ", None),
        (DATE_TIME, "\u200b", None),
        (WHICH_DAYS, "", None),
        (WHICH_DAYS, ["", "Mon\u200b"], ["MO"]),
        (whole_number(8), "", None),
        (whole_number(8), "\u200e5\u00a0", 5),
        (whole_number(8), "0" * 20 + "5", 5),
        (DNC_IDS, {"name": "B"}, None),
        (DNC_NAMES, [{"id": 7, "name": "A"}], ["A"]),
        (NAMES, [{"name": "", "id": "l-1"}, "P"], ["l-1", "P"]),
        (NAMES, "P", ["P"]),
        (NAMES, "[P", ["[P"]),
        (NAMES, ["P"] * MOST_ELEMENTS, ["P"] * MOST_ELEMENTS),
        (NAMES, [], None),
    ],
)
def test_a_value_is_read_alone(converter: Converter, value: Any, cell: Any) -> None:
    assert converter.parse(value) == cell


@pytest.mark.parametrize(
    ("converter", "value", "left"),
    [
        (DNC_NAMES, [{"name": "A", "size": 3}, {"id": "d-2", "kind": "x"}], [(".0.size", 3), (".1.kind", "x")]),
        (DNC_NAMES, {"id": "d-1", "name": "A", "size": 3}, [(".size", 3)]),
        (NAMES, [{"name": "A", "id": "l-1"}, "P", {"id": "l-2", "size": 1}], [(".0.id", "l-1"), (".2.size", 1)]),
        (INSTANT, "2026-02-11T10:04:31.512500Z", [("", "2026-02-11T10:04:31.512500Z")]),
        (INSTANT, "2026-02-11T10:04:31.512000Z", []),
        (INSTANT, "", [("", "")]),
        (DATE_TIME, " ", [("", " ")]),
        (FLAG, "", [("", "")]),
        (FLAG, "true", []),
        (whole_number(8), "\u200b", [("", "\u200b")]),
        (WHICH_DAYS, ["", "Mon"], [(".0", "")]),
        (DNC_NAMES, ["", {"id": "", "name": "A"}], [(".0", ""), (".1.id", "")]),
        (NAMES, {"name": "A", "a.b": 1, "a": {"b": 2}}, [(".a\\.b", 1), (".a", {"b": 2})]),
        (DNC_NAMES, {"name": "A", "a.b": 1, "a": {"b": 2}}, [(".a\\.b", 1), (".a", {"b": 2})]),
    ],
)  # fmt: skip
def test_what_a_column_does_not_hold_of_its_value_is_left_over_with_its_place(
    converter: Converter, value: Any, left: list[tuple[str, Any]]
) -> None:
    assert list(converter.left_over(value)) == left


@pytest.mark.parametrize(
    ("converter", "value", "why"),
    [
        (NAMES, [{"size": 3}], "an object with neither name nor id"),
        (NAMES, '[{"name": "A"}]', "JSON as text"),
        (DNC_NAMES, ' {"name": "A"}', "JSON as text"),
        (DNC_NAMES, [{"listName": "A"}], "an object with neither id nor name"),
        (DNC_IDS, [{"id": 7}], "not text"),
        (whole_number(8), "0" * 99 + "5", "not a whole number"),
        (FLAG, "maybe", "neither true nor false"),
        (FLAG, 1, "neither true nor false"),
        (NAMES, ["P"] * (MOST_ELEMENTS + 1), "more than 10,000 elements"),
        (INSTANT, "2026-02-11T10:04:31", "not a date and time with its zone"),
        (DATE_TIME, "soon", "not a date and time"),
        (WHICH_DAYS, ["Mon", "never"], "not weekdays"),
        (whole_number(64), "1" * 65, "not a whole number"),
        (whole_number(8), 128, "does not fit into 8 bits"),
        (whole_number(8), -129, "does not fit into 8 bits"),
        (whole_number(8), 5.5, "not a whole number"),
        (whole_number(8), True, "not a whole number"),
        (whole_number(8), "0x10", "not a whole number"),
        (whole_number(8), math.inf, "not a whole number"),
    ],
)
def test_what_cannot_be_read_says_what_it_is_not(converter: Converter, value: Any, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        converter.parse(value)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("value", "number"), [(127, 127), (-128, -128), (" 5 ", 5), ("-5", -5), ("+5", 5), (5.0, 5), ("007", 7)]
)
def test_a_whole_number_is_read_in_each_of_its_forms(value: Any, number: int) -> None:
    assert whole_number(8).parse(value) == number


@pytest.mark.parametrize(
    ("converter", "kind", "values", "cells"),
    [
        (DNC_NAMES, LISTS, [{"id": "d-1", "name": "A"}, None, {"id": "d-2"}, {}], [["A"], None, None, None]),
        (DNC_IDS, LISTS, [{"id": "d-1", "name": "A"}, None], [["d-1"], None]),
        (NAMES, LISTS, [["A", "B"], None, []], [["A", "B"], None, None]),
        (WHICH_DAYS, LISTS, [["Sun", "Mon", "Mon"], None, []], [["MO", "SU"], None, None]),
        (TEXT, pa.string(), ["a", "", None], ["a", "", None]),
        (TEXT_NOT_EMPTY, pa.string(), ["a", "", None], ["a", None, None]),
        (TEXT_OR_FLAG, pa.string(), ["detect", True, False, None], ["detect", "true", "false", None]),
        (FLAG, pa.bool_(), [True, None, False], [True, None, False]),
        (DATE_TIME, pa.string(), ["2026-10-5 06:00:00", None], ["2026-10-05T06:00:00", None]),
        (whole_number(8), pa.int8(), [127, None, -128], [127, None, -128]),
        (whole_number(8), pa.int8(), ["127", None, "-128"], [127, None, -128]),
        (whole_number(8), pa.int8(), [None, None], [None, None]),
    ],
)
def test_a_clean_block_is_read_at_once(
    converter: Converter, kind: pa.DataType, values: list[Any], cells: list[Any]
) -> None:
    found = converter.parse_batch(values, kind)
    assert found.type == kind
    assert found.to_pylist() == cells


def test_a_clean_block_of_instants_is_read_at_once() -> None:
    texts = ["2026-02-11T10:04:31.512Z", None, "1970-01-01T00:00:01+00:00"]
    found = INSTANT.parse_batch(texts, TIME)
    assert found.type == TIME
    assert found.cast(pa.int64()).to_pylist() == [INSTANT.parse(texts[0]), None, 1000]


@pytest.mark.parametrize(
    ("converter", "kind", "values"),
    [
        (DNC_NAMES, LISTS, [{"id": "d-1", "size": 3}]),
        (DNC_NAMES, LISTS, [[{"id": "d-1"}]]),
        (DNC_IDS, LISTS, [{"id": "7", "name": ""}]),
        (DATE_TIME, pa.string(), [""]),
        (WHICH_DAYS, LISTS, [["Mon", ""]]),
        (whole_number(8), pa.int8(), [""]),
        (whole_number(8), pa.int8(), ["0" * 20 + "5"]),
        (NAMES, LISTS, [["A", None]]),
        (NAMES, LISTS, ["A"]),
        (WHICH_DAYS, LISTS, [["x"]]),
        (WHICH_DAYS, LISTS, [[7]]),
        (whole_number(8), pa.int8(), [5.5]),
        (whole_number(8), pa.int8(), ["0x10"]),
        (whole_number(8), pa.int8(), [True]),
        (whole_number(8), pa.int8(), [128]),
        (whole_number(8), pa.int8(), ["128"]),
        (TEXT, pa.string(), [7]),
        (DATE_TIME, pa.string(), ["soon"]),
        (INSTANT, TIME, ["2026-02-11T10:04:31.5"]),
        (INSTANT, TIME, ["+9999-02-11T10:04:31Z"]),
        (INSTANT, TIME, ["0000-02-11T10:04:31Z"]),
    ],
)
def test_a_block_with_an_odd_value_is_not_read_at_once(
    converter: Converter, kind: pa.DataType, values: list[Any]
) -> None:
    # Unreadable is a ValueError, too, and ArrowInvalid.
    with pytest.raises((ValueError, TypeError)):
        converter.parse_batch(values, kind)
