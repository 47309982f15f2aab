"""`exporter.ids.csv_layout`: the delimiter, the header and the ID column of a file."""

from __future__ import annotations

import re

import pytest

from exporter.errors import IdsError
from exporter.ids.csv_layout import Layout, find_layout, parse_delimiter


def layout(text: str, column: str | None = None, delimiter: str | None = None) -> Layout:
    return find_layout(text.splitlines(keepends=True), column=column, delimiter=delimiter, source="ids.csv")


@pytest.mark.parametrize(
    ("text", "delimiter", "index"),
    [
        ('campaign_id;"Cost (EUR, net)"\ncd-1;"1,50"\n', ";", 0),
        ('campaign_id,"notes; id; more"\ncd-1,x\n', ",", 0),
        ('id,"notes; campaign_id; more"\ncd-1,x\n', ",", 0),
        ("campaign_id;note, id\ncd-1;a, b\ncd-2;c\n", ";", 0),
        ("name|campaign_id\nx\ty|a\n", "|", 1),
        ("a,b,c;id;d,e,f\n", ";", 1),
        ("name\tID\n", "\t", 1),
        ("campaign_id\ncd-1;\ncd-2;\n", ";", 0),
        ("campaign_id\ncd-1,\n", ",", 0),
        ("campaign_id\na;b\n", ",", 0),
        ("campaign_id,\ncd-1,\n", ",", 0),
        ("cd-1;\ncd-2;\n", ";", 0),
        ("cd-1\ncd-2\n", ",", 0),
        (",campaign_id\n0,cd-1\n", ",", 1),
        ("sep=;\nid;name\n", ";", 0),
        ('"sep=|"\nname|id\n', "|", 1),
        ("SEP=\t\nname\tid\n", "\t", 1),
    ],
)
def test_the_delimiter_is_the_one_under_which_the_id_column_is_found(text: str, delimiter: str, index: int) -> None:
    found = layout(text)
    assert (found.delimiter, found.index) == (delimiter, index)


def test_the_delimiter_can_be_named() -> None:
    assert layout("campaign_id,x;id\n", delimiter=";").index == 1
    assert layout("sep=,\ncampaign_id~x\n", delimiter="~").columns == 2


@pytest.mark.parametrize(
    ("text", "skipped"), [("\n\nid,x\n", 3), ("sep=;\nid;x\n", 2), ('id,"two\nlines"\n', 2), ("a\nb\n", 0), ("", 0)]
)
def test_the_rows_begin_behind_the_header(text: str, skipped: int) -> None:
    assert layout(text).skipped == skipped


@pytest.mark.parametrize("text", ["\u200bcampaign_id\u200e,x\n", "\ufeff\ufeffcampaign_id\n", " campaign_id ,x\n"])
def test_invisible_characters_around_a_columns_name_are_trimmed_with_a_warning(text: str) -> None:
    found = layout(text)
    assert (found.index, found.header and found.header[0]) == (0, "campaign_id")
    assert "'campaign_id'" in found.warnings[0]
    assert layout(text, column="campaign_id\u200b").index == 0


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ('\ufeff"campaign_id","name"\n', r'line 1: \ufeff"campaign_id"'),
        ('"campaign_id", "name"\n', None),
        ('name, "campaign_id"\n', 'line 1:  "campaign_id"'),
        ('="campaign_id",="name"\n', 'line 1: ="campaign_id"'),
        ('"=""name""";"=""campaign_id"""\n', 'line 1: ="campaign_id"'),
    ],
)
def test_quotes_around_a_columns_name_are_left_out_with_a_warning(text: str, raw: str | None) -> None:
    found = layout(text)
    assert found.header is not None
    assert (found.header[found.index], set(found.header)) == ("campaign_id", {"campaign_id", "name"})
    assert raw is None or f"around the name of the column 'campaign_id' are left out ({raw})" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "column", "numbers"),
    [
        ("campaign_id,campaign_id\n", None, "1, 2"), ("n,ID,id,Id\n", None, "2, 3, 4"), ("x,x\n", "x", "1, 2"),
        ("X,x\n", "x", None), ("id,campaign_id,n,n\n", None, None),
    ],
)  # fmt: skip
def test_several_columns_of_the_name_of_the_ids_are_told(text: str, column: str | None, numbers: str | None) -> None:
    found = layout(text, column=column)
    expected = f"columns {numbers} are called {text.split(',')[found.index].strip()!r}: .* of column {found.index + 1}$"
    assert re.search(expected if numbers else "^$", "".join(found.warnings)), found.warnings


@pytest.mark.parametrize(
    ("text", "delimiter", "warning"),
    [
        ("sep=,\ncampaign_id;name\ncd-1;x\n", ";", "the separator is ';', and not ',' as line 1 says"),
        ("\nsep=;\nn\tcampaign_id\n", "\t", r"the separator is '\t', and not ';' as line 2 says"),
        ("sep=,\ncd-1;\ncd-2;\n", ";", "the separator is ';', and not ',' as line 1 says"),
        ("sep=,\nid,name;campaign_id\n", ",", ""),
        ("sep=^\nid^a;b\n", "^", ""),
        ("sep=;\ncd-1\ncd-2\n", ";", ""),
    ],
)
def test_a_separator_that_is_named_wrongly_is_told(text: str, delimiter: str, warning: str) -> None:
    found = layout(text)
    assert (found.delimiter, "".join(found.warnings)) == (delimiter, warning)


def test_where_the_separator_is_named_wrongly_a_missing_column_is_an_error_with_the_columns_that_are_there() -> None:
    with pytest.raises(IdsError, match=r"no column is called.*There are: Kampagne, Name"):
        layout("sep=,\nKampagne;Name\ncd-1;x\n")
    with pytest.raises(IdsError, match=r"no column is called.*There are: a, b"):
        layout("sep=^\na^b\n")


def test_a_missing_column_is_an_error_with_the_columns_that_are_there() -> None:
    with pytest.raises(IdsError, match=r"no column 'cid'.*name, campaign_id"):
        layout("name;campaign_id\n", column="cid")
    with pytest.raises(IdsError, match=r"no column is called.*--id-column.*a, b\\x1b"):
        layout("a,b\x1b\n")


def test_a_quote_that_is_never_closed_in_the_header_is_an_error_with_its_line() -> None:
    with pytest.raises(IdsError, match=r"never closed: line 2\."):
        layout('\ncampaign_id,"name\ncd-1,x\n')


@pytest.mark.parametrize(
    "text",
    [
        'campaign_id,"na me\ncd-1,x\ncd-2,y"\ncd-3,z\n',
        'campaign_id,"na me,x\ncd-1,x,1\n\ncd-2,y,2"\ncd-3,z,3\n',
        'n;campaign_id;"owner;x\na;cd-1;o;1\nb;cd-2;"\nc;cd-3;o;1\n',
        'campaign_id,"name\n' + "".join(f"{number},x\n" for number in range(400)) + '400,y"\n401,z\n',
    ],
)
def test_a_quote_in_the_header_that_swallows_rows_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(IdsError, match=r"swallows the lines after it: line 1\."):
        layout(text)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('campaign_id,"two\nlines"\ncd-1,x\n', None),
        ('campaign_id,"Start\ndate",owner\ncd-1,x,y\n', None),
        ('campaign_id,"Cost (net,gross)\nEUR",n,x\ncd-1,1,y,z\n', None),
        ('"Cost\ngross,net",campaign_id\n1,cd-1\n', None),
        ('n,"Cost\ngross,net",campaign_id\nx,1,cd-1\n', None),
        ('n,"Cost\ngross,net\nEUR",campaign_id\nx,1,cd-1\n', None),
        ('campaign_id,"Cost\n(EUR, net)"\ncd-1,x\n', "look like rows and give no IDs.*: line 1"),
        ('campaign_id,"Note\nif any, in short"\ncd-1,x\n', "look like rows and give no IDs.*: line 1"),
    ],
)
def test_a_columns_name_may_have_line_breaks_and_delimiters(text: str, warning: str | None) -> None:
    found = layout(text)
    assert found.header is not None
    assert found.header[found.index] == "campaign_id"
    assert re.search(warning or "^$", "".join(found.warnings)), found.warnings


@pytest.mark.parametrize(
    ("text", "delimiter"), [(";", ";"), ("tab", "\t"), (r"\t", "\t"), ("\t", "\t"), ("Pipe", "|"), ("~", "~")]
)
def test_a_delimiter_is_one_character_or_its_name(text: str, delimiter: str) -> None:
    assert parse_delimiter(text) == delimiter


@pytest.mark.parametrize("text", ["", "ab", '"', "\n", "x", "7", "_", "-", "\x00", " "])
def test_what_cannot_be_a_delimiter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a delimiter"):
        parse_delimiter(text)


@pytest.mark.parametrize("name", ["campaign_id", " campaignId ", '"Campaign_ID"', "\ufeffcampaign_id"])
@pytest.mark.parametrize("above", ["# exported by SAP\n", "Export of 2026-11-01\n\n", "cd-0\ncd-1\n"])
def test_a_columns_name_below_the_first_line_is_an_error_with_its_line(above: str, name: str) -> None:
    """Else a title, and the name, would be asked for as campaigns each night."""
    line = above.count("\n") + 1
    with pytest.raises(IdsError, match=rf"f\.csv: line {line} is the name of a column .*: begin the file with"):
        find_layout(f"{above}{name}\ncd-2\n".splitlines(keepends=True), column=None, delimiter=None, source="f.csv")


@pytest.mark.parametrize("row", ["id", "_id", "campaign", "campaign_id,x", "campaign_id_2"])
def test_what_may_be_an_id_is_one(row: str) -> None:
    lines = f"cd-1\n{row}\n".splitlines(keepends=True)
    assert find_layout(lines, column=None, delimiter=None, source="f.csv").header is None
