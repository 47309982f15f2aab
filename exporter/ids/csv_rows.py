"""The records of a CSV text, quotes honoured as Python's `csv` does, and the quotes that swallow lines.

A quote opens a quoted field only at the very beginning of a field; anywhere else it is an ordinary character. A quoted
field may hold delimiters and line breaks. Where it is closed in another line, the closing quote must end the field:
anything else means that a quote is missing or too many, and that the lines between are rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from exporter.text import trim_invisible

_INSIDE_QUOTES = re.compile(r'[^"]*(?:""[^"]*)*')
_EXCEL_TEXT = re.compile(r'="(.*)"').fullmatch
"""How Excel and other programs write a text that must not become a number."""
_EXCEL_OR_QUOTED_TEXT = re.compile(r'=?"(.*)"').fullmatch

NEVER_CLOSED = "a quote opens and is never closed"
SWALLOWS = "a quote opens and swallows the lines after it"
HOLDS_ROWS = "lines inside a quoted field look like rows and give no IDs; if they are rows, a quote is missing"


class Record(NamedTuple):
    """One record. `line`: where it begins, counted from 1.

    `quoted`: the positions of the quoted fields, `torn` of those with text behind the closing quote. `problem`: what is
    wrong with a quote that opens in `problem_line`. `is_clean`: whether quotes are only where CSV allows them.
    """

    line: int
    fields: list[str]
    quoted: tuple[int, ...] = ()
    torn: tuple[int, ...] = ()
    is_clean: bool = True
    problem: str | None = None
    problem_line: int = 0


def read_records(lines: Iterable[str], delimiter: str, *, first_line: int = 1) -> Iterator[Record]:
    """The records of `lines`, which end with a line feed each, the last one perhaps without."""
    numbered = enumerate(lines, first_line)
    for number, line in numbered:
        if '"' in line:
            yield _QuotedRecord(number, line, numbered, delimiter).read()
        else:
            yield Record(number, line.removesuffix("\n").split(delimiter))


def unwrapped(text: str, *, is_quoted: bool) -> str:
    """A (trimmed) field without ="…", and without the quotes that are none to CSV: behind a blank or a mark."""
    match = _EXCEL_TEXT(text) if is_quoted else _EXCEL_OR_QUOTED_TEXT(text)
    return trim_invisible(match[1].replace('""', '"'))[0] if match is not None else text


def lines_within(record: Record, delimiter: str) -> Iterator[tuple[int, list[list[str]]]]:
    """The quoted fields with line breaks and delimiters: (position, the cells of its lines if it is not quoted).

    Blank lines are left out.
    """
    for position in record.quoted:
        field = record.fields[position]
        if "\n" in field and delimiter in field:
            lines = [line.split(delimiter) for line in field.split("\n")]
            lines[0][:0] = record.fields[:position]
            lines[-1] += record.fields[position + 1 :]
            yield position, [cells for cells in lines if any(map(str.strip, cells))]


def is_row(cells: Sequence[str], columns: int) -> bool:
    """Whether the cells of a line are a whole row of a file with so many columns."""
    return len(cells) >= columns > 1 and not any(map(str.strip, cells[columns:]))


def is_prose(cells: Sequence[str]) -> bool:
    """Whether a delimiter is followed by a blank, as a comma in a sentence is."""
    return any(cell[:1].isspace() for cell in cells[1:])


class _QuotedRecord:
    """Reads one record that holds quotes; takes more lines from `following` where a quoted field needs them."""

    def __init__(self, number: int, line: str, following: Iterator[tuple[int, str]], delimiter: str) -> None:
        self._first = self._number = number
        self._line = line
        self._following = following
        self._delimiter = delimiter
        self._position = 0
        self._torn: list[int] = []
        self._is_clean = True
        self._problem: str | None = None
        self._problem_line = 0

    def read(self) -> Record:
        fields: list[str] = []
        quoted: list[int] = []
        more = True
        while more:
            if self._line.startswith('"', self._position):
                quoted.append(len(fields))
                fields.append(self._quoted_field(len(fields)))
            else:
                fields.append(self._plain_text())
                self._is_clean = self._is_clean and '"' not in fields[-1]
            more = self._line.startswith(self._delimiter, self._position)
            self._position += len(self._delimiter)
        return Record(
            self._first, fields, tuple(quoted), tuple(self._torn), self._is_clean, self._problem, self._problem_line
        )

    def _quoted_field(self, field: int) -> str:
        opened = self._number
        self._position += 1
        pieces: list[str] = []
        while True:
            inside = _INSIDE_QUOTES.match(self._line, self._position)
            assert inside is not None  # noqa: S101 - it matches the empty text too
            pieces.append(inside[0].replace('""', '"'))
            self._position = inside.end()
            if self._line.startswith('"', self._position):
                break
            following = next(self._following, None)
            if following is None:
                self._note(NEVER_CLOSED, opened)
                return "".join(pieces).removesuffix("\n")
            (self._number, self._line), self._position = following, 0
        self._position += 1
        rest = self._plain_text()
        if rest.strip():
            self._torn.append(field)
            self._is_clean = False
            if opened != self._number:
                self._note(SWALLOWS, opened)
        return "".join(pieces) + rest

    def _plain_text(self) -> str:
        """The text up to the next delimiter or the end of the line; quotes in it are ordinary characters."""
        end = self._line.find(self._delimiter, self._position)
        end = len(self._line.removesuffix("\n")) if end < 0 else end
        text = self._line[self._position : end]
        self._position = end
        return text

    def _note(self, problem: str, line: int) -> None:
        self._is_clean = False
        if self._problem is None:
            self._problem, self._problem_line = problem, line
