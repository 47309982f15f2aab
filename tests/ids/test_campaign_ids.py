"""`exporter.ids.campaign_ids`: what surrounds an ID is left out with a warning; no row is lost silently."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.errors import IdsError
from exporter.ids.campaign_ids import IdReader
from exporter.ids.csv_layout import Layout
from exporter.ids.csv_rows import read_records
from exporter.ids.ids_file import CampaignIds, read_ids


def read(data: str) -> CampaignIds:
    return read_ids(io.BytesIO(data.encode()), name="ids.csv")


@pytest.mark.parametrize(
    ("data", "expected", "warning"),
    [
        (
            "campaign_id\ncd-1\u200b\n\ufeffcd-2\n\u200ecd-3\u2069\n",
            ["cd-1", "cd-2", "cd-3"],
            "invisible .*lines 2, 3, 4",
        ),
        ("campaign_id\n cd-1\t\n\u3000cd-2\xa0\n", ["cd-1", "cd-2"], "white space .*lines 2, 3"),
        ("\u200bcampaign_id,x\ncd-1,2\n", ["cd-1"], r"name of the column 'campaign_id'.*line 1: \\u200bcampaign_id"),
        ('n,campaign_id\nA, "cd-1"\n', ["cd-1"], "blank.*line 2"),
        ('campaign_id,n\n="cd-1",x\n"=""cd-2""",y\n', ["cd-1", "cd-2"], '="…".*lines 2, 3'),
        ("campaign_id;\ncd-1;\n", ["cd-1"], None),
        ("campaign_id\ncd-1;\ncd-2;\n", ["cd-1", "cd-2"], None),
        ("Campaign UUID\ncd-1\ncd-2\n", ["Campaign UUID", "cd-1", "cd-2"], "first line looks like the name.*line 1"),
        ("campaign_v2\ncd-1\ncd-2\n", ["campaign_v2", "cd-1", "cd-2"], "first line looks like the name.*line 1"),
        ("cd-one\ncd-1\nx\n", ["cd-one", "cd-1", "x"], None),
        ("campaign_id\ncd-1\n\ufeffcampaign_id\ncd-2\n", ["cd-1", "cd-2"], "repeats the first line.*line 3"),
        ('="campaign_id",="n"\n="cd-1",="x"\n="campaign_id",="n"\n', ["cd-1"], "repeats the first line.*line 3"),
        ('\ufeff\ufeff"campaign_id","n"\n"cd-1","x"\n', ["cd-1"], "name of the column.*line 1"),
        ('n, "campaign_id"\nx, "cd-1"\n', ["cd-1"], "name of the column.*line 1"),
        ("campaign_id\ncd\u200b-1\n", ["cd\u200b-1"], "invisible characters inside.*line 2"),
        ("campaign_id\n\u201ccd-1\u201d\n'cd-2'\n", ["\u201ccd-1\u201d", "'cd-2'"], "quotation mark.*lines 2, 3"),
        ("sep=;\ncampaign_id;x\ncd-1;y\n", ["cd-1"], None),
        ('campaign_id,screen 5"\ncd-1,x\ncd-2,6"\ncd-3,y\n', ["cd-1", "cd-2", "cd-3"], None),
        ('campaign_id,n\ncd-1,"5" screen\ncd-2,"Welcome" offer\n', ["cd-1", "cd-2"], None),
        ('campaign_id,n\ncd-1,"see cd-7, and\nmore of it"\ncd-2,x\n', ["cd-1", "cd-2"], None),
        ('campaign_id,n\n="cd-1","see\n\nyou"\n', ["cd-1"], '^[^:]*: an ID written as ="…" [^:]*: line 2.$'),
        ('n,campaign_id\n"see\nyou",cd-1\n', ["cd-1"], None),
        ('campaign_id,n\na,"see\nyou",\n', ["a"], None),
        ('campaign_id,n,x\ncd-1,"Hello\nsee you, Bob",x\n', ["cd-1"], "look like rows.*line 2"),
        ('campaign_id,n\ncd-1,"see cd-7, and\nmore, of it"\ncd-2,x\n', ["cd-1", "cd-2"], "look like rows.*line 2"),
        ('campaign_id,n\na,"Hello, World\nsee you, Bob"\nb,x\n', ["a", "b"], "look like rows.*line 2"),
        ('campaign_id,n\na,"Hello\nSee, Bob"\nb,x\n', ["a", "b"], "look like rows.*line 2"),
        ('n,campaign_id\n"Hello, World\nbye",a\n', ["a"], "look like rows.*line 2"),
        ('campaign_id,n\ncd-1,"Sites\nBern,Basel"\n', ["cd-1"], "look like rows.*line 2"),
    ],
)
def test_what_is_around_an_id_is_left_out_with_a_warning(data: str, expected: list[str], warning: str | None) -> None:
    found = read(data)
    assert found.ids.to_pylist() == expected
    if warning is None:
        assert found.warnings == ()
    else:
        assert re.search(warning, " ".join(found.warnings)), found.warnings
        assert all(one.startswith("ids.csv: ") and one.isprintable() for one in found.warnings)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ('campaign_id,name\ncd-1,"abc\ncd-2,def\ncd-3,ghi', "never closed: line 2"),
        ('campaign_id,name\ncd-1,"abc\ncd-2,def\ncd-3,"ghi"\n', "swallows the lines after it: line 2"),
        ('campaign_id,name\ncd-1,"abc\ncd-2,def"\ncd-3,ghi\n', "swallows the lines after it: line 2"),
        ('campaign_id,name\r\ncd-1,x\r\ncd-2,"abc\r\ncd-3,def"\r\n', "swallows the lines after it: line 3"),
        ('name;campaign_id\n"abc;cd-1\ndef;cd-2\n', "never closed: line 2"),
        ('campaign_id\n"cd-1\ncd-2\n', "never closed: line 2"),
        ('campaign_id\n"cd-1\ncd-2"\n', "control characters: line 2"),
        ('campaign_id,"name\ncd-1,x\n', "never closed: line 1"),
        ('campaign_id,"na me\ncd-1,x\ncd-2,y"\ncd-3,z\n', "swallows the lines after it: line 1"),
        ('campaign_id,name\n7,"abc\n12,def\n300,ghi"\n5,x\n', "swallows the lines after it: line 2"),
        ('campaign_id,name\nspring,"abc\nsummer,def\n\nautumn,ghi"\nwinter,x\n', "swallows the lines after it: line 2"),
        ('campaign_id,name\ncd-1,"abc\nvc-9,def\nvc-10,ghi"\ncd-4,x\n', "swallows the lines after it: line 2"),
        ('campaign_id,n,x\nold-spring,"abc,1\nnew-spring,def",1\n', "swallows the lines after it: line 2"),
        ('campaign_id;n;\n7;"abc;\n12;def;\n300;ghi";\n', "swallows the lines after it: line 2"),
        ('name,campaign_id\n"abc,spring\nghi",summer\n', "swallows the lines after it: line 2"),
        ('n,campaign_id\nA, "cd-1\n', "quote that is not closed: line 2"),
        ('n,campaign_id\nA,="cd-1\n', "quote that is not closed: line 2"),
        ('n,campaign_id\nA,"cd-1"2\n', "text behind its closing quote: line 2"),
        ("campaign_id\ncd-1\ufeffcd-2\n", "byte order mark inside.*: line 2"),
        ("campaign_id\ncd-1;x\ncd-2;y\n", "more fields than the 1 .*: lines 2, 3"),
    ],
)
def test_a_row_that_would_be_lost_is_an_error_with_its_line(data: str, error: str) -> None:
    with pytest.raises(IdsError, match=error):
        read(data)


def test_ten_thousand_rows_behind_one_quote_are_an_error() -> None:
    rows = [f"cd-{number},name {number}" for number in range(10_000)]
    rows[3], rows[9_990] = 'cd-3,"stray', 'cd-9990,stray"'
    with pytest.raises(IdsError, match="swallows the lines after it: line 5"):
        read("campaign_id,name\n" + "\n".join(rows) + "\n")


ORDINARY = ["a-1", "b_2", "7", "x" * 200]
ODD = ["", " a-1", "x" * 201, "é", "a,b", "a.b", "campaign_id", "a\x07", "a\x0bb", "\u2028", '="a"', "nan"]


def outcome_of(reader: IdReader) -> object:
    try:
        found = reader.result("")
    except IdsError as error:
        return str(error)
    return found.ids.to_pylist(), found.given, found.warnings


LAYOUTS = {
    "one column": Layout(",", 1, 0, None, 0),
    "named": Layout(",", 1, 0, ("campaign_id",), 0),
    "points between": Layout(".", 1, 0, None, 0),
    "two columns": Layout(",", 2, 1, ("n", "campaign_id"), 0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@given(st.lists(st.sampled_from(ORDINARY)) | st.lists(st.sampled_from(ORDINARY + ODD)))
@example(["a.b"])
@example(["a-1", "campaign_id"])
def test_lines_taken_at_once_give_what_they_give_one_by_one(layout: str, lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    at_once, one_by_one = IdReader("ids.csv", LAYOUTS[layout]), IdReader("ids.csv", LAYOUTS[layout])
    at_once.add_lines(text, first_line=5)
    for record in read_records(io.StringIO(text), LAYOUTS[layout].delimiter, first_line=5):
        one_by_one.add(record)
    assert outcome_of(at_once) == outcome_of(one_by_one)


def test_the_line_of_a_problem_is_right_far_down_in_a_large_file() -> None:
    rows = [f"campaign-{number:09}" for number in range(150_000)]
    rows[120_000] = "a\x07"
    with pytest.raises(IdsError, match=r"line 120002\b"):
        read("campaign_id\n" + "\n".join(rows))
