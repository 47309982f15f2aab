"""The campaign IDs that are wanted: from a CSV file of any common kind, or given one by one.

Every problem of a file is reported with its line numbers before anything is done, and no row is lost silently: what
was trimmed, unwrapped or left out is in `CampaignIds.warnings`.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from exporter.errors import IdsError
from exporter.ids.csv_dialect import SAMPLED, Layout, find_layout, names_in
from exporter.ids.csv_rows import SWALLOWS, Record, read_records
from exporter.text import id_problem, trim_invisible

MOST_BYTES = 2**30
"""A million IDs have some 40 MB, with all columns of an export perhaps 500. /dev/zero has no end."""

MOST_NAMED = 10
"""Lines that a message names."""

_BYTES_READ = 1 << 26
"""Bytes that are read at once: a file of usual size is one piece, and is not copied."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EXCEL_TEXT = re.compile(r'="(.*)"')
"""How Excel and its friends write a text that must not become a number."""
_ORDINARY = re.compile(r"[\w.-]{1,200}", re.ASCII).fullmatch
"""An ID that needs no second look."""
_QUOTATION_MARKS = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_PREFIX = re.compile(r"[^\W\d_]*[-_]?")
_PLAIN_ID = re.compile(r"(?=\D*\d)[\w-]+")

TRIMMED = "white space or invisible characters around an ID are left out"
UNWRAPPED = 'an ID written as ="…" is read without that'
UNQUOTED = 'an ID in quotes behind a blank (, "…") is read without them'
HIDDEN = "an ID with invisible characters inside is asked for as it is"
MARKED = "an ID that begins or ends with a quotation mark is asked for as it is"
REPEATED_HEADER = "a row that repeats the first line is left out"
HEADER_LIKE = (
    "the first line looks like the name of a column and is asked for as an ID; if it is one, name it with --id-column"
)


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

    def __repr__(self) -> str:
        return f"CampaignIds({len(self.ids)} of {self.source!r}, given={self.given}, repeats={self.repeats})"


def read_ids(
    source: str | BinaryIO, *, column: str | None = None, delimiter: str | None = None, name: str | None = None
) -> CampaignIds:
    """The IDs of a CSV file.

    `source`: a path, or an open binary stream. `column`: the header of the ID column; None: one of `ID_COLUMNS`,
    else the only column. `delimiter`: None for the one under which that column is found. `name`: what messages and
    the manifest call the source. Raises `IdsError` with every problem of the file.
    """
    name = name or (source if isinstance(source, str) else "standard input")
    name = name.encode("utf-8", "backslashreplace").decode()
    data = _read(source, name)
    body = data.removeprefix(_BYTE_ORDER_MARK)
    _refuse_other_encodings(body, name)
    layout = find_layout(list(islice(_lines(body), SAMPLED)), column=column, delimiter=delimiter, source=name)
    reader = _Reader(name, layout)
    for record in read_records(
        islice(_lines(body), layout.skipped, None), layout.delimiter, first_line=layout.skipped + 1
    ):
        reader.add(record)
    return reader.result(hashlib.sha256(data).hexdigest())


def ids_of(values: Iterable[str], *, source: str) -> CampaignIds:
    """IDs that do not come from a file: of the command line, a program or the list call.

    `values`: texts, or a column of pandas, Arrow, NumPy or Polars. Raises `IdsError`.
    """
    reader = _Reader(source, Layout(",", 1, 0, None, 0), place="item")
    given = _texts(values, source)
    for number, text in enumerate(given, 1):
        reader.add(Record(number, [text], quoted=(0,)))
    return reader.result(hashlib.sha256("\n".join(given).encode("utf-8", "backslashreplace")).hexdigest())


class _Reader:
    """Collects the IDs of one source, its problems and what its user should know."""

    def __init__(self, source: str, layout: Layout, *, place: str = "line") -> None:
        self._source = source
        self._layout = layout
        self._place = place
        self._header_name = layout.header[layout.index] if layout.header is not None else None
        self._ids: dict[str, None] = {}
        self._given = 0
        self._problems: dict[str, list[int]] = {}
        self._notes: dict[str, list[int]] = {}

    def add(self, record: Record) -> None:
        """Take the ID of one record, or note why there is none."""
        layout, fields = self._layout, record.fields
        cell = fields[layout.index] if layout.index < len(fields) else ""
        if _ORDINARY(cell) and not record.quoted and len(fields) <= layout.columns and cell != self._header_name:
            self._given += 1
            self._ids[cell] = None
            return
        is_quoted = layout.index in record.quoted
        campaign_id = self._id_in(cell, record.line, is_quoted=is_quoted)
        if not campaign_id and not any(trim_invisible(field)[0] for field in fields):
            return
        if (
            layout.header is not None
            and campaign_id == layout.header[layout.index]
            and names_in(fields) == layout.header
        ):
            self._note(self._notes, REPEATED_HEADER, record.line)
            return
        problem = record.problem or self._problem(record, campaign_id, is_quoted=is_quoted)
        if problem is not None:
            self._note(self._problems, problem, record.problem_line or record.line)
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
        ids = pa.array(self._ids, pa.large_string(), size=len(self._ids))
        return CampaignIds(ids, self._given, self._given - len(ids), sha256, self._source, tuple(warnings))

    def _id_in(self, cell: str, line: int, *, is_quoted: bool) -> str:
        """The ID in a cell, without what is around it."""
        text, is_trimmed = trim_invisible(cell)
        if is_trimmed and text:
            self._note(self._notes, TRIMMED, line)
        if wrapped := _EXCEL_TEXT.fullmatch(text):
            self._note(self._notes, UNWRAPPED, line)
            return trim_invisible(wrapped[1].replace('""', '"'))[0]
        if not is_quoted and len(text) > 1 and text[0] == text[-1] == '"':
            self._note(self._notes, UNQUOTED, line)
            return trim_invisible(text[1:-1].replace('""', '"'))[0]
        if text and (text[0] in _QUOTATION_MARKS or text[-1] in _QUOTATION_MARKS):
            self._note(self._notes, MARKED, line)
        if not text.isprintable() and id_problem(text) is None:
            self._note(self._notes, HIDDEN, line)
        return text

    def _problem(self, record: Record, campaign_id: str, *, is_quoted: bool) -> str | None:
        layout = self._layout
        if any(trim_invisible(field)[0] for field in record.fields[layout.columns :]):
            return f"more fields than the {layout.columns} of the first line"
        if not is_quoted and campaign_id.startswith(('"', '="')):
            return "an ID with a quote that is not closed"
        if not is_quoted and "\ufeff" in campaign_id:
            return "an ID with a byte order mark inside, as where two files were joined without a line break"
        if record.quoted and self._holds_rows(record, campaign_id):
            return SWALLOWS
        return id_problem(campaign_id)

    def _holds_rows(self, record: Record, campaign_id: str) -> bool:
        """Whether a quoted field holds lines that are rows themselves: as many fields, and an ID like this one's."""
        layout = self._layout
        for position in record.quoted:
            lines = record.fields[position].split("\n")
            for number, line in enumerate(lines[1:], 2):
                cells = line.split(layout.delimiter)
                behind = len(record.fields) - position - 1 if number == len(lines) else 0
                if len(cells) + behind == layout.columns > 1 and _are_alike(
                    campaign_id, cells[layout.index : layout.index + 1]
                ):
                    return True
        return False

    def _compare_first_line(self) -> None:
        """Tell of a first line that has no digit, where all others have one: it may be a column's name."""
        if self._layout.header is not None or self._place != "line":
            return
        first, *others = islice(self._ids, 100)
        if others and not _has_digit(first) and all(map(_has_digit, others)):
            self._notes[HEADER_LIKE] = [self._layout.skipped + 1]

    def _note(self, notes: dict[str, list[int]], text: str, line: int) -> None:
        notes.setdefault(text, []).append(line)

    def _sentence(self, text: str, numbers: list[int]) -> str:
        shown = ", ".join(str(number) for number in numbers[:MOST_NAMED])
        more = f" and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else ""
        return f"{self._source}: {text}: {self._place}{'s' if len(numbers) > 1 else ''} {shown}{more}."


def _are_alike(campaign_id: str, cells: list[str]) -> bool:
    prefix = _PREFIX.match(campaign_id)
    cell = cells[0].strip() if cells else ""
    if prefix is None or not _PLAIN_ID.fullmatch(cell):
        return False
    return cell.startswith(prefix[0]) if prefix[0] else len(cell) == len(campaign_id)


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _texts(values: Any, source: str) -> list[str]:
    """What a program gives, as texts. Raises `IdsError` that says what can be given."""
    if isinstance(values, str | bytes | bytearray) or hasattr(values, "columns") or not isinstance(values, Iterable):
        raise IdsError(
            f"{source}: {type(values).__name__} cannot be read as campaign IDs. Give a list of texts, or one column "
            "such as frame['campaign_id'], or the path of a CSV file."
        )
    items = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    wrong = [(number, item) for number, item in enumerate(items, 1) if not isinstance(item, str)]
    if wrong:
        shown = ", ".join(f"item {number} is {_kind(item)}" for number, item in wrong[:MOST_NAMED])
        more = f" and {len(wrong) - MOST_NAMED:,} more" if len(wrong) > MOST_NAMED else ""
        raise IdsError(
            f"{source}: campaign IDs are texts, and {shown}{more}. Leave empty ones out; write '007', not 7."
        )
    return items


def _kind(item: Any) -> str:
    return "None" if item is None else f"{item!r} ({type(item).__name__})"[:80]


def _lines(body: bytes) -> Iterator[str]:
    """The lines of a file; each ends with a line feed, whatever the file ends them with."""
    return io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=None)


def _read(source: str | BinaryIO, name: str) -> bytes:
    try:
        if not isinstance(source, str):
            return _read_bounded(source, name)
        with Path(source).open("rb") as file:
            return _read_bounded(file, name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise IdsError(f"{name}: cannot be read: {reason}.") from None


def _read_bounded(file: BinaryIO, name: str) -> bytes:
    pieces: list[bytes] = []
    while piece := file.read(_BYTES_READ):
        pieces.append(piece)
        if sum(map(len, pieces)) > MOST_BYTES:
            raise IdsError(f"{name}: is larger than {MOST_BYTES:,} bytes; is it the file of IDs?")
    return b"".join(pieces)


def _refuse_other_encodings(body: bytes, name: str) -> None:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise IdsError(f"{name}: is UTF-16; save it as UTF-8.")
    if body.startswith((b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"%PDF")):
        raise IdsError(f"{name}: is no CSV file but a workbook, an archive or another binary format.")
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            raise IdsError(
                f"{name}: is not UTF-8 text (byte {body[error.start]:#04x} in line {line}); save it as UTF-8."
            ) from None
