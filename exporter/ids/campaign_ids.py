"""The IDs of one source, taken from its records: what each cell means, what is wrong, what its user should know."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import msgspec
import pyarrow as pa

from exporter.errors import IdsError
from exporter.ids.csv_layout import Layout, names_in
from exporter.ids.csv_rows import HOLDS_ROWS, SWALLOWS, Record, is_prose, is_row, lines_within, read_records, unwrapped
from exporter.text import id_problem, trim_invisible
from exporter.units import first_of

MOST_NAMED = 10
"""Lines that a message names."""

_AT_ONCE = 50_000
"""IDs that are Python texts at the same time; the others take less room."""

_ORDINARY_ID = r"[\w.-]{1,200}"
"""An ID that needs no second look."""
_is_ordinary = re.compile(_ORDINARY_ID, re.ASCII).fullmatch
_are_ordinary_lines = re.compile(rf"(?:{_ORDINARY_ID}\n)++", re.ASCII).fullmatch
_QUOTATION_MARKS = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_MISSING = ("nan", "NaN", "None", "null", "NULL", "NA", "N/A", "#N/A", "<NA>", "NaT", "#REF!", "#VALUE!")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+?[0-9]+|[0-9]+\.0").fullmatch
_PREFIX = re.compile(r"[^\W\d_]+[-_]")
_PLAIN_ID = re.compile(r"(?=\D*\d)[\w-]+")

TRIMMED = "white space or invisible characters around an ID are left out"
UNWRAPPED = 'an ID written as ="…" is read without that'
UNQUOTED = 'an ID in quotes behind a blank (, "…") is read without them'
HIDDEN = "an ID with invisible characters inside is asked for as it is"
MARKED = "an ID that begins or ends with a quotation mark is asked for as it is"
REPEATED_HEADER = "a row that repeats the first line is left out"
DOUBTFUL = "asked for as they are, though they look like nothing or like rounded numbers, and not like IDs"
HEADER_LIKE = (
    "the first line looks like the name of a column and is asked for as an ID; if it is one, name it with --id-column"
)


def each_of(ids: pa.Array) -> Iterator[str]:
    """The IDs of an array one by one, some thousands as texts in memory at a time."""
    for start in range(0, len(ids), _AT_ONCE):
        yield from ids[start : start + _AT_ONCE].to_pylist()


class CampaignIds(msgspec.Struct, frozen=True):
    """The wanted IDs: `ids` holds each once, in the order of the file.

    `given` counts repeats too: `given == len(ids) + repeats`. `sha256` is that of the file's bytes. `warnings`: what
    a user should know of the file.
    """

    ids: pa.Array
    given: int
    repeats: int
    sha256: str
    source: str
    warnings: tuple[str, ...] = ()

    def each(self) -> Iterator[str]:
        """The IDs one by one."""
        return each_of(self.ids)

    def __repr__(self) -> str:
        return f"CampaignIds({len(self.ids)} of {self.source!r}, given={self.given}, repeats={self.repeats})"


class IdReader:
    """Collects the IDs of one source, its problems and what its user should know."""

    def __init__(self, source: str, layout: Layout, *, place: str = "line") -> None:
        self._source = source
        self._layout = layout
        self._place = place
        self._header_name = layout.header[layout.index] if layout.header is not None else None
        self._ids: dict[str, None] = {}
        self._given = 0
        self._problems: defaultdict[str, list[int]] = defaultdict(list)
        self._notes: defaultdict[str, list[int]] = defaultdict(list)

    def add_lines(self, text: str, *, first_line: int) -> None:
        """Take the IDs of whole lines without a quote: of one ordinary column all at once."""
        # A point may be in an ordinary ID, and may be the delimiter.
        if self._layout.columns == 1 and self._layout.delimiter != "." and _are_ordinary_lines(text):
            ids = text.split("\n")[:-1]
            if self._header_name not in ids:
                self._given += len(ids)
                self._ids.update(dict.fromkeys(ids))
                return
        for record in read_records(io.StringIO(text), self._layout.delimiter, first_line=first_line):
            self.add(record)

    def add(self, record: Record) -> None:
        """Take the ID of one record, or note why there is none."""
        layout, fields = self._layout, record.fields
        cell = fields[layout.index] if layout.index < len(fields) else ""
        if _is_ordinary(cell) and not record.quoted and len(fields) <= layout.columns and cell != self._header_name:
            self._given += 1
            self._ids[cell] = None
            return
        is_quoted = layout.index in record.quoted
        campaign_id = self._id_in(cell, record.line, is_quoted=is_quoted)
        if not campaign_id and not any(trim_invisible(field)[0] for field in fields):
            return
        if campaign_id == self._header_name and names_in(record) == layout.header:
            self._notes[REPEATED_HEADER].append(record.line)
            return
        problem = record.problem or self._problem(record, campaign_id, is_quoted=is_quoted)
        if problem is not None:
            self._problems[problem].append(record.problem_line or record.line)
        else:
            self._given += 1
            self._ids[campaign_id] = None

    def result(self, sha256: str) -> CampaignIds:
        """The IDs. Raises `IdsError`."""
        if self._problems:
            raise IdsError([self._sentence(*problem) for problem in self._problems.items()])
        if not self._ids:
            raise IdsError(f"{self._source}: no IDs in it.")
        self._compare_first_line()
        warnings = [f"{self._source}: {warning}." for warning in self._layout.warnings]
        warnings += [self._sentence(*note) for note in self._notes.items()]
        if doubtful := self._doubtful():
            warnings.append(f"{self._source}: {DOUBTFUL}: {', '.join(doubtful[:MOST_NAMED])}.")
        ids = pa.array(self._ids, pa.large_string(), size=len(self._ids))
        return CampaignIds(ids, self._given, self._given - len(ids), sha256, self._source, tuple(warnings))

    def _id_in(self, cell: str, line: int, *, is_quoted: bool) -> str:
        """The ID in a cell, without what is around it."""
        text, is_trimmed = trim_invisible(cell)
        if is_trimmed and text:
            self._notes[TRIMMED].append(line)
        if (inside := unwrapped(text, is_quoted=is_quoted)) != text:
            self._notes[UNWRAPPED if text.startswith("=") else UNQUOTED].append(line)
            return inside
        if text and (text[0] in _QUOTATION_MARKS or text[-1] in _QUOTATION_MARKS):
            self._notes[MARKED].append(line)
        if not text.isprintable() and id_problem(text) is None:
            self._notes[HIDDEN].append(line)
        return text

    def _problem(self, record: Record, campaign_id: str, *, is_quoted: bool) -> str | None:
        layout = self._layout
        if any(trim_invisible(field)[0] for field in record.fields[layout.columns :]):
            return f"more fields than the {layout.columns} of the first line"
        if not is_quoted and campaign_id.startswith(('"', '="')):
            return "an ID with a quote that is not closed"
        if layout.index in record.torn:
            return "an ID with text behind its closing quote"
        if not is_quoted and "\ufeff" in campaign_id:
            return "an ID with a byte order mark inside, as where two files were joined without a line break"
        if record.quoted and self._holds_rows(record):
            return SWALLOWS
        return id_problem(campaign_id)

    def _holds_rows(self, record: Record) -> bool:
        """Whether a quoted field holds lines that are rows themselves; those that may be a text as well are noted.

        A line is a row if it has as many fields and an ID like this one's; or if all lines have as many fields, an ID
        of this one's kind and no blank behind a delimiter, as the lines of a text hardly ever do.
        """
        layout = self._layout
        own = trim_invisible("".join(record.fields[layout.index : layout.index + 1]))[0]
        for position, lines in lines_within(record, layout.delimiter):
            if position == layout.index:
                return True  # no ID has both
            ids = [trim_invisible(cells[layout.index])[0] for cells in lines if is_row(cells, layout.columns)]
            others = [one for one in ids if one not in ("", own)]
            is_no_text = len(ids) == len(lines) and not any(map(is_prose, lines))
            is_kind = all(_is_ordinary(one) and _kind_of(one) == _kind_of(own) for one in ids)
            if any(_are_alike(own, one) for one in others) or (others and is_no_text and is_kind):
                return True
            if others:
                self._notes[HOLDS_ROWS].append(record.line)
        return False

    def _doubtful(self) -> list[str]:
        """IDs that a spreadsheet or a data frame has put in place of the true ones: for nothing, or rounded."""
        return [one for one in _MISSING if one in self._ids] + [one for one in islice(self._ids, 1000) if _ROUNDED(one)]

    def _compare_first_line(self) -> None:
        """Note a first line that differs from all others as a column's name does from IDs."""
        if self._layout.header is not None or self._place != "line":
            return
        first, *others = islice(self._ids, 100)
        prefixes = {_prefix(campaign_id) for campaign_id in others}
        has_other_prefix = len(others) > 1 and len(prefixes) == 1 and not first.startswith(max(prefixes))
        has_no_digit = not _has_digit(first) and all(map(_has_digit, others))
        if others and (has_no_digit or has_other_prefix):
            self._notes[HEADER_LIKE] = [self._layout.skipped + 1]

    def _sentence(self, text: str, numbers: list[int]) -> str:
        places = f"{self._place}{'s' if len(numbers) > 1 else ''} {first_of(numbers, MOST_NAMED)}"
        return f"{self._source}: {text}: {places}."


def _are_alike(campaign_id: str, other: str) -> bool:
    prefix = _prefix(campaign_id)
    return bool(_PLAIN_ID.fullmatch(other)) and (other.startswith(prefix) if prefix else len(other) == len(campaign_id))


def _kind_of(campaign_id: str) -> tuple[bool, bool]:
    """What IDs of one file have in common, and a word in a text has not."""
    return bool(_prefix(campaign_id)), _has_digit(campaign_id)


def _prefix(campaign_id: str) -> str:
    """What IDs of one kind have in common: `cd-`."""
    match = _PREFIX.match(campaign_id)
    return match[0] if match is not None else ""


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
