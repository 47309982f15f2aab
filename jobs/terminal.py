"""Tables on the terminal, by rich; what comes from the service is never let through to the terminal raw."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jobs.console import safe

PIPE_WIDTH = 120
"""Characters of a line where there is no terminal to ask."""


LEAST_WIDTH = 9
"""Characters that a column keeps, however narrow the terminal is: enough for a status or a date."""


def print_table(
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrap: bool = False,
    right: Sequence[str] = (),
    styles: Sequence[str | None] | None = None,
) -> None:
    """Print to standard output; text that is too long ends in … unless `wrap`. `right`: columns of numbers.

    `styles`: one for each row, or None.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, name in enumerate(columns):
        longest = max((len(row[index]) for row in rows), default=0)
        table.add_column(
            name,
            min_width=min(longest, LEAST_WIDTH),
            justify="right" if name in right else "left",
            no_wrap=not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
    for index, row in enumerate(rows):
        style = styles[index] if styles else None
        table.add_row(*(Text(safe(cell).replace("\n", "⏎")) for cell in row), style=style)
    console.print(table)


def print_line(text: str) -> None:
    """A line on standard output, with nothing in it that a terminal would act on."""
    import click

    click.echo(safe(text))


def print_bytes(data: bytes) -> None:
    """Data on standard output: as it is into a pipe or file, harmless on a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(safe(data.decode("utf-8", "replace")))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
