"""How a CSV file is laid out: its delimiter, where its rows begin, which column holds the IDs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

import msgspec

from exporter.errors import IdsError
from exporter.ids.csv_rows import HOLDS_ROWS, SWALLOWS, Record, is_prose, is_row, lines_within, read_records, unwrapped
from exporter.text import escaped, trim_invisible
from exporter.units import first_of

ID_COLUMNS = ("campaign_id", "campaignid", "id", "_id")
"""Headers that are looked for, in this order and in any letter case."""

DELIMITERS = ",;\t|"
"""Delimiters that are looked for, the usual one first."""

_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", r"\t": "\t", "pipe": "|"}
_SEP_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t|]*\s*', re.IGNORECASE)
_SINGLE_COLUMN_HEADERS = frozenset({"campaignid", "campaignids", "campaign", "campaigns", "id", "ids"})
_is_like_id = re.compile(r"\s*[\w.-]+\s*").fullmatch
SAMPLED = 500
"""Lines that the delimiter is chosen by."""


class Layout(msgspec.Struct, frozen=True):
    """How a file is laid out.

    `columns`: how many the first record has. `index`: the column of the IDs. `header`: their names, None where
    the first record is a row. `skipped`: lines before the first row. `warnings`: what was trimmed to find the column.
    """

    delimiter: str
    columns: int
    index: int
    header: tuple[str, ...] | None
    skipped: int
    warnings: tuple[str, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    """The beginning of a file under one delimiter."""

    delimiter: str
    header: Record
    names: tuple[str, ...]
    index: int | None
    rank: int
    rows: Sequence[Record]
    lines: int

    def fit(self) -> tuple[bool, bool, bool, float, int, int]:
        """How well the delimiter fits; the greatest is the right one."""
        widths = [len(record.fields) for record in self.rows]
        filled = [_filled(record.fields) for record in self.rows]
        # A header without the delimiters of its rows: all of them end with one, or each of several has one.
        in_rows = bool(widths) and min(widths) > 1 and (max(filled) <= 1 or len(widths) > 1)
        own = (len(self.header.fields), len(self.names))
        steady = sum(own[0] == width or own[1] == fill for width, fill in zip(widths, filled, strict=True))
        return (
            self.index is not None,
            self.header.is_clean,
            len(self.names) > 1 or in_rows,
            steady / max(1, len(widths)),
            -self.rank,
            len(self.names),
        )


def parse_delimiter(text: str) -> str:
    """The delimiter that a user names: one character, or comma, semicolon, tab, pipe. Raises `ValueError`."""
    delimiter = _NAMES.get(text.strip().lower(), text)
    usable = delimiter.isprintable() and not delimiter.isalnum() and delimiter not in ' "_-='
    if len(delimiter) != 1 or not (usable or delimiter == "\t"):
        raise ValueError(f"{text!r} is not a delimiter: give one character such as ; or comma, semicolon, tab or pipe")
    return delimiter


def find_layout(lines: Sequence[str], *, column: str | None, delimiter: str | None, source: str) -> Layout:
    """The layout of a file that begins with `lines`. Raises `IdsError`.

    `column`: the header of the ID column, None: one of `ID_COLUMNS`. `delimiter`: None for the one under which the ID
    column is found. `source`: what messages call the file.
    """
    first = next((number for number, line in enumerate(lines) if trim_invisible(line)[0]), len(lines))
    separator = _SEP_LINE.fullmatch(lines[first].strip(" \n\ufeff")) if first < len(lines) else None
    if separator is None:
        return _layout(lines, first, column, delimiter or DELIMITERS, source)
    named, first = separator[1], first + 1
    reading = _read(lines, first, column, named)
    if delimiter is not None or reading is None or reading.index is not None:
        return _layout(lines, first, column, delimiter or named, source)
    layout = _layout(lines, first, column, named + DELIMITERS, source)
    if layout.delimiter == named:
        return layout
    warning = f"the separator is {layout.delimiter!r}, and not {named!r} as line {first} says"
    return msgspec.structs.replace(layout, warnings=(warning, *layout.warnings))


def _layout(lines: Sequence[str], first: int, column: str | None, delimiters: str, source: str) -> Layout:
    readings = [reading for delimiter in delimiters if (reading := _read(lines, first, column, delimiter)) is not None]
    if not readings:
        return Layout(delimiters[0], 1, 0, None, len(lines))
    best = max(readings, key=_Candidate.fit)
    if best.header.problem is not None:
        raise IdsError(f"{source}: {best.header.problem}: line {best.header.problem_line}.")
    if best.index is not None:
        warnings = (
            *_trimmed(best),
            *_repeated(best.names, best.index, column),
            *_rows_in_header(best, best.index, source),
        )
        return Layout(best.delimiter, len(best.names), best.index, best.names, best.lines, warnings)
    if column is not None:
        raise IdsError(f"{source}: there is no column {column!r}; there are: {_listed(best.names)}.")
    if len(best.names) > 1:
        raise IdsError(
            f"{source}: no column is called campaign_id, campaignId, id or _id; "
            f"name the right one with --id-column. There are: {_listed(best.names)}."
        )
    late = next((record for record in best.rows if _is_surely_header(record)), None)
    if late is not None:
        raise IdsError(
            f"{source}: line {late.line} is the name of a column ({late.fields[0].strip()}), and lines above it are no "
            "IDs then: begin the file with that line."
        )
    return Layout(best.delimiter, 1, 0, None, first)


def _is_surely_header(record: Record) -> bool:
    """Whether a record is a header, wherever it stands: other names (`id`) may be IDs, these are none."""
    names = names_in(record)
    return len(names) == 1 and names[0].lower() in ("campaign_id", "campaignid")


def _read(lines: Sequence[str], first: int, column: str | None, delimiter: str) -> _Candidate | None:
    records = [
        record
        for record in read_records(islice(lines, first, first + SAMPLED), delimiter, first_line=first + 1)
        if _filled(record.fields)
    ]
    if not records:
        return None
    header, *rows = records
    names = names_in(header)
    index, rank = _find_column(names, column)
    if rows and rows[-1].problem is not None:
        rows.pop()  # it may be closed after the sample
    return _Candidate(
        delimiter, header, names, index, rank, rows, header.line + sum(x.count("\n") for x in header.fields)
    )


def names_in(record: Record) -> tuple[str, ...]:
    """The names of the columns in a first record, without what is around them; empty ones at the end are none."""
    return tuple(
        unwrapped(trim_invisible(field)[0], is_quoted=number in record.quoted)
        for number, field in enumerate(record.fields[: _filled(record.fields)])
    )


def _find_column(names: tuple[str, ...], column: str | None) -> tuple[int | None, int]:
    """(index of the ID column, how far down the list of usual names its name is)."""
    lowered = [name.lower() for name in names]
    if column is not None:
        wanted = trim_invisible(column)[0]
        if wanted in names:
            return names.index(wanted), 0
        return (lowered.index(wanted.lower()), 0) if wanted.lower() in lowered else (None, 0)
    for rank, name in enumerate(ID_COLUMNS):
        if name in lowered:
            return lowered.index(name), rank
    if len(names) == 1 and re.sub(r"[^a-z]", "", lowered[0]) in _SINGLE_COLUMN_HEADERS:
        return 0, len(ID_COLUMNS)
    return None, 0


def _filled(fields: Sequence[str]) -> int:
    """How many fields there are, empty ones at the end not counted."""
    return next((number for number in range(len(fields), 0, -1) if trim_invisible(fields[number - 1])[0]), 0)


def _trimmed(reading: _Candidate) -> tuple[str, ...]:
    raw, name = reading.header.fields[reading.index or 0], reading.names[reading.index or 0]
    if raw == name:
        return ()
    return (
        f"white space, invisible characters or quotes around the name of the column {name!r} are left out "
        f"(line {reading.header.line}: {escaped(raw)})",
    )


def _repeated(names: Sequence[str], index: int, column: str | None) -> tuple[str, ...]:
    """A warning where other columns have the name of the ID column, and `column` does not tell them apart."""
    alike = [number for number, name in enumerate(names, 1) if name.lower() == names[index].lower()]
    if len(alike) == 1 or (column is not None and names.count(trim_invisible(column)[0]) == 1):
        return ()
    numbers = ", ".join(map(str, alike))
    return (f"the columns {numbers} are called {escaped(names[index])!r}: the IDs are those of column {index + 1}",)


def _rows_in_header(reading: _Candidate, index: int, source: str) -> tuple[str, ...]:
    """A warning where lines of a column's name look like rows. Raises `IdsError` where they are rows."""
    rows = [
        cells
        for position, (first, *others) in lines_within(reading.header, reading.delimiter)
        for cells in others
        if index < len(first) and is_row(cells, len(first))
        if cells[1:] != reading.header.fields[position + 1 :]  # names, with the end of this one before them
    ]
    if any(_is_like_id(cells[index]) and not is_prose(cells) for cells in rows):
        raise IdsError(f"{source}: {SWALLOWS}: line {reading.header.line}.")
    return (f"{HOLDS_ROWS}: line {reading.header.line}",) if rows else ()


def _listed(names: Sequence[str]) -> str:
    return first_of(names, 30, lambda name: escaped(name)[:60])
