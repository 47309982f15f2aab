"""The campaign IDs that are wanted, from a CSV file of any common kind.

Clean files are read in one go by Arrow. Whatever looks odd is read again, slowly and by the line, so that every
fault can be told with its line number before anything is done.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from exporter.errors import IdsError
from exporter.ids.csv_dialect import Layout
from exporter.text import CONTROL, LONGEST_ID, id_problem

MOST_BYTES = 2**30
"""A million IDs have some 40 MB, with all columns of an export perhaps 500. /dev/zero has no end."""

TOLD = 10
"""Faulty lines that an error names."""

_CONTROL_BYTES = bytes(set(range(32)) - {9, 10, 13}) + b"\x7f"
_PIECE = 1 << 20
_WORD = 8
"""Bytes of a text that are hashed at once."""
_ODD, _HALF = 0x9E3779B97F4A7C15, 32
"""A multiplier and a shift that spread every bit of a text over its hash."""
_ROWS = 1 << 16
"""Texts that are hashed together: what that needs stays in the processor's cache."""
_PIECE_READ = 1 << 26
"""Bytes that are read at once: a file of usual size is one piece, and is not copied."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class CampaignIds(msgspec.Struct, frozen=True):
    """The wanted IDs: `ids` holds each once, in the order of the file.

    `given` counts repeats too: `given == len(ids) + repeats`. `sha256` is that of the file's bytes.
    """

    ids: pa.Array | pa.ChunkedArray
    given: int
    repeats: int
    sha256: str
    source: str

    def __repr__(self) -> str:
        return f"CampaignIds({len(self.ids)} of {self.source!r}, given={self.given}, repeats={self.repeats})"


def read_ids(source: str | BinaryIO, *, column: str | None = None, name: str | None = None) -> CampaignIds:
    """The IDs of a CSV file.

    `source`: a path, or an open binary stream. `column`: the header of the ID column; None: one of `ID_COLUMNS`,
    else the only column. `name`: what messages and the manifest call the source.
    Raises `IdsError` with every fault of the file.
    """
    told = name or (source if isinstance(source, str) else "standard input")
    told = told.encode("utf-8", "backslashreplace").decode()
    data = _read(source, told)
    sha256 = hashlib.sha256(data).hexdigest()
    body = data.removeprefix(_BYTE_ORDER_MARK)
    _refuse_other_encodings(body, told)
    layout = Layout.of(body, column, told)
    values = _fast(body, layout)
    if values is None:
        values = pa.array(_slow(body, layout, told), pa.large_string())
    del data, body
    if len(values) == 0:
        raise IdsError(f"{told}: no IDs in it.")
    # What reading has used is given back first: finding repeats takes as much again.
    pa.default_memory_pool().release_unused()
    if _all_different(values):
        return CampaignIds(values, len(values), 0, sha256, told)
    unique = values.unique()
    return CampaignIds(unique, len(values), len(values) - len(unique), sha256, told)


def _all_different(values: pa.Array | pa.ChunkedArray) -> bool:
    """Whether no ID stands twice, for IDs of one length, as real ones are; False says nothing.

    Texts that are the same have the same hash, so a million different hashes settle it, in three quarters of the time
    and the memory that a table of the texts takes.
    """
    if values.type != pa.large_string():
        return False
    lengths = pc.min_max(pc.binary_length(values))
    length = lengths["max"].as_py()
    if lengths["min"].as_py() != length or length < _WORD:
        return False
    pieces = pa.table({"ids": values}).to_batches(max_chunksize=_ROWS)
    hashes = pa.chunked_array([_hashes(piece.column(0), length) for piece in pieces], pa.uint64())
    return len(hashes.unique()) == len(values)


def _hashes(texts: pa.Array, length: int) -> pa.Array:
    """A hash of each text; all have so many bytes."""
    texts = texts.cast(pa.large_binary())
    odd, half = pa.scalar(_ODD, pa.uint64()), pa.scalar(_HALF, pa.uint64())
    hashes = pa.nulls(0)
    # The last word begins within the one before it, where the length is no multiple of it.
    for begin in (*range(0, length - _WORD, _WORD), length - _WORD):
        _, _, data = pc.binary_slice(texts, begin, begin + _WORD).buffers()
        word = pa.Array.from_buffers(pa.uint64(), len(texts), [None, data])
        hashes = pc.multiply(pc.bit_wise_xor(hashes, word) if begin else word, odd)
        hashes = pc.bit_wise_xor(hashes, pc.shift_right(hashes, half))
    return hashes


def ids_of(values: Iterable[str], *, source: str) -> CampaignIds:
    """IDs that do not come from a file: of the command line or the list call. Raises `IdsError`."""
    given = [text for value in values if (text := value.strip())]
    problems = [f"{source}: {problem}" for value in given if (problem := id_problem(value))]
    if problems or not given:
        raise IdsError(problems or f"{source}: no IDs in it.")
    unique = pa.array(dict.fromkeys(given), pa.large_string())
    sha256 = hashlib.sha256("\n".join(given).encode()).hexdigest()
    return CampaignIds(unique, len(given), len(given) - len(unique), sha256, source)


def _read(source: str | BinaryIO, told: str) -> bytes:
    try:
        if not isinstance(source, str):
            return _at_most(source, told)
        with Path(source).open("rb") as file:
            return _at_most(file, told)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise IdsError(f"{told}: cannot be read: {why}.") from None


def _at_most(file: BinaryIO, told: str) -> bytes:
    pieces: list[bytes] = []
    while piece := file.read(_PIECE_READ):
        pieces.append(piece)
        if sum(map(len, pieces)) > MOST_BYTES:
            raise IdsError(f"{told}: is larger than {MOST_BYTES:,} bytes; is it the file of IDs?")
    return b"".join(pieces)


def _refuse_other_encodings(body: bytes, told: str) -> None:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise IdsError(f"{told}: is UTF-16; save it as UTF-8.")
    if body.startswith((b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"%PDF")):
        raise IdsError(f"{told}: is no CSV file but a workbook, an archive or another binary format.")
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            raise IdsError(
                f"{told}: is not UTF-8 text (byte {body[error.start]:#04x} in line {line}); save it as UTF-8."
            ) from None


def _fast(body: bytes, layout: Layout) -> pa.ChunkedArray | None:
    """The trimmed IDs with repeats, or None when there is anything that needs the slow reading."""
    quoted = b'"' in body
    if (quoted and layout.skip_lines > 1) or _has_control_bytes(body):
        return None
    names = [str(number) for number in range(layout.columns)]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(
                column_names=names,
                skip_rows=layout.skip_lines,
                block_size=max(1 << 20, min(len(body), 1 << 24)),
            ),
            parse_options=pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=quoted),
            convert_options=pacsv.ConvertOptions(
                include_columns=[names[layout.index]],
                column_types={names[layout.index]: pa.large_string()},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = table.column(0)
    if len(values) == 0:
        return None
    if quoted or b" " in body or b"\t" in body or not body.isascii():
        values = pc.utf8_trim_whitespace(values)
    lengths = pc.binary_length(values)
    if pc.min(lengths).as_py() == 0:
        if layout.columns > 1:
            return None
        values = values.filter(pc.greater(lengths, 0))
    if (pc.max(lengths).as_py() or 0) > LONGEST_ID:
        return None
    may_hide_controls = quoted or not body.isascii() or b"\t" in body
    if may_hide_controls and pc.any(pc.match_substring_regex(values, f"[{CONTROL}]")).as_py():
        return None
    return values


def _has_control_bytes(body: bytes) -> bool:
    """A piece at a time, so that no second copy of the file is made."""
    view = memoryview(body)
    pieces = (bytes(view[start : start + _PIECE]) for start in range(0, len(body), _PIECE))
    return any(len(piece.translate(None, _CONTROL_BYTES)) != len(piece) for piece in pieces)


def _slow(body: bytes, layout: Layout, told: str) -> Iterator[str]:
    """The same, line by line. Raises `IdsError` naming the lines that are wrong."""
    # Another column may hold a text of any length.
    csv.field_size_limit(max(csv.field_size_limit(), len(body)))
    lines: dict[str, list[int]] = {}
    values: list[str] = []
    reader = csv.reader(io.StringIO(body.decode("utf-8"), newline=""), delimiter=layout.delimiter)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            lines.setdefault(f"cannot be read as CSV ({error})", []).append(line)
            continue
        if row is None:
            break
        if line <= layout.skip_lines or not any(cell.strip() for cell in row):
            continue
        value = row[layout.index].strip() if layout.index < len(row) else ""
        if any(cell.strip() for cell in row[layout.columns :]):
            problem: str | None = f"more fields than the {layout.columns} of the first line"
        else:
            problem = id_problem(value)
        if problem:
            lines.setdefault(problem, []).append(line)
        else:
            values.append(value)
    if lines:
        raise IdsError([f"{told}: {problem}: {_line_numbers(numbers)}." for problem, numbers in lines.items()])
    return iter(values)


def _line_numbers(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:TOLD])
    more = f" and {len(numbers) - TOLD:,} more" if len(numbers) > TOLD else ""
    return ("line " if len(numbers) == 1 else "lines ") + shown + more
