"""`exporter.ids.campaign_ids`: campaign IDs from CSV files of every kind."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import IdsError
from exporter.ids.campaign_ids import CampaignIds, ids_of, read_ids


def read(data: str | bytes, **options: str) -> CampaignIds:
    raw = data if isinstance(data, bytes) else data.encode()
    return read_ids(io.BytesIO(raw), name="ids.csv", **options)


def ids(data: str | bytes, **options: str) -> list[str]:
    return list(read(data, **options).ids.to_pylist())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("campaign_id\na\nb\n", ["a", "b"]),
        ("a\nb\n", ["a", "b"]),
        ("a", ["a"]),
        ("\ufeffcampaign_id\r\na\r\nb\r\n", ["a", "b"]),
        ("name;campaignId;x\nn;a;1\nn;b;2\n", ["a", "b"]),
        ("name\tID\nn\ta\n", ["a"]),
        ("name|_id\nn|a\n", ["a"]),
        ("id,campaign_id\nx,a\n", ["a"]),
        ("CAMPAIGN_ID\na\n", ["a"]),
        ("campaign_id\n007\n0010\n1e5\n", ["007", "0010", "1e5"]),
        ("campaign_id\n\n  a  \n\n\tb\n   \n", ["a", "b"]),
        ('campaign_id,note\n"a","two\nlines"\n"b ","x, ""y"""\n', ["a", "b"]),
        ("\n\ncampaign_id\na\n", ["a"]),
        ("campaign id\na\n", ["a"]),
        ("campaign_id\nünïcode\n日本\n", ["ünïcode", "日本"]),
        ("campaign_id\nnull\nNA\nnan\ntrue\n", ["null", "NA", "nan", "true"]),
        ("campaign_id,x\na\nb,2\n", ["a", "b"]),
        ("campaign_id\ra\rb\r", ["a", "b"]),
        ("campaign_id\n../x\na?b#c%2F\n", ["../x", "a?b#c%2F"]),
    ],
)
def test_every_common_kind_of_file_is_read(data: str, expected: list[str]) -> None:
    assert ids(data) == expected


def test_repeats_are_wanted_once_and_counted() -> None:
    found = read("campaign_id\na\nb\na\n a \n")
    assert (found.ids.to_pylist(), found.given, found.repeats) == (["a", "b"], 4, 2)


def test_the_column_can_be_named_in_any_letter_case() -> None:
    data = "campaign_id,Other\na,b\n"
    assert ids(data, column="Other") == ["b"]
    assert ids(data, column="other") == ["b"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "no IDs"),
        ("campaign_id\n", "no IDs"),
        ("\n\n", "no IDs"),
        ("a,b\n1,2\n", "none of its columns"),
        (b"campaign_id\n\xff\xfe\n", "UTF-8"),
        ("campaign_id\na".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "no CSV"),
        ("campaign_id\na\x1b[31m\n", "control characters: line 2"),
        ("campaign_id\n" + "x" * 257 + "\n", "longer than 256 characters: line 2"),
        ("campaign_id,x\na,1\n,2\n", "without an ID: line 3"),
        ("campaign_id,x\na,1,2,3\n", "more fields"),
    ],
)
def test_a_file_with_faults_is_refused(data: str | bytes, told: str) -> None:
    with pytest.raises(IdsError, match=told):
        read(data)


def test_a_missing_column_is_told_with_those_that_are_there() -> None:
    with pytest.raises(IdsError, match=r"no column 'cid'.*name, campaign_id"):
        read("name,campaign_id\nn,a\n", column="cid")


def test_faulty_lines_are_told_all_at_once_but_only_ten_of_them() -> None:
    bad = "".join(f"a{n}\x00\n" for n in range(13))
    with pytest.raises(IdsError, match=r"lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more"):
        read("campaign_id\n" + bad)


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(IdsError, match=r"nowhere.csv: cannot be read"):
        read_ids(str(tmp_path / "nowhere.csv"))


def test_the_hash_is_that_of_the_files_bytes() -> None:
    data = b"\xef\xbb\xbfcampaign_id\r\na\r\n"
    assert read(data).sha256 == hashlib.sha256(data).hexdigest()


def test_ids_of_the_command_line_are_checked_like_those_of_a_file() -> None:
    assert ids_of([" a ", "b", "a"], source="arguments").repeats == 1
    with pytest.raises(IdsError, match="control"):
        ids_of(["a\x00"], source="arguments")


wild = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=20).filter(
    str.strip
)


@given(st.lists(wild, min_size=1, max_size=30), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back(values: list[str], delimiter: str, end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["name", "campaign_id", "x"])
    writer.writerows(["n", value, "1"] for value in values)
    found = read(text.getvalue())
    assert found.ids.to_pylist() == list(dict.fromkeys(value.strip() for value in values))


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_whatever_the_bytes_are_they_give_ids_or_an_error_that_teaches(data: bytes) -> None:
    try:
        found = read(data)
    except IdsError as error:
        assert str(error).startswith("ids.csv: ")
    else:
        assert found.given == len(found.ids) + found.repeats > 0


@given(st.integers(1, 20).flatmap(lambda n: st.lists(st.text("abcé", min_size=n, max_size=n), min_size=1)))
def test_repeats_among_ids_of_one_length_are_found(values: list[str]) -> None:
    found = read("campaign_id\n" + "\n".join(values) + "\n")
    assert found.ids.to_pylist() == list(dict.fromkeys(values))
    assert (found.given, found.repeats) == (len(values), len(values) - len(set(values)))


def test_a_repeat_far_from_the_first_is_found() -> None:
    values = [f"campaign-{index:07}" for index in range(70_000)]
    found = read("campaign_id\n" + "\n".join([*values, values[0]]) + "\n")
    assert (found.repeats, len(found.ids), found.ids[0].as_py()) == (1, 70_000, values[0])


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
        ("campaign_id\ncd\u200b-1\n", ["cd\u200b-1"], "invisible characters inside.*line 2"),
        ("campaign_id\n\u201ccd-1\u201d\n'cd-2'\n", ["\u201ccd-1\u201d", "'cd-2'"], "quotation mark.*lines 2, 3"),
        ("sep=;\ncampaign_id;x\ncd-1;y\n", ["cd-1"], None),
        ('campaign_id,screen 5"\ncd-1,x\ncd-2,6"\ncd-3,y\n', ["cd-1", "cd-2", "cd-3"], None),
        ('campaign_id,n\ncd-1,"5" screen\ncd-2,"Welcome" offer\n', ["cd-1", "cd-2"], None),
        ('campaign_id,n\ncd-1,"see cd-7, and\nmore, of it"\ncd-2,x\n', ["cd-1", "cd-2"], None),
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


def test_the_delimiter_can_be_named() -> None:
    assert ids("campaign_id,x;id\na,b;c\n", delimiter=";") == ["c"]
    assert ids("campaign_id\na,b\nc,d\n", delimiter=";") == ["a,b", "c,d"]


@pytest.mark.parametrize(
    "values",
    [pandas.Series(["a", "b"]), pa.array(["a", "b"]), pa.chunked_array([["a"], ["b"]]), ("a", "b"), iter("ab")],
)
def test_a_column_of_pandas_or_arrow_gives_its_ids(values: Any) -> None:
    assert ids_of(values, source="ids").ids.to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([1, 2], r"ids: campaign IDs are texts, and item 1 is 1 \(int\), item 2"),
        (["a", None], "item 2 is None"),
        (["a", float("nan")], r"item 2 is nan \(float\)"),
        ([b"a"], r"item 1 is b'a' \(bytes\)"),
        (pandas.Series(["a", None]), "item 2 is"),
        (pa.array(["a", None]), "item 2 is None"),
        (pandas.DataFrame({"campaign_id": ["a"]}), r"DataFrame cannot be read.*frame\['campaign_id'\]"),
        (pa.table({"campaign_id": ["a"]}), "Table cannot be read"),
        (7, "int cannot be read"),
        (b"a", "bytes cannot be read"),
        ([None] * 12, "and 2 more"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_with_what_can_be_given(values: Any, error: str) -> None:
    with pytest.raises(IdsError, match=error):
        ids_of(values, source="ids")


def test_ids_given_one_by_one_follow_the_rules_of_a_file() -> None:
    found = ids_of(["cd-1\u200b", '="cd-2"', " cd-1"], source="arguments")
    assert (found.ids.to_pylist(), found.repeats) == (["cd-1", "cd-2"], 1)
    assert found.warnings == (
        "arguments: white space or invisible characters around an ID are left out: items 1, 3.",
        'arguments: an ID written as ="…" is read without that: item 2.',
    )


def test_a_text_of_a_megabyte_in_another_column_is_no_fault() -> None:
    assert ids('campaign_id,name\na,"x\x1b' + "y" * 1_000_000 + '"\n') == ["a"]


def test_a_file_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.ids.campaign_ids.MOST_BYTES", 1000)
    with pytest.raises(IdsError, match="larger than 1,000 bytes"):
        read_ids("/dev/zero")


def test_a_file_whose_name_is_not_utf8_can_be_told(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/ids\xff.csv")
    Path(path).write_text("a\n")
    read_ids(path).source.encode()
