"""The pictures, drawn by matplotlib as SVG that takes its ink from the page, so that light and dark both fit."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from exporter.report.facts import Grid
from exporter.report.quiet_hours import DAY, QuietHours
from exporter.tables.weekdays import WEEKDAYS

INK = "#010203"
"""Stands for the page's text colour until the SVG is put into it."""

ACCENT = "#2a78c2"
WARN = "#c4472b"
SERIES = ("#2a78c2", "#d98324", "#3a9a6b", "#8a63b8", "#c4472b", "#6b7a8f", "#b8992e", "#4fa8a8")
_SHADES = LinearSegmentedColormap.from_list("shades", ["#dfe9f300", "#2a78c2"])
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "campaign-export",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
}


def week_picture(grid: Grid, quiet: Sequence[QuietHours], title: str) -> str:
    """Weekday by hour: how many campaigns may send; quiet hours are hatched."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        axes = figure.subplots()
        most = max((value for day in grid for value in day), default=0) or 1
        for day, hours in enumerate(grid):
            for hour, value in enumerate(hours):
                share = value / most
                axes.add_patch(
                    Rectangle((hour, day), 0.96, 0.94, facecolor=_SHADES(share), edgecolor="#8884", linewidth=0.4)
                )
                if value:
                    ink = "#ffffff" if share > 0.55 else INK
                    axes.text(hour + 0.48, day + 0.49, _short(value), ha="center", va="center", fontsize=7.5, color=ink)
        for hours_ in quiet:
            for start, stop in hours_.spans:
                _hatch(axes, start, stop)
        axes.set(xlim=(0, 24), ylim=(7, 0), xticks=range(0, 25, 3), yticks=[day + 0.47 for day in range(7)])
        axes.set_xticklabels([f"{hour:02}:00" for hour in range(0, 25, 3)])
        axes.set_yticklabels(WEEKDAYS)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure, title)


def _hatch(axes: Any, start: int, stop: int) -> None:
    while start < stop:
        day, minute = divmod(start, DAY)
        end = min(stop - start, DAY - minute)
        axes.add_patch(
            Rectangle((minute / 60, day), end / 60, 0.94, facecolor="none", edgecolor=WARN, hatch="////", linewidth=0)
        )
        start += end


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if value >= 0.95 else f"{value:.1f}"


def bars(pairs: Sequence[tuple[str, int]], title: str, *, most: int = 12) -> str:
    """Lying bars, the longest first; what does not fit is one bar of the rest."""
    shown = list(pairs[:most])
    rest = sum(number for _, number in pairs[most:])
    if rest:
        shown.append((f"{len(pairs) - most} others", rest))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 0.55 + 0.3 * max(len(shown), 1)), layout="constrained")
        axes = figure.subplots()
        names, numbers = [name[:28] for name, _ in shown], [number for _, number in shown]
        drawn = axes.barh(range(len(shown)), numbers, color=ACCENT, height=0.68)
        axes.bar_label(drawn, labels=[f"{number:,}" for number in numbers], padding=4)
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, max(numbers, default=1) * 1.18)
        axes.xaxis.set_visible(False)
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        return _svg(figure, title)


def over_time(moments: Sequence[datetime], series: dict[str, list[int]], title: str) -> str:
    """Stacked counts over the snapshots."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 3.0), layout="constrained")
        axes = figure.subplots()
        below = [0] * len(moments)
        places = range(len(moments))
        for index, (name, numbers) in enumerate(series.items()):
            axes.bar(places, numbers, 0.82, bottom=below, label=name, color=SERIES[index % len(SERIES)])
            below = [a + b for a, b in zip(below, numbers, strict=True)]
        step = max(1, len(moments) // 8)
        axes.set_xticks(list(places)[::step], [f"{m:%d %b}\n{m:%H:%M}" for m in moments[::step]])
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.tick_params(length=0)
        axes.set_xlim(-0.6, max(len(moments), 8) - 0.4)
        figure.legend(loc="outside right upper", fontsize=9)
        return _svg(figure, title)


def pace(requests: Sequence[tuple[datetime, int]], title: str) -> str:
    """Answers a minute over the run."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 2.4), layout="constrained")
        axes = figure.subplots()
        moments, numbers = [moment for moment, _ in requests], [number for _, number in requests]
        axes.bar(moments, numbers, width=50 / 86400, color=ACCENT, align="edge")
        locator = AutoDateLocator(maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.set_ylabel("answers a minute")
        return _svg(figure, title)


def _svg(figure: Figure, title: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    # Only the view box: the page decides on the size. And every picture says what it is to those who do not see it.
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return _unique_ids(text, title)


def _unique_ids(svg: str, title: str) -> str:
    """Several pictures share a page, and their inner names must not."""
    prefix = re.sub(r"\W+", "", title)[:24]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'xlink:href="#', f'xlink:href="#{prefix}-', svg)
    return re.sub(r"url\(#", f"url(#{prefix}-", svg)
