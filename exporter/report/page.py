"""The page: facts and figures, in one file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from exporter.report import figures
from exporter.report.facts import Facts, gather
from exporter.report.quiet_hours import QuietHours
from exporter.report.week import Grid, common, joined
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.diff import spoken
from exporter.snapshot_store.names import began_at
from exporter.tables.weekdays import WEEKDAY_NAMES, WEEKDAYS
from exporter.units import format_duration, parse_rate

MOST_ROWS = 500
"""Rows of a table; how many more there are is told. Quiet hours have no such end: who checks them wants every one."""

MOST_KINDS = 12
"""Kinds of oddities in the list above their table."""

_INDEX = re.compile(r"\.\d+(?=\.|$)")

STATUSES = ("Active", "Ready", "Scheduled", "Preparing", "Paused", "Stopped", "Completed")
"""The usual ones, each with a colour of its own in every report."""

OTHERS = "others"


def render_report(
    destination: Destination, snapshot: str, *, time_zone: str, quiet: Sequence[QuietHours]
) -> tuple[str, Facts]:
    """The page's HTML, and what it tells. Raises `DestinationError`."""
    facts = gather(destination, snapshot, time_zone=time_zone, quiet=quiet)
    environment = Environment(
        loader=PackageLoader("exporter.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_legible,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["duration"] = format_duration
    environment.filters["short"] = _short
    series = colored(facts)
    page = environment.get_template("page.html.jinja").render(
        facts=facts,
        pictures=_pictures(facts, series),
        series=series,
        began=began_at(snapshot),
        most=MOST_ROWS,
        changed=_changed(facts),
        changed_columns=_changed_columns(facts),
        grid_table=_grid_table,
        busiest=_busiest,
        breaches=_by_campaign(facts),
        kinds=_kinds(facts),
        limit=limit_of(facts),
        unit=_unit(facts),
    )
    return page, facts


def _legible(value: Any) -> Any:
    """What is put into the page: no control characters, none that turn the direction of writing."""
    return figures.legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _short(text: str | None, most: int = 120) -> str:
    """A cell of a table: free text has no end, and a page has."""
    text = text or ""
    return text if len(text) <= most else text[: most - 1] + "…"


def _by_campaign(facts: Facts) -> list[dict[str, Any]]:
    """One row for each campaign that reaches into quiet hours, the worst first. No minute is counted twice."""
    hours = joined(span for one in facts.quiet for span in one.spans)
    rows: dict[str, dict[str, Any]] = {}
    for breach in facts.breaches:
        row = rows.setdefault(
            breach.campaign_id,
            {
                "campaign_id": breach.campaign_id,
                "name": facts.names.get(breach.campaign_id, ""),
                "zone": facts.zones.get(breach.campaign_id, ""),
                "windows": {},
                "spans": [],
            },
        )
        row["windows"][breach.window] = None
        row["spans"] += breach.spans
    for row in rows.values():
        row["minutes"] = sum(stop - start for start, stop in common(joined(row["spans"]), hours))
    return sorted(rows.values(), key=lambda row: (-row["minutes"], row["campaign_id"]))


def _changed(facts: Facts) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """(ID, name, changes as people say them) of the campaigns that changed."""
    if facts.changes is None:
        return []
    rows = facts.changes.changed.slice(0, MOST_ROWS).to_pylist()
    return [
        (one, name or "", [spoken(cell["column"], cell["old"], cell["new"]) for cell in cells])
        for (one, name), cells in groupby(rows, key=itemgetter("campaign_id", "name"))
    ]


def _changed_columns(facts: Facts) -> list[tuple[str, int]]:
    if facts.changes is None:
        return []
    counts = pc.value_counts(facts.changes.changed.column("column")).to_pylist()
    return sorted(((row["values"], row["counts"]) for row in counts), key=lambda pair: (-pair[1], pair[0]))


def _kinds(facts: Facts) -> list[tuple[str, int]]:
    """What is odd, by kind: the path of a value that could not be read with an example, or what is with the windows."""
    counts: dict[str, int] = {}
    examples: dict[str, str] = {}
    for oddity in facts.oddities:
        told = {_INDEX.sub("", path): text for path, _, text in (what.partition(": ") for what in oddity.what)}
        for kind, text in told.items():
            counts[kind] = counts.get(kind, 0) + 1
            examples.setdefault(kind, text)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_KINDS]
    return [(f"{kind}, such as: {examples[kind]}" if examples[kind] else kind, number) for kind, number in ordered]


def colored(facts: Facts) -> list[tuple[str, int, list[int]]]:
    """(status, number of its colour, counts over the snapshots): the usual statuses, then the most frequent others."""
    sizes: dict[str, int] = {}
    for counts in facts.statuses_over_time.values():
        for name, number in counts.items():
            sizes[name] = sizes.get(name, 0) + number
    colors = {name: number for number, name in enumerate(STATUSES) if name in sizes}
    free = [number for number in range(figures.SERIES - 1) if number not in colors.values()]
    strangers = sorted((name for name in sizes if name not in colors), key=lambda name: (-sizes[name], name))
    if len(strangers) <= len(free) + 1:
        free.append(figures.SERIES - 1)
    colors |= dict(zip(strangers, free, strict=False))
    over = list(facts.statuses_over_time.values())
    found = [(name, color, [counts.get(name, 0) for counts in over]) for name, color in colors.items()]
    rest = [sum(number for name, number in counts.items() if name not in colors) for counts in over]
    return [*found, (OTHERS, figures.SERIES - 1, rest)] if any(rest) else found


def limit_of(facts: Facts) -> float | None:
    """The answers that the tightest limit allows in a step of the picture; None where there was no limit."""
    step = facts.course.step.total_seconds()
    limits = [parse_rate(text) for text in facts.course.limits]
    return min((limit.slots * max(1.0, step / limit.seconds) for limit in limits), default=None)


def _unit(facts: Facts) -> str:
    return {timedelta(seconds=1): "second", timedelta(minutes=1): "minute"}.get(facts.course.step, "hour")


def _pictures(facts: Facts, series: list[tuple[str, int, list[int]]]) -> dict[str, Markup]:
    shown = [began_at(one) for one in facts.statuses_over_time]
    drawn = {
        "own": figures.week_picture(
            facts.own_zone,
            f"Calling windows in each campaign's own time zone. {_busiest(facts.own_zone)}",
            quiet=facts.quiet,
            breached=facts.breached if facts.quiet else None,
        ),
        "chosen": figures.week_picture(
            facts.chosen_zone, f"Calling windows in {facts.time_zone}. {_busiest(facts.chosen_zone)}"
        ),
        "status": figures.bars(facts.by_status, f"Campaigns by status: {_listed(facts.by_status)}"),
        "type": figures.bars(facts.by_type, f"Campaigns by type: {_listed(facts.by_type)}"),
        "zone": figures.bars(facts.by_zone, f"Campaigns by time zone: {_listed(facts.by_zone)}"),
    }
    if shown:
        drawn["history"] = figures.over_time(shown, series, "Campaigns by status over the snapshots")
    if len(facts.course.answers) > 1:
        drawn["pace"] = figures.pace(
            facts.course.answers,
            f"Answers a {_unit(facts)} over the run, {max(number for _, number in facts.course.answers):,} at most",
            step=facts.course.step,
            limit=limit_of(facts),
            pauses=facts.course.pauses,
        )
    # Drawn here by matplotlib, which escapes its texts.
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _listed(pairs: list[tuple[str, int]]) -> str:
    return ", ".join(f"{figures.label(name)} {number:,}" for name, number in pairs[:10]) or "none"


def _busiest(grid: Grid) -> str:
    """The picture of a week in a sentence."""
    top = max((value, -day, -hour) for day, hours in enumerate(grid) for hour, value in enumerate(hours))
    if not top[0]:
        return "No campaign has a calling window."
    day, hour = -top[1], -top[2]
    return f"Most campaigns, {figures.short_number(top[0])}, may send on {WEEKDAY_NAMES[day]} at {hour:02}:00."


def _grid_table(grid: Grid) -> list[tuple[str, list[str]]]:
    return [
        (day, [f"{value:.0f}" if value >= 0.95 else f"{value:.1f}" if value else "" for value in hours])
        for day, hours in zip(WEEKDAYS, grid, strict=True)
    ]
