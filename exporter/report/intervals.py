"""Intervals of the minutes of a week, counted from Monday 00:00: wrap, join, intersect. Pure."""

from __future__ import annotations

from collections.abc import Iterable

DAY = 1440
WEEK = 7 * DAY
"""Minutes."""

Intervals = list[tuple[int, int]]
"""(start, stop) in minutes of the week, 0 <= start < stop <= WEEK."""


def wrapped(start: int, stop: int) -> Intervals:
    """An interval that begins in the week, as one or two within it: what passes Sunday midnight is Monday."""
    if stop <= WEEK:
        return [(start, stop)]
    return [(start, WEEK), (0, stop - WEEK)]


def joined(intervals: Iterable[tuple[int, int]]) -> Intervals:
    """The same minutes as intervals in order that neither overlap nor touch."""
    result: Intervals = []
    for start, stop in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return result


def common(left: Intervals, right: Intervals) -> Intervals:
    """The minutes that are in both. Both as `joined` gives them."""
    return [
        (max(start, first), min(stop, last))
        for start, stop in left
        for first, last in right
        if max(start, first) < min(stop, last)
    ]


def total(intervals: Intervals) -> int:
    """Minutes in all."""
    return sum(stop - start for start, stop in intervals)
