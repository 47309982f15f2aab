"""The campaign IDs that are wanted: from a CSV file of any common kind, or given one by one.

Every problem of a file is reported with its line numbers before anything is done, and no row is lost silently: what
was trimmed, unwrapped or left out is in `CampaignIds.warnings`.
"""

from __future__ import annotations

import hashlib
import io
import select
from collections.abc import Iterable
from itertools import islice
from typing import Any, BinaryIO, TextIO

from exporter.errors import IdsError
from exporter.ids.campaign_ids import MOST_NAMED, IdReader
from exporter.ids.campaign_ids import CampaignIds as CampaignIds
from exporter.ids.csv_layout import SAMPLED, Layout, find_layout
from exporter.ids.csv_rows import Record, read_records
from exporter.text import storable
from exporter.units import first_of
from exporter.user_path import user_path

MOST_BYTES = 2**30
"""A million IDs have some 40 MB, with all columns of an export perhaps 500. /dev/zero has no end."""

_BYTES_READ = 1 << 26
"""Bytes that are read at once: a file of usual size is one piece, and is not copied."""
_CHARACTERS_AT_ONCE = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_ids(
    source: str | BinaryIO, *, column: str | None = None, delimiter: str | None = None, name: str | None = None
) -> CampaignIds:
    """The IDs of a CSV file.

    `source`: a path, or an open binary stream. `column`: the header of the ID column; None: one of `ID_COLUMNS`,
    else the only column. `delimiter`: None for the one under which that column is found. `name`: what messages and
    the manifest call the source. Raises `IdsError` with every problem of the file.
    """
    name = storable(name or (source if isinstance(source, str) else "standard input"))
    data = _read(source, name)
    sha256 = hashlib.sha256(data).hexdigest()
    body = data.removeprefix(_BYTE_ORDER_MARK)
    _refuse_other_encodings(body, name)
    layout = find_layout(list(islice(_lines(body), SAMPLED)), column=column, delimiter=delimiter, source=name)
    reader = IdReader(name, layout)
    _take_ids(reader, layout, body)
    del data, body  # the array of the IDs needs the room
    return reader.result(sha256)


def _take_ids(reader: IdReader, layout: Layout, body: bytes) -> None:
    """Take the IDs of all rows."""
    lines, line = _lines(body), layout.skipped + 1
    for _ in range(layout.skipped):
        lines.readline()
    if b'"' in body:  # a record may be longer than a line
        for record in read_records(lines, layout.delimiter, first_line=line):
            reader.add(record)
    else:
        while text := lines.read(_CHARACTERS_AT_ONCE):
            text += lines.readline()
            reader.add_lines(text, first_line=line)
            line += text.count("\n")


def ids_of(values: Iterable[str], *, source: str) -> CampaignIds:
    """IDs that do not come from a file: of the command line, a program or the list call.

    `values`: texts, or a column of pandas, Arrow, NumPy or Polars. Raises `IdsError`.
    """
    reader = IdReader(source, Layout(",", 1, 0, None, 0), place="item")
    given = _texts(values, source)
    for number, text in enumerate(given, 1):
        reader.add(Record(number, [text], quoted=(0,)))
    return reader.result(hashlib.sha256("\n".join(given).encode("utf-8", "backslashreplace")).hexdigest())


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
        shown = first_of(wrong, MOST_NAMED, lambda entry: f"item {entry[0]} is {_kind(entry[1])}")
        raise IdsError(f"{source}: campaign IDs are texts, and {shown}. Leave empty ones out; write '007', not 7.")
    return items


def _kind(item: Any) -> str:
    return "None" if item is None else f"{item!r} ({type(item).__name__})"[:80]


def _lines(body: bytes) -> TextIO:
    """The lines of a file; each ends with a line feed, whatever the file ends them with."""
    return io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=None)


def _read(source: str | BinaryIO, name: str) -> bytes:
    try:
        if not isinstance(source, str):
            return _read_bounded(source, name)
        with user_path(source).open("rb") as file:
            return _read_bounded(file, name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = " Only a file of this machine, or - for standard input, can be." if "://" in name else ""
        raise IdsError(f"{name}: cannot be read: {reason}.{hint}") from None


def _read_bounded(file: BinaryIO, name: str) -> bytes:
    pieces: list[bytes] = []
    while (piece := _read_piece(file)) != b"":
        pieces.append(piece)
        if sum(map(len, pieces)) > MOST_BYTES:
            raise IdsError(f"{name}: is larger than {MOST_BYTES:,} bytes; is it the file of IDs?")
    return b"".join(pieces)


def _read_piece(file: BinaryIO) -> bytes:
    """The next bytes of a file; empty at its end. A pipe that does not block may have nothing yet: not its end."""
    while True:
        piece: bytes | None = file.read(_BYTES_READ)
        if piece is not None:
            return piece
        select.select([file], [], [])


def _refuse_other_encodings(body: bytes, name: str) -> None:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:2]:
        raise IdsError(f"{name}: is UTF-16; save it as UTF-8.")
    if body.startswith((b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"%PDF")):
        raise IdsError(f"{name}: is not a CSV file but a workbook, an archive or another binary format.")
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            raise IdsError(
                f"{name}: is not UTF-8 text (byte {body[error.start]:#04x} in line {line}); save it as UTF-8."
            ) from None
