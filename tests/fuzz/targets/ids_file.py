"""IDs files: what Python's strict reader finds in one is found, or the file is refused."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice
from typing import NamedTuple

from exporter.errors import IdsError
from exporter.ids.csv_layout import SAMPLED, Layout, find_layout
from exporter.ids.ids_file import CampaignIds, read_ids
from exporter.text import id_problem, trim_invisible
from tests.fuzz.promises import check_error
from tests.fuzz.target import Target

_OPTION = re.compile(rb"--(id-column|delimiter) ([^\n]+)\n")
_WRAPPED, _QUOTED = re.compile(r'="(.*)"'), re.compile(r'"(.*)"', re.DOTALL)


class IdsFile(NamedTuple):
    """A file and what is read from it."""

    body: bytes
    column: str | None
    delimiter: str | None
    found: CampaignIds | IdsError


def read(data: bytes) -> IdsFile:
    """The first line may be `--id-column NAME` or `--delimiter C`; the rest is the file."""
    column = delimiter = None
    if option := _OPTION.match(data):
        value = option[2].decode("utf-8", "replace")
        column, delimiter = (value, None) if option[1] == b"id-column" else (None, value[:1])
        data = data[option.end() :]
    try:
        found: CampaignIds | IdsError = read_ids(io.BytesIO(data), column=column, delimiter=delimiter, name="ids.csv")
    except IdsError as error:
        found = error
    return IdsFile(data, column, delimiter, found)


def check(data: bytes, file: IdsFile) -> None:
    """Every ID is one that can be asked for, and none is lost."""
    found = file.found
    if isinstance(found, IdsError):
        check_error(found)
        assert all(problem.startswith("ids.csv: ") for problem in found.problems)
        return
    ids = found.ids.to_pylist()
    assert len(set(ids)) == len(ids)
    assert found.given == len(ids) + found.repeats > 0
    assert all(id_problem(one) is None and trim_invisible(one) == (one, False) for one in ids)
    if b"\0" not in file.body:
        rows = _read_strictly(file)
        lost = [forms for forms in rows if not forms & {"", *ids}]
        assert not lost, f"lost: {lost}"
        assert not rows or set(ids) <= set().union(*rows), "an ID that is in no row"


def _read_strictly(file: IdsFile) -> list[set[str]]:
    """The IDs by Python's strict reader, under the layout that was chosen; none where it refuses the file.

    Each in the forms that may be meant: it does not tell whether quotes are a part of it.
    """
    text = file.body.removeprefix(b"\xef\xbb\xbf").decode()
    lines = list(io.StringIO(text, newline=None))
    layout = find_layout(list(islice(lines, SAMPLED)), column=file.column, delimiter=file.delimiter, source="ids.csv")
    try:
        rows = list(csv.reader(lines[layout.skipped :], delimiter=layout.delimiter, strict=True))
    except csv.Error:
        return []
    return [_forms(row, layout) for row in rows]


def _forms(row: list[str], layout: Layout) -> set[str]:
    """The ID in a row; also an empty text where there is none, or where the row may repeat the header."""
    text = trim_invisible(row[layout.index])[0] if layout.index < len(row) else ""
    inside = [found[1] for found in (_WRAPPED.fullmatch(text), _QUOTED.fullmatch(text)) if found is not None]
    forms = {text, *(trim_invisible(one.replace('""', '"'))[0] for one in inside)}
    return {*forms, ""} if layout.header is not None and layout.header[layout.index] in forms else forms


TARGET = Target(
    read, check,
    words=(
        "campaign_id", "campaignId", "id", "_id", "cd-1", "cd-2", 'sep=;\n', "sep=\t\n", '="cd-1"', '""',
        "--delimiter ;\n", "--id-column x\n", "name", '"a\nb"',
    ),
)  # fmt: skip
