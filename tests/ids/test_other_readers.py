"""IDs files compared with other programs: what Python's strict reader, DuckDB or pandas read, no ID of it is lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.errors import IdsError
from exporter.ids.ids_file import read_ids
from exporter.text import trim_invisible

ids = st.integers(1, 99).map("cd-{}".format)
pieces = st.sampled_from(['"', '""', ",", ";", "\n", "\r\n", " ", "x", "5", "é", "'", "\u200b"])
notes = st.one_of(
    st.lists(pieces, max_size=5).map("".join),
    st.text(st.sampled_from('ab;,| é\n"'), max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"'),
)


def read(text: str) -> list[str] | None:
    """Our IDs; None where the file is refused, by name and line."""
    try:
        return list(read_ids(io.BytesIO(text.encode()), name="ids.csv").ids.to_pylist())
    except IdsError as error:
        assert str(error).startswith("ids.csv: ")
        return None


@given(st.lists(st.tuples(ids, notes), min_size=1, max_size=8), st.sampled_from(",;"))
@example([("cd-1", ""), ("cd-2", '6"'), ("cd-3", "y")], ",")
@example([("cd-1", '"abc'), ("cd-2", "def"), ("cd-3", "ghi")], ",")
@example([("cd-1", '"abc'), ("cd-2", "def"), ("cd-3", '"ghi"')], ",")
@example([("cd-1", '"a\nb"'), ("cd-2", '"5" screen')], ";")
@example([("cd-1", '\n"'), ("cd-2", '" ,;"')], ",")
def test_what_pythons_strict_reader_accepts_no_id_of_it_is_lost(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = f"campaign_id{delimiter}name\n" + "".join(f"{one}{delimiter}{note}\n" for one, note in rows)
    try:
        accepted = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        # What it refuses is refused, or every ID of it is found.
        found = read(text)
        assert found is None or {one for one, _ in rows} <= set(found)
        return
    found = read(text)
    if found is not None:
        assert {trim_invisible(row[0])[0] for row in accepted[1:] if row} - {""} <= set(found)
    if all(len(row) <= 2 for row in accepted) and all(row[0].startswith("cd-") for row in accepted[1:] if row):
        # An ordinary file; refused only where a quoted field holds rows.
        assert found is not None or any("cd-" in row[1] for row in accepted[1:] if len(row) > 1)


@given(st.lists(st.tuples(ids, st.text(st.sampled_from('ab;,| é\n"'), max_size=12)), min_size=1, max_size=8))
def test_what_pandas_writes_and_reads_is_read_alike(rows: list[tuple[str, str]]) -> None:
    frame = pandas.DataFrame(rows, columns=["campaign_id", "note"])
    text = frame.to_csv(index=False)
    assert read(text) == list(dict.fromkeys(pandas.read_csv(io.StringIO(text), dtype=str)["campaign_id"]))


@pytest.mark.parametrize(
    "text",
    [
        'campaign_id,name\ncd-1,"two\nlines"\ncd-2,"x, ""y"""\n',
        'campaign_id;"Cost (EUR, net)"\ncd-1;"1,50"\ncd-2;3\n',
        'name|campaign_id\n"a|b"|cd-1\nc|cd-2\n',
        "campaign_id\r\ncd-1\r\ncd-2\r\n",
    ],
)
def test_what_duckdb_reads_is_read_alike(text: str, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(text.encode())
    rows = duckdb.sql(f"SELECT campaign_id FROM read_csv('{path}', all_varchar = true)").fetchall()
    assert read(text) == [row[0] for row in rows]


@given(
    st.lists(st.sampled_from([",", "\n", "\r\n", "\r", " ", "x", "\u200b", "\ufeff"]) | ids, max_size=30).map("".join)
)
def test_without_quotes_every_line_has_its_id_or_the_file_is_refused(body: str) -> None:
    found = read("campaign_id,name\n" + body)
    firsts = [line.split(",")[0].strip(" \n\u200b\ufeff") for line in io.StringIO(body, newline=None)]
    assert found is None or found == list(dict.fromkeys(filter(None, firsts)))
