"""`exporter.units`: quantities as people write them."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.units import (
    LONGEST_WINDOW,
    Allowance,
    Limit,
    counted,
    first_of,
    format_duration,
    format_size,
    parse_allowance,
    parse_bound,
    parse_days,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
    part_of,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("4h", 14400), ("7d", 604800), ("1h30m", 5400), ("500ms", 0.5), ("45", 45)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_sizes_and_counts_for_people() -> None:
    sizes = (640, 999, 97_700, 1_400_000, 5_000_000_000_000)
    assert [format_size(size) for size in sizes] == ["640 B", "999 B", "97.7 kB", "1.4 MB", "5000.0 GB"]
    assert [counted(number, "campaign") for number in (0, 1, 4500)] == ["0 campaigns", "1 campaign", "4,500 campaigns"]


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    assert first_of(["a", "b"], 2) == "a, b"
    assert first_of(["a", "b", "c"], 2) == "a, b and 1 more"
    assert first_of(range(1500), 2, lambda number: f"<{number}>") == "<0>, <1> and 1,498 more"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_duration, "9" * 400), (parse_duration, "99999999d"), (parse_duration, "1h30"), (parse_bound, "0"),
        (parse_bound, "0ms"), (parse_days, "nan"), (parse_days, "inf"), (parse_days, "0"), (parse_days, "1e99"),
        (parse_size, "9" * 400), (parse_allowance, "9" * 5000), (parse_percent, "9" * 400),
        (parse_rate, "9" * 5000 + "/1m"),
    ],
)  # fmt: skip
def test_what_has_no_end_or_leaves_no_time_is_refused_in_a_short_line(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueError, match="write") as caught:
        parse(text)
    assert len(str(caught.value)) < 200


def test_days_and_bounds() -> None:
    assert (parse_days("0.5"), parse_bound("90s")) == (0.5, 90)


@pytest.mark.parametrize(
    ("text", "size"), [("16MiB", 2**24), ("1GB", 10**9), ("512", 512), ("1.5k", 1536), ("2.3kB", 2300)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/1m", Limit(60, 60)),
        ("1800/1h", Limit(1800, 3600)),
        ("10/s", Limit(10, 1)),
        ("5/500ms", Limit(5, 0.5)),
        ("60/ 1m", Limit(60, 60)),
        (" 60 /1m ", Limit(60, 60)),
        ("10 / s", Limit(10, 1)),
    ],
)
def test_rates(text: str, limit: Limit) -> None:
    assert parse_rate(text) == limit
    assert parse_rate(str(limit)) == limit


@given(st.integers(1, 10**9), st.floats(1e-6, 366 * 86400, exclude_max=True))
@example(5000, 1000001.0)
@example(1, 1e-05)
@example(7, 100001.5)
def test_a_rate_is_read_again_as_it_was_written(slots: int, seconds: float) -> None:
    assert parse_rate(str(Limit(slots, seconds))) == Limit(slots, seconds)


@given(
    st.integers(0, 10**17) | st.sampled_from([10**15 - 1, 10**15]),
    st.floats() | st.sampled_from([LONGEST_WINDOW, math.nextafter(LONGEST_WINDOW, 0)]),
)
def test_a_limit_that_is_accepted_is_read_again_from_a_manifest(slots: int, seconds: float) -> None:
    try:
        limit = msgspec.convert({"slots": slots, "seconds": seconds}, Limit)
    except msgspec.ValidationError:
        return
    assert parse_rate(str(limit)) == limit


def test_allowances() -> None:
    assert parse_allowance("5") == Allowance(5, None)
    assert parse_allowance("5%").exceeded_by(6, 100)
    assert not parse_allowance("5%").exceeded_by(5, 100)
    assert not parse_allowance("0").exceeded_by(0, 10)
    assert parse_allowance("0").exceeded_by(1, 10)


@given(st.integers(0, 1000), st.integers(1, 10**7) | st.integers(1, 10**4).map(lambda number: number * 1000))
@example(290, 100)
@example(7, 1000)
def test_a_percentage_allows_exactly_as_many_as_it_says(tenths: int, total: int) -> None:
    """Whole percentages and those with a decimal, of any total."""
    allowance = parse_allowance(f"{tenths // 10}.{tenths % 10}%")
    most = tenths * total // 1000
    assert not allowance.exceeded_by(most, total)
    assert allowance.exceeded_by(most + 1, total)
    assert str(allowance) == f"{tenths // 10}" + (f".{tenths % 10}%" if tenths % 10 else "%")
    if tenths:
        assert int(part_of(parse_percent(f"{tenths // 10}.{tenths % 10}%"), total)) == most


@pytest.mark.parametrize("parse", [parse_duration, parse_size, parse_rate, parse_allowance, parse_percent])
@given(text=st.text(max_size=12))
def test_what_is_not_understood_is_refused_with_an_example(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert any(sign.isdigit() for sign in str(error))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (41, "41 s"), (185, "3 min 5 s"), (4980, "1 h 23 min"), (187200, "2 d 4 h"), (-1, "0.0 s")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.text(st.sampled_from("0123456789.smhd%/ekib-+٣"), max_size=450))
def test_whatever_is_written_it_is_a_finite_quantity_or_refused(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_percent, parse_days, parse_bound):
        try:
            assert math.isfinite(parse(text))
        except ValueError as error:
            assert "write" in str(error)
