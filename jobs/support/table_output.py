"""Tables on the terminal, by rich; what comes from the service is never let through to the terminal raw."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TextIO

from exporter.text import terminal_safe

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


def print_table(
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrap: bool = False,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    optional: Sequence[str] = (),
    styles: Sequence[str | None] | None = None,
    file: TextIO | None = None,
) -> None:
    """Print to standard output, or whole into `file`; text that is too long ends in … unless `wrap`.

    `right`: columns of numbers. `whole`: columns that are never cut. `optional`: columns that are left out, in this
    order, where the terminal is too narrow for all. `styles`: one for each row, or None.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = WHOLE if file is not None else None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(file=file, width=width, highlight=False)
    lengths = [max(cell_len(one_line(cell)) for cell in column) for column in zip(columns, *rows, strict=True)]
    shown, widths, more = _fit(columns, lengths, console.width - 2, whole=whole, optional=optional, wrap=wrap)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index in shown:
        table.add_column(
            columns[index],
            width=widths[index],
            justify="right" if columns[index] in right else "left",
            no_wrap=not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
    if more:
        table.add_column("…", width=1)
    for number, row in enumerate(rows):
        cells = (Text(one_line(row[index])) for index in shown)
        table.add_row(*cells, *("…" if more else ""), style=styles[number] if styles else None)
    console.print(table)


def _fit(
    columns: Sequence[str],
    lengths: Sequence[int],
    room: int,
    *,
    whole: Sequence[str],
    optional: Sequence[str],
    wrap: bool,
) -> tuple[list[int], dict[int, int], bool]:
    """The columns that are shown, the width of each, and whether some at the end found no room.

    The longest give way first, all to the same width.
    """
    shown = list(range(len(columns)))
    for name in optional:
        if sum(lengths[index] + GAP for index in shown) <= room + GAP:
            break
        shown.remove(columns.index(name))
    more = False
    while True:
        left = room + GAP - GAP * len(shown) - (GAP + 1 if more else 0)
        for most in range(max(lengths, default=0), (LEAST_WRAPPED if wrap else LEAST_WIDTH) - 1, -1):
            widths = {one: lengths[one] if columns[one] in whole else min(lengths[one], most) for one in shown}
            if sum(widths.values()) <= left:
                return shown, widths, more
        if len(shown) == 1:
            return shown, {shown[0]: max(1, left)}, more
        shown.pop()
        more = True


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text for a file, as wide as it needs."""
    text = io.StringIO()
    print_table(None, columns, rows, file=text)
    return text.getvalue()


class Lines:
    """Coloured lines for standard output: cut to the width of a terminal, whole and plain in a pipe."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._width = self._console.width if sys.stdout.isatty() else None

    def heading(self, text: str) -> None:
        """A title of what follows, after an empty line."""
        self._print("", (text, "bold"), before="\n")

    def line(self, text: str, style: str = "") -> None:
        """A line of text."""
        self._print("", (text, style))

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

    def _print(self, whole: str, *parts: tuple[str, str], style: str = "", before: str = "") -> None:
        from rich.cells import cell_len
        from rich.text import Text

        line = Text(before + one_line(whole), style)
        for text, own in parts:
            line.append(one_line(text), own or "default")
        if self._width is not None:
            least = cell_len(before + one_line(whole))
            if least + LEAST_WIDTH > self._width and whole.strip():
                line = line[: len(before + one_line(whole))]
            else:
                line.truncate(self._width, overflow="ellipsis")
        self._console.print(line, soft_wrap=True)


def _cut_both(old: str, new: str, room: int) -> tuple[str, str]:
    half = max(room // 2, 1)
    if len(old) + len(new) <= room:
        return old, new
    if len(old) <= half:
        return old, _cut(new, room - len(old))
    if len(new) <= half:
        return _cut(old, room - len(new)), new
    return _cut(old, half), _cut(new, half)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"


def one_line(text: str) -> str:
    """Text of the service in a cell: harmless, and in one line."""
    return terminal_safe(text.replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")


def print_line(text: str) -> None:
    """A line on standard output, with nothing in it that a terminal would act on."""
    import click

    click.echo(terminal_safe(text))


def print_bytes(data: bytes) -> None:
    """Data on standard output: as it is into a pipe or file, harmless on a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(terminal_safe(data.decode("utf-8", "replace")))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
