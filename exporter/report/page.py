"""The page: facts and figures, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from exporter.report import figures
from exporter.report.facts import Facts, Grid, gather
from exporter.report.quiet_hours import QuietHours
from exporter.storage.destination import Destination
from exporter.storage.names import began_at
from exporter.tables.weekdays import WEEKDAYS
from exporter.units import format_duration

MOST_ROWS = 500
"""Rows of a table; how many more there are is told."""


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
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["duration"] = format_duration
    page = environment.get_template("page.html.jinja").render(
        facts=facts,
        pictures=_pictures(facts),
        began=began_at(snapshot),
        most=MOST_ROWS,
        weekdays=WEEKDAYS,
        window_changes=facts.changes.changed.slice(0, MOST_ROWS).to_pylist() if facts.changes else [],
        grid_table=_grid_table,
        breaches=_by_campaign(facts),
    )
    return page, facts


def _by_campaign(facts: Facts) -> list[dict[str, Any]]:
    """One row for each campaign that reaches into quiet hours, the worst first."""
    rows: dict[str, dict[str, Any]] = {}
    for breach in facts.breaches:
        row = rows.setdefault(
            breach.campaign_id,
            {
                "campaign_id": breach.campaign_id,
                "name": facts.names.get(breach.campaign_id, ""),
                "windows": {},
                "quiet": {},
                "minutes": 0,
            },
        )
        row["windows"][breach.window] = None
        row["quiet"][breach.quiet] = None
        row["minutes"] += breach.minutes
    return sorted(rows.values(), key=lambda row: (-row["minutes"], row["campaign_id"]))


def _pictures(facts: Facts) -> dict[str, Markup]:
    moments = [began_at(info.snapshot_id) for info in facts.history]
    names = {name: 0 for counts in facts.statuses_over_time.values() for name in counts}
    series = {
        name: [facts.statuses_over_time[info.snapshot_id].get(name, 0) for info in facts.history] for name in names
    }
    series = dict(sorted(series.items(), key=lambda one: -sum(one[1])))
    drawn = {
        "own": figures.week_picture(facts.own_zone, facts.quiet, "Calling windows in each campaign's own time zone"),
        "chosen": figures.week_picture(facts.chosen_zone, (), f"Calling windows in {facts.time_zone}"),
        "status": figures.bars(facts.by_status, "Campaigns by status"),
        "type": figures.bars(facts.by_type, "Campaigns by type"),
        "zone": figures.bars(facts.by_zone, "Campaigns by time zone"),
        "history": figures.over_time(moments, series, "Campaigns by status over the snapshots"),
    }
    if len(facts.requests) > 1:
        filled = _every_minute(facts.requests)
        drawn["pace"] = figures.pace(filled, "Answers a minute over the run")
    # Drawn here by matplotlib, which escapes its texts.
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _every_minute(requests: list[tuple[Any, int]]) -> list[tuple[Any, int]]:
    """Minutes without an answer are zero, where the run is short enough to show each."""
    first, last = requests[0][0], requests[-1][0]
    if last - first > timedelta(hours=24):
        return requests
    counts = dict(requests)
    minutes = int((last - first).total_seconds() // 60) + 1
    return [(moment, counts.get(moment, 0)) for moment in (first + timedelta(minutes=n) for n in range(minutes))]


def _grid_table(grid: Grid) -> list[tuple[str, list[str]]]:
    return [
        (day, [f"{value:.0f}" if value else "" for value in hours]) for day, hours in zip(WEEKDAYS, grid, strict=True)
    ]
