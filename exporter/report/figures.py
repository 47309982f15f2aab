"""The pictures, drawn by matplotlib as SVG that takes its colours from the page, so that light and dark both fit."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from exporter.report.facts import Halt
from exporter.report.quiet_hours import DAY, QuietHours
from exporter.report.week import Grid, joined
from exporter.tables.weekdays import WEEKDAYS

LEVELS = 6
"""Shades of a filled hour; 0 is an empty one."""

SERIES = 8
"""Colours of a stacked bar; the page's `--s0` … `--s7`, the last one for all others."""

_STANDS_FOR = {
    **{f"#0102a{level}": f"var(--h{level})" for level in range(LEVELS + 1)},
    **{f"#0102b{level}": f"var(--t{level})" for level in range(LEVELS + 1)},
    **{f"#0102c{level}": f"var(--w{level})" for level in range(LEVELS + 1)},
    **{f"#0102e{number}": f"var(--s{number})" for number in range(SERIES)},
    "#0102d0": "var(--accent)",
    "#0102d1": "var(--warn)",
    "#0102d2": "var(--line)",
    "#0102d3": "var(--quiet)",
    "#010203": "currentColor",
}
"""What matplotlib is told as a colour, and the page's variable that takes its place: the page knows light from dark."""

INK, ACCENT, WARN, LINE, QUIET = "#010203", "#0102d0", "#0102d1", "#0102d2", "#0102d3"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "campaign-export",
    "text.parse_math": False,  # a status may hold $
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "hatch.linewidth": 0.7,
}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@contextmanager
def _drawing() -> Iterator[None]:
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The browser writes the texts, with the fonts it has: those that matplotlib lacks do not matter.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        yield


def week_picture(grid: Grid, title: str, *, quiet: Sequence[QuietHours] = (), breached: Grid | None = None) -> str:
    """Weekday by hour: how many campaigns may send. Quiet hours are hatched, those that are not kept are red."""
    with _drawing():
        figure = Figure(figsize=(9.2, 3.1), layout="constrained")
        axes = figure.subplots()
        most = max((value for day in grid for value in day), default=0) or 1
        for day, hours in enumerate(grid):
            for hour, value in enumerate(hours):
                level = min(LEVELS, int(value / most * LEVELS) + 1) if value else 0
                shade = "c" if breached is not None and breached[day][hour] else "a"
                axes.add_patch(Rectangle((hour + 0.02, day + 0.03), 0.96, 0.94, facecolor=f"#0102{shade}{level}"))
                if value:
                    text, ink = short_number(value), f"#0102b{level}"
                    axes.text(hour + 0.5, day + 0.52, text, ha="center", va="center", fontsize=8, color=ink)
        for start, stop in joined(span for one in quiet for span in one.spans):
            _hatch(axes, start, stop, grid)
        axes.set(xlim=(0, 24), ylim=(7, 0), xticks=range(0, 25, 3), yticks=[day + 0.5 for day in range(7)])
        axes.set_xticklabels([f"{hour:02}:00" for hour in range(0, 25, 3)])
        axes.set_yticklabels(WEEKDAYS)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure, title)


def _hatch(axes: Any, start: int, stop: int, grid: Grid) -> None:
    """Hatch what nobody uses, hour by hour: numbers stay legible."""
    while start < stop:
        day, minute = divmod(start, DAY)
        end = min(stop - start, 60 - minute % 60)
        if not grid[day][minute // 60]:
            axes.add_patch(
                Rectangle(
                    (minute / 60, day + 0.03), end / 60, 0.94, facecolor="none", edgecolor=QUIET, hatch="////",
                    linewidth=0,
                )
            )  # fmt: skip
        start += end


def short_number(value: float) -> str:
    """`493`, `4.5k`; a part of one is `0.5`."""
    if value >= 999.5:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if value >= 0.95 else f"{value:.1f}"


def bars(pairs: Sequence[tuple[str, int]], title: str, *, most: int = 10) -> str:
    """Lying bars, the longest first; what does not fit is one bar of the rest."""
    shown = list(pairs[:most])
    rest = sum(number for _, number in pairs[most:])
    if rest:
        shown.append((f"{len(pairs) - most} more", rest))
    with _drawing():
        # All with the same width for the names, so that several beside each other have the same scale of letters.
        figure = Figure(figsize=(4.6, 0.15 + 0.29 * len(shown)))
        axes = figure.add_axes((0.34, 0.0, 0.52, 1.0))
        numbers = [number for _, number in shown]
        drawn = axes.barh(range(len(shown)), numbers, color=ACCENT, height=0.7)
        axes.bar_label(drawn, labels=[f"{number:,}" for number in numbers], padding=5, fontsize=10)
        axes.set_yticks(range(len(shown)), [label(name) for name, _ in shown], fontsize=10)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, max(numbers, default=1) or 1)
        axes.xaxis.set_visible(False)
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        return _svg(figure, title)


def legible(text: str) -> str:
    """`text` without characters that show nothing or move what stands around them."""
    return _UNPRINTABLE.sub("·", text)


def label(text: str) -> str:
    """A value as a picture can show it: one line, of some length."""
    text = legible(text)
    return text if len(text) <= 22 else text[:21] + "…"


def over_time(moments: Sequence[datetime], series: Sequence[tuple[str, int, list[int]]], title: str) -> str:
    """Stacked counts over the snapshots. `series`: name, number of the colour, counts."""
    with _drawing():
        figure = Figure(figsize=(9.2, 2.7), layout="constrained")
        axes = figure.subplots()
        below = [0] * len(moments)
        places = range(len(moments))
        for _, color, numbers in series:
            axes.bar(places, numbers, 0.78, bottom=below, color=f"#0102e{color}")
            below = [a + b for a, b in zip(below, numbers, strict=True)]
        if len(moments) <= 15:
            for place, number in zip(places, below, strict=True):
                axes.annotate(f"{number:,}", (place, number), (0, 3), textcoords="offset points", ha="center")
        step = max(1, -(-len(moments) // 10))
        axes.set_xticks(list(places)[::step], [f"{m:%-d %b}\n{m:%H:%M}" for m in moments[::step]])
        _count_axis(axes)
        axes.set_ylim(0, (max(below, default=0) or 1) * 1.12)
        room = max(len(moments), 6) / 2
        middle = (len(moments) - 1) / 2
        axes.set_xlim(middle - room, middle + room)
        return _svg(figure, title)


def pace(
    answers: Sequence[tuple[datetime, int]],
    title: str,
    *,
    step: timedelta,
    limit: float | None,
    pauses: Sequence[Halt],
) -> str:
    """Answers over the run, `step` by step, against the limit; pauses are shaded."""
    with _drawing():
        figure = Figure(figsize=(9.2, 2.5), layout="constrained")
        axes = figure.subplots()
        moments, numbers = [moment for moment, _ in answers], [number for _, number in answers]
        for pause in pauses:
            end = pause.began + timedelta(seconds=pause.seconds)
            axes.axvspan(pause.began, end, facecolor="#0102c1", edgecolor="none")
        width = step.total_seconds() / 86400
        axes.bar(moments, numbers, width=width * 0.9, color=ACCENT, align="edge")
        top: float = max(numbers, default=1)
        if limit is not None:
            axes.axhline(limit, color=WARN, linewidth=1.2, linestyle=(0, (5, 3)))
            top = max(top, limit)
        axes.set_ylim(0, top * 1.12)
        axes.set_xlim(moments[0] - step / 4, moments[-1] + step * 1.25)
        locator = AutoDateLocator(maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))
        _count_axis(axes)
        return _svg(figure, title)


def _count_axis(axes: Any) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.grid(visible=True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)


def _svg(figure: Figure, title: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    # Only the view box: the page decides on the size. And every picture says what it is to those who do not see it.
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for color, variable in _STANDS_FOR.items():
        text = text.replace(color, variable)
    return _unique_ids(text, title)


def _unique_ids(svg: str, title: str) -> str:
    """Several pictures share a page, and their inner names must not."""
    prefix = re.sub(r"\W+", "", title)[:24]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'xlink:href="#', f'xlink:href="#{prefix}-', svg)
    return re.sub(r"url\(#", f"url(#{prefix}-", svg)
