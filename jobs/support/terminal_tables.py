"""Tables on the terminal, by rich; what comes from the service is never let through to the terminal raw."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TextIO

from exporter.text import terminal_cell
from jobs.support.lazy_imports import lazy_imports

with lazy_imports(__name__):
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

WHOLE = 100_000
"""Characters of a line that nothing is cut for."""

PIPE_WIDTH = 120
"""Characters of a line where there is no terminal to ask."""


LEAST_WIDTH = 9
"""Characters that a column keeps, however narrow the terminal is: enough for a status or a date."""


LEAST_WRAPPED = 12
"""The same of a column that breaks its text into lines."""

LEAST_CHANGE = 30
"""Characters that a change needs beside the name of its column; else it gets a line of its own."""

GAP = 2
"""Characters between two columns."""

HIDDEN_NAMED = 5
"""Columns without room that are named below a table."""


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    wrap: bool = False,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    optional: Sequence[str] = (),
    styles: Sequence[str | None] | None = None,
    file: TextIO | None = None,
) -> None:
    """Print to standard output, or whole into `file`; text that is too long ends in … unless `wrap`.

    `right`: columns of numbers. `whole`: columns that are never cut, as the first never is. Where the terminal is too
    narrow, first `optional` columns are left out, in this order, then others from the right; the line below the table
    says which. `styles`: one for each row, or None.
    """
    width = WHOLE if file is not None else None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(file=file, width=width, highlight=False)
    lengths = [max(cell_len(terminal_cell(cell)) for cell in column) for column in zip(columns, *rows, strict=True)]
    whole = (columns[0], *whole)  # it names the row
    least = [
        length if name in whole else min(length, LEAST_WRAPPED if wrap else LEAST_WIDTH)
        for name, length in zip(columns, lengths, strict=True)
    ]
    hidden = _hidden(columns, lengths, least, console.width, optional)
    table = Table(
        title=title, title_justify="left", caption=_caption(hidden), caption_justify="left",
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name, narrowest in zip(columns, least, strict=True):
        if name not in hidden:
            table.add_column(
                name, justify="right" if name in right else "left", no_wrap=name in whole, min_width=narrowest,
                overflow="fold" if wrap else "ellipsis",
            )  # fmt: skip
    for number, row in enumerate(rows):
        cells = [
            Text(terminal_cell(cell), no_wrap=not wrap, overflow="fold" if wrap else "ellipsis")
            for name, cell in zip(columns, row, strict=True)
            if name not in hidden
        ]
        table.add_row(*cells, style=styles[number] if styles else None)
    console.print(table)


def _hidden(
    columns: Sequence[str], lengths: Sequence[int], least: Sequence[int], room: int, optional: Sequence[str]
) -> list[str]:
    """The columns without room: of `optional` those that do not fit whole, of the others those that do not fit cut.

    The first column always stays.
    """
    hidden: list[str] = []
    for names, widths in ((optional, lengths), ([*reversed(columns[1:])], least)):
        needed = dict(zip(columns, widths, strict=True))
        for name in names:
            shown = [width for column, width in needed.items() if column not in hidden]
            if sum(shown) + GAP * len(shown) <= room:
                break
            hidden.append(name)
    return [name for name in columns if name in hidden]


def _caption(hidden: Sequence[str]) -> str | None:
    if not hidden:
        return None
    named = ", ".join(hidden[:HIDDEN_NAMED]) + (", …" if len(hidden) > HIDDEN_NAMED else "")
    return f"{len(hidden)} more column{'s' if len(hidden) > 1 else ''} in a wider terminal: {named}"


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text for a file, as wide as it needs."""
    text = io.StringIO()
    print_table(columns, rows, file=text)
    return text.getvalue()


def terminal_width() -> int | None:
    """Characters of a line of standard output; None: it is no terminal."""
    return Console().width if sys.stdout.isatty() else None


class DiffLines:
    """Coloured lines for standard output: cut to the width of a terminal, whole and plain in a pipe."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._width = terminal_width()

    def heading(self, text: str) -> None:
        """A title of what follows, after an empty line."""
        self.line("")
        self.line(text, "bold")

    def line(self, text: str, style: str = "") -> None:
        """A line of text."""
        self._print("", (text, style))

    def whole(self, text: str) -> None:
        """A text that is never cut, in as many lines as the terminal needs for it."""
        self._console.print(Text(terminal_cell(text)), soft_wrap=self._width is None)

    def campaign(self, sign: str, campaign_id: str, name: str, style: str) -> None:
        """A campaign: its ID is never cut, so that it can be copied; its name is."""
        self._print(f"{sign} {campaign_id}", (f"  {name}", ""), style=style)

    def change(self, column: str, old: str, new: str) -> None:
        """A change, `old → new`; where it is too long each gets its share."""
        lead = f"    {column:14}  "
        if self._width is not None:
            if self._width - len(lead) < LEAST_CHANGE:
                self.line(lead.rstrip())
                lead = "      "
            old, new = _cut_both(old, new, self._width - len(lead) - len(" → "))
        self._print(lead, (old, "red"), (" → ", ""), (new, "green"))

    def _print(self, whole: str, *parts: tuple[str, str], style: str = "") -> None:
        line = Text(terminal_cell(whole), style)
        for text, own in parts:
            line.append(terminal_cell(text), own or "default")
        if self._width is not None:
            if cell_len(terminal_cell(whole)) + LEAST_WIDTH > self._width and whole.strip():
                line = line[: len(terminal_cell(whole))]
            else:
                line.truncate(self._width, overflow="ellipsis")
        self._console.print(line, soft_wrap=True)


def _cut_both(old: str, new: str, room: int) -> tuple[str, str]:
    """Each may have half of the room, and what the other leaves of it."""
    half = max(room // 2, 1)
    return _cut(old, max(half, room - len(new))), _cut(new, max(half, room - len(old)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"
