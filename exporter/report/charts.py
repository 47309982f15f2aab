"""Geometry of the page's two bar charts: paths and axis labels that the template draws as SVG. Pure.

A chart is as wide as the page lets it be: positions along x are percentages or units of the bars, and only the bars
are stretched, never a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

import msgspec

HEIGHT = 190
"""Pixels of the bars' area, with some air above the highest."""

MOST_X_LABELS = 5

LEAST_BARS = 12
"""Places of a chart of snapshots: fewer bars leave some empty, more are narrower."""


class Bars(NamedTuple):
    """The bars of one series, as an SVG path. `color` names a colour of the page."""

    color: str
    path: str


class Label(NamedTuple):
    """A label of an axis; `at`: percent along x, or pixels along y."""

    at: float
    text: str


class Chart(msgspec.Struct, frozen=True):
    """What the template draws. Paths are in a box of `width` by `HEIGHT` units that is stretched along x only."""

    width: int
    bars: list[Bars]
    x_labels: list[Label]
    y_labels: list[Label]
    limit: float | None = None
    """pixels along y of a dashed line"""


def stacked(moments: Sequence[datetime], series: Sequence[tuple[str, list[int]]]) -> Chart:
    """Stacked counts over snapshots. `series`: colour, counts."""
    below = [0] * len(moments)
    top = max((sum(counts) for counts in zip(*(counts for _, counts in series), strict=True)), default=0)
    scale, y_labels = _y_axis(top)
    bars = []
    for color, counts in series:
        path = "".join(
            f"M{index}.1 {_y((base + count) * scale)}h.8V{_y(base * scale)}h-.8z"
            for index, (base, count) in enumerate(zip(below, counts, strict=True))
            if count
        )
        bars.append(Bars(color, path))
        below = [base + count for base, count in zip(below, counts, strict=True)]
    width = max(len(moments), LEAST_BARS)
    labels = [f"{moment:%-d %b}" for moment in moments]
    return Chart(width, bars, _x_labels(labels, width, shift=0.5), y_labels)


def timeline(
    answers: Sequence[tuple[datetime, int]],
    *,
    step: timedelta,
    limit: float | None,
    pauses: Sequence[tuple[datetime, float]],
) -> Chart:
    """Answers over a run, step by step, against the limit. `pauses`: when they began, and their seconds."""
    numbers = [number for _, number in answers]
    scale, y_labels = _y_axis(max([*numbers, limit or 0]))
    begin, steps = answers[0][0], len(answers)
    path = "".join(f"M{at}.1 {HEIGHT}V{_y(number * scale)}h.8V{HEIGHT}z" for at, number in enumerate(numbers) if number)
    shades = ""
    for moment, seconds in pauses:
        first = max((moment - begin) / step, 0.0)
        last = min((moment - begin + timedelta(seconds=seconds)) / step, float(steps))
        if first < last:
            shades += f"M{first:.1f} 0V{HEIGHT}H{last:.1f}V0z"
    bars = [Bars("pause", shades), Bars("accent", path)]
    labels = [f"{begin + step * index:{_moment_form(step, steps)}}" for index in range(steps)]
    return Chart(steps, bars, _x_labels(labels, steps), y_labels, HEIGHT - limit * scale if limit is not None else None)


def _moment_form(step: timedelta, steps: int) -> str:
    if step < timedelta(minutes=1):
        return "%H:%M:%S"
    return "%H:%M" if steps * step < timedelta(days=1) else "%-d %b"


def _y(height: float) -> str:
    return f"{HEIGHT - height:.1f}"


def _y_axis(top: float) -> tuple[float, list[Label]]:
    """Pixels for one, and labels at whole numbers: 1, 2 or 5 times a power of ten apart."""
    scale = HEIGHT / ((top or 1) * 1.08)
    step = next(size for power in count() for size in (10**power, 2 * 10**power, 5 * 10**power) if top / size <= 4)
    return scale, [Label(HEIGHT - value * scale, f"{value:,}") for value in range(0, int(top) + 1, step)]


def _x_labels(texts: Sequence[str], width: int, *, shift: float = 0.0) -> list[Label]:
    """Some of the labels, evenly spaced; `shift`: 0.5 is the middle of a bar."""
    every = max(1, -(-width // MOST_X_LABELS))
    return [Label((index + shift) * 100 / width, texts[index]) for index in range(0, len(texts), every)]
