"""`exporter.ids.csv_rows`: records and quotes, compared with Python's own reader."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from exporter.ids.csv_rows import NEVER_CLOSED, SWALLOWS, Record, read_records


def records(text: str, delimiter: str = ",") -> list[Record]:
    return list(read_records(io.StringIO(text, newline=None), delimiter))


def strict_rows(text: str, delimiter: str) -> list[list[str]] | None:
    """What Python's strict reader reads; None where it refuses. Blank lines are left out."""
    lines = io.StringIO(io.StringIO(text, newline=None).read(), newline="")
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return None


texts = st.lists(
    st.sampled_from(['"', '""', ",", ";", "\n", "\r\n", "\r", " ", "a", "cd-1", "é", "\ufeff"]), max_size=30
)


@given(texts.map("".join), st.sampled_from(",;"))
@example('a,"b\nc",d\n', ",")
@example('"a""b"\n', ",")
@example('"\n', ",")
@example('5" x,"6"\n', ",")
def test_what_the_strict_reader_reads_is_read_alike(text: str, delimiter: str) -> None:
    expected = strict_rows(text, delimiter)
    if expected is None:
        return
    found = records(text, delimiter)
    assert [record.fields for record in found if record.fields != [""] or record.quoted] == expected
    assert not [record for record in found if record.problem]


@given(texts.map("".join), st.sampled_from(",;"))
def test_without_a_problem_no_line_is_lost(text: str, delimiter: str) -> None:
    """Every line is in one record: those of the records' beginnings and those inside quoted fields are all."""
    found = records(text, delimiter)
    assume(not any(record.problem for record in found))
    inside = sum(record.fields[position].count("\n") for record in found for position in record.quoted)
    assert len(found) + inside == len(list(io.StringIO(text, newline=None)))


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('a,"b\nc,d\n', NEVER_CLOSED, 1),
        ('x,y\na,"b\nc,d\ne,"f"\n', SWALLOWS, 2),
        ('x,y\na,b\n"a,b\nc,d"e,f\n', SWALLOWS, 3),
        ('a,"', NEVER_CLOSED, 1),
        ('a,"5""\nb,"6""\n', SWALLOWS, 1),
        ('a,"b\nc","d\ne\n', NEVER_CLOSED, 2),
    ],
)
def test_a_quote_that_swallows_lines_is_a_problem_of_the_line_where_it_opens(
    text: str, problem: str, line: int
) -> None:
    (found,) = [record for record in records(text) if record.problem]
    assert (found.problem, found.problem_line) == (problem, line)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('"5" screen,x', ["5 screen", "x"]),
        ('"Welcome" offer,x', ["Welcome offer", "x"]),
        ('5" screen,6"', ['5" screen', '6"']),
        ('a "b" c,x', ['a "b" c', "x"]),
        (' "a",x', [' "a"', "x"]),
        ('"a" ,x', ["a ", "x"]),
    ],
)
def test_quotes_within_one_line_are_harmless(line: str, fields: list[str]) -> None:
    (found,) = records(line)
    assert found.fields == fields
    assert found.problem is None


def test_blanks_behind_a_closing_quote_of_another_line_are_harmless() -> None:
    assert [record.fields for record in records('a,"b\nc" ,d\ne,f,g\n')] == [["a", "b\nc ", "d"], ["e", "f", "g"]]


def test_a_quoted_field_of_a_megabyte_is_read() -> None:
    long = 'x""y' * 250_000
    (found,) = records(f'a,"{long}"\n')
    assert len(found.fields[1]) == 750_000
