"""The page: what `facts` gathered, put into the template; one file that needs no network."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup

from exporter.report.charts import HEIGHT, stacked, timeline
from exporter.report.facts import Facts, gather
from exporter.report.intervals import common
from exporter.report.quiet_hours import QuietHours, all_of
from exporter.report.week_grid import Grid
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.diff import Changes, spoken
from exporter.snapshot_store.names import began_at
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.weekdays import WEEKDAY_NAMES
from exporter.text import CONTROL, DIRECTION, SURROGATE
from exporter.units import counted, format_duration, parse_rate

MOST_ROWS = 500
"""Rows of a table; the page says how many more there are. The tables of checks have no end: every row counts."""

MOST_KINDS = 12
"""Kinds of issues in the list above their table."""

LEVELS = 6
"""Shades of the heat map; 0 is an empty hour."""

SERIES = 8
"""Colours of the chart over time, `s0` … `s7`; the last is for all others."""

STATUSES = ("Active", "Ready", "Scheduled", "Preparing", "Paused", "Stopped", "Completed")
"""The usual ones have the same colour in every report."""

OTHERS = "others"

_INDEX = re.compile(r"\.\d+(?=\.|$)")
_unprintable = re.compile(f"[{CONTROL}{DIRECTION}{SURROGATE}]")


def render_report(destination: Destination, snapshot: str | None, **choices: Any) -> tuple[str, Facts]:
    """The page's HTML, and what it shows. Arguments and errors are those of `gather`."""
    facts = gather(destination, snapshot, **choices)
    series = status_series(facts.statuses)
    page = _template().render(
        facts=facts,
        name_of=lambda campaign_id: facts.campaigns[campaign_id].name if campaign_id in facts.campaigns else "",
        series=series,
        history_chart=stacked(
            [began_at(snapshot) for snapshot in facts.statuses], [(f"s{color}", counts) for _, color, counts in series]
        ),
        progress_chart=_progress_chart(facts),
        began=began_at(facts.manifest.snapshot_id),
        most=MOST_ROWS,
        changed_campaigns=_changed_campaigns,
        changed_columns=_changed_columns,
        week_rows=_week_rows,
        busiest=_busiest,
        kinds=_kinds(facts),
    )
    return page, facts


@cache
def _template() -> Template:
    """Compiled once: that takes longer than most pages."""
    environment = Environment(
        loader=PackageLoader("exporter.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.globals["height"] = HEIGHT
    environment.filters |= {"number": "{:,}".format, "count": short_count, "duration": format_duration, "short": _short}
    environment.filters["campaigns"] = partial(counted, noun="campaign")
    return environment.get_template("page.html.jinja")


def _printable(value: Any) -> Any:
    """What goes into the page: no control characters, none that turn the direction of writing."""
    return _unprintable.sub("·", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _short(text: str | None, most: int = 120) -> str:
    """A cell of a table: free text has no end, and a page has."""
    text = text or ""
    return text if len(text) <= most else text[: most - 1] + "…"


def short_count(value: float) -> str:
    """`493`, `4.5k`, `1.0M`; a part of one is `0.5`, or `<0.1`; nothing is empty."""
    if value >= 999_950:
        return f"{value / 1_000_000:.1f}M"
    if value >= 999.5:
        return f"{value / 1000:.1f}k"
    if value >= 0.95:
        return f"{value:.0f}"
    return "" if not value else f"{value:.1f}" if value >= 0.05 else "<0.1"


def _week_rows(grid: Grid, quiet_week: Grid | None = None, quiet: Sequence[QuietHours] = ()) -> list[Any]:
    """(weekday, cells) of a heat map; a cell is a class of the style sheet and a number."""
    most = max(value for day in grid for value in day) or 1
    hours = all_of(quiet)

    def cell(day: int, hour: int) -> tuple[str, float]:
        value = grid[day][hour]
        minute = (day * 24 + hour) * 60
        if not value:
            return ("q" if common([(minute, minute + 60)], hours) else "h0"), value
        level = min(LEVELS, int(value / most * LEVELS) + 1)
        return f"{'w' if quiet_week is not None and quiet_week[day][hour] else 'h'}{level}", value

    return [(name, [cell(day, hour) for hour in range(24)]) for day, name in enumerate(WEEKDAY_NAMES)]


def _busiest(grid: Grid) -> str:
    """The heat map in a sentence."""
    top = max((value, -day, -hour) for day, hours in enumerate(grid) for hour, value in enumerate(hours))
    if not top[0]:
        return "No campaign has a calling window."
    day, hour = -top[1], -top[2]
    return f"Most campaigns, {short_count(top[0])}, may send on {WEEKDAY_NAMES[day]} at {hour:02}:00."


def _changed_campaigns(changes: Changes) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """(ID, name, changes as people say them) of the first `MOST_ROWS` campaigns that changed."""
    # A row is a changed value: take as many as MOST_ROWS campaigns could need, not all.
    rows = changes.changed.slice(0, MOST_ROWS * len(schema_of("campaigns"))).to_pylist()
    return [
        (campaign_id, name or "", [spoken(cell) for cell in cells])
        for (campaign_id, name), cells in islice(groupby(rows, key=itemgetter("campaign_id", "name")), MOST_ROWS)
    ]


def _changed_columns(changes: Changes) -> list[tuple[str, int]]:
    counts = pc.value_counts(changes.changed.column("column")).to_pylist()
    return sorted(((row["values"], row["counts"]) for row in counts), key=lambda pair: (-pair[1], pair[0]))


def _kinds(facts: Facts) -> list[tuple[str, int]]:
    """Issues by kind: the path of a value that could not be read with an example, or what is with the windows."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for issues in facts.issues:
        kinds = {_INDEX.sub("", path): text for path, _, text in (text.partition(": ") for text in issues.texts)}
        for kind, text in kinds.items():
            found[kind].append(text)
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_KINDS]
    return [(f"{kind}, such as: {texts[0]}" if texts[0] else kind, len(texts)) for kind, texts in ordered]


def status_series(statuses: dict[str, dict[str, int]]) -> list[tuple[str, int, list[int]]]:
    """(status, number of its colour, counts over the snapshots): the usual statuses, then the most frequent others."""
    snapshots = list(statuses.values())
    sizes: Counter[str] = Counter()
    for counts in snapshots:
        sizes.update(counts)
    colors = {name: number for number, name in enumerate(STATUSES) if name in sizes}
    free = [number for number in range(SERIES - 1) if number not in colors.values()]
    unusual = sorted((name for name in sizes if name not in colors), key=lambda name: (-sizes[name], name))
    if len(unusual) <= len(free) + 1:
        free.append(SERIES - 1)
    colors |= dict(zip(unusual, free, strict=False))
    series = [(name, color, [counts.get(name, 0) for counts in snapshots]) for name, color in colors.items()]
    rest = [sum(number for name, number in counts.items() if name not in colors) for counts in snapshots]
    return [*series, (OTHERS, SERIES - 1, rest)] if any(rest) else series


def limit_of(facts: Facts) -> int | None:
    """The answers that the tightest limit allows in a step of the chart; None where there was no limit.

    No window has more answers than slots, and a step is covered by so many windows, the last one in part.
    """
    step = facts.progress.step.total_seconds()
    limits = [parse_rate(text) for text in facts.progress.limits]
    return min((limit.slots * math.ceil(step / limit.seconds) for limit in limits), default=None)


def _progress_chart(facts: Facts) -> Any:
    progress = facts.progress
    if len(progress.answers) < 2:
        return None
    pauses = [(began, pause.seconds) for began, pause in progress.pauses]
    return timeline(progress.answers, step=progress.step, limit=limit_of(facts), pauses=pauses)
