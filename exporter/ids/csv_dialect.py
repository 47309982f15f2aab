"""How a CSV file is laid out: its delimiter, where its rows begin, which column holds the IDs."""

from __future__ import annotations

import csv
import io
import re

import msgspec

from exporter.errors import IdsError
from exporter.text import has_control

ID_COLUMNS = ("campaign_id", "campaignid", "id", "_id")
"""Headers that are looked for, in this order and in any letter case."""


_DELIMITERS = ",;\t|"


_HEADER_LIKE = frozenset({"campaignid", "campaignids", "campaign", "campaigns", "id", "ids"})


class Layout(msgspec.Struct, frozen=True):
    """How the file is laid out: delimiter, where the rows begin, which column holds the IDs."""

    delimiter: str
    columns: int
    index: int
    skip_lines: int

    @classmethod
    def of(cls, body: bytes, column: str | None, told: str) -> Layout:
        """The layout of a file; `column`: the header to look for, None: one of `ID_COLUMNS`. Raises `IdsError`."""
        blank_lines, first = _first_record(body)
        delimiter = max(_DELIMITERS, key=lambda sign: len(_cells(first, sign)))
        cells = [cell.strip() for cell in _cells(first, delimiter)]
        lines = blank_lines + first.count("\n") + (1 if first else 0)
        lowered = [cell.lower() for cell in cells]
        if column is not None:
            index = next((i for i, cell in enumerate(cells) if cell == column.strip()), None)
            if index is None and column.strip().lower() in lowered:
                index = lowered.index(column.strip().lower())
            if index is None:
                raise IdsError(f"{told}: there is no column {column!r}; there are: {_listed(cells)}.")
            return cls(delimiter, len(cells), index, lines)
        for wanted in ID_COLUMNS:
            if wanted in lowered:
                return cls(delimiter, len(cells), lowered.index(wanted), lines)
        if len(cells) > 1:
            raise IdsError(
                f"{told}: none of its columns is called campaign_id, campaignId, id or _id; "
                f"name the right one with --id-column. There are: {_listed(cells)}."
            )
        header = re.sub(r"[^a-z]", "", lowered[0]) in _HEADER_LIKE if cells else False
        return cls(delimiter, 1, 0, lines if header else 0)


def _first_record(body: bytes) -> tuple[int, str]:
    """How many blank lines come first, and the first record's text (longer than a line when quoted)."""
    blank = 0
    with io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=None) as lines:
        record = ""
        for line in lines:
            if not record and not line.strip():
                blank += 1
                continue
            record += line
            if record.count('"') % 2 == 0 or len(record) > 100_000:
                break
    return blank, record.removesuffix("\n")


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return [record]


def _listed(cells: list[str]) -> str:
    shown = [_escaped(cell)[:60] for cell in cells[:30]]
    return ", ".join(shown) + (f" and {len(cells) - 30} more" if len(cells) > 30 else "")


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode() if has_control(text) else text
