"""`exporter.report.intervals`: minutes of the week."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter.report.intervals import DAY, WEEK, common, joined, total, wrapped

intervals = st.lists(
    st.tuples(st.integers(0, WEEK - 1), st.integers(1, DAY)).map(lambda pair: (pair[0], min(WEEK, pair[0] + pair[1]))),
    max_size=6,
)


@given(intervals, intervals)
def test_common_minutes_are_those_of_both_marked_minute_by_minute(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    marked = [{minute for start, stop in each for minute in range(start, stop)} for each in (left, right)]
    assert total(common(joined(left), joined(right))) == len(marked[0] & marked[1])


@given(st.integers(0, WEEK - 1), st.integers(1, WEEK))
def test_what_passes_the_end_of_the_week_is_at_its_beginning(start: int, length: int) -> None:
    minutes = {minute % WEEK for minute in range(start, start + length)}
    assert {minute for begin, end in wrapped(start, start + length) for minute in range(begin, end)} == minutes
