"""`exporter.json_text`: numbers as they were written, halves of surrogate pairs, byte order marks, sorted keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.json_text import NotJson, dumps, dumps_sorted, loads, loads_exactly


@pytest.mark.parametrize(
    "digits",
    [
        "0.12345678901234567890",
        "-12345678901234567.5",
        "1e-400",
        "9007199254740993e0",
        "900719925474099.3e1",
        "1.7976931348623157001e308",
        "2.5E-999999999999999999999",
    ],
)
def test_a_decimal_that_no_double_holds_stays_as_written(digits: str) -> None:
    assert dumps(loads_exactly(f'{{"a":[{digits}]}}')) == f'{{"a":[{digits}]}}'


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_a_decimal_that_a_double_holds_is_one(number: float, whole: int) -> None:
    text = f"[{number!r},{whole}]"
    assert loads_exactly(text) == loads(text) == [number, whole]
    assert type(loads_exactly(text)[0]) is float


def test_a_number_too_large_for_a_double_is_its_own_text() -> None:
    assert loads_exactly("[1e999]") == loads("[1e999]") == ["1e999"]


@pytest.mark.parametrize("read", [loads, loads_exactly])
def test_half_a_pair_becomes_what_stands_for_an_unreadable_character(read: Callable[[str], object]) -> None:
    assert read('["\ud83d", "\\ud83d"]') == ["\ufffd", "\ufffd"]


def test_sorted_json_has_the_keys_of_every_object_in_order() -> None:
    assert dumps_sorted({"b": [{"d": 1, "c": 2}], "a": 1.0}) == '{"a":1.0,"b":[{"c":2,"d":1}]}'


@pytest.mark.parametrize("read", [loads, loads_exactly])
def test_a_byte_order_mark_is_no_part_of_the_text(read: Callable[[str], object]) -> None:
    assert read('\ufeff{"a":1}') == {"a": 1}


def test_bytes_with_a_byte_order_mark_are_read_as_text_is() -> None:
    assert loads(b'\xef\xbb\xbf{"a":"\xc3\xa9"}') == {"a": "é"}
    with pytest.raises(NotJson):
        loads(b'{"a":"\xe9"}')


@pytest.mark.parametrize("read", [loads, loads_exactly])
def test_a_line_break_within_a_text_is_read(read: Callable[[str], object]) -> None:
    assert read('{"a":"b\n\tc"}') == {"a": "b\n\tc"}


@pytest.mark.parametrize("read", [loads, loads_exactly])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":', "cut off or not JSON"),
        ("404 page not found", "cut off or not JSON"),
        ("", "cut off or not JSON"),
        ('{"a":1}\0', "JSON with something else behind it"),
        (' {"a":1}{"a":1}', "JSON with something else behind it"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply to be read"),
        ('{"a":NaN}', "not JSON: it holds NaN"),
    ],
)
def test_what_is_not_json_is_told_as_what_it_is(read: Callable[[str], object], text: str, why: str) -> None:
    with pytest.raises(NotJson) as caught:
        read(text)
    assert str(caught.value) == why
