"""`campaign-export schema`: the data dictionary."""

from __future__ import annotations

import json
from typing import Any

import click

from exporter.model import TABLE_NAMES
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.lazy_imports import lazy_imports
from jobs.support.output_formats import format_option

with lazy_imports(__name__):
    from exporter.tables.arrow_schemas import data_dictionary
    from jobs.support.standard_streams import print_bytes, print_line
    from jobs.support.terminal_tables import print_table


@job(
    "schema",
    example="campaign-export schema --format markdown",
    codes={0: "printed", 2: "wrong usage", 4: "the output cannot be written"},
)
@format_option("table", "markdown", "json")
@option("--table", type=click.Choice(TABLE_NAMES), help="Print only this table.")
def command(console: Console, form: str, table: str | None) -> int:
    """Print the data dictionary: every column with its type, its source and its meaning."""
    rows = [row for row in data_dictionary() if table in (None, row["table"])]
    if form == "json":
        print_bytes((json.dumps(rows, indent=2, ensure_ascii=False) + "\n").encode())
    elif form == "markdown":
        print_line(markdown(rows))
    else:
        _print_table(rows)
    return 0


def markdown(rows: list[dict[str, Any]]) -> str:
    """The dictionary as Markdown tables; `!` marks a column that is never null."""
    parts: list[str] = []
    for table in dict.fromkeys(row["table"] for row in rows):
        parts += [f"### {table}", "", "| column | type | path | meaning |", "|---|---|---|---|"]
        for row in (row for row in rows if row["table"] == table):
            mark = " **!**" if row["required"] else ""
            path = _paths(row["path"])
            parts.append(f"| `{row['column']}`{mark} | {row['type']} | {path} | {row['description']} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def _first(path: str | None) -> str:
    """The place of a value, as the terminal shows it: the usual one, and the number of others."""
    first, *others = path.split(" | ") if path else ["–"]
    return f"{first} (or {len(others)} more)" if len(others) > 1 else " or ".join([first, *others])


def _paths(path: str | None) -> str:
    """The paths of a column; of more than three the first, since the others are other places of the same keys."""
    paths = path.split(" | ") if path else []
    if len(paths) > 3:
        return f"`{paths[0]}` or {len(paths) - 1} other places"
    return f"`{' or '.join(paths)}`".replace("list:", "L:") if paths else "–"


def _print_table(rows: list[dict[str, Any]]) -> None:
    for table in dict.fromkeys(row["table"] for row in rows):
        cells = [
            [str(row["column"]) + ("!" if row["required"] else ""), str(row["type"]), _first(row["path"]),
             str(row["description"])]
            for row in rows if row["table"] == table
        ]  # fmt: skip
        print_table(["column", "type", "path", "meaning"], cells, title=table, wrap=True)
