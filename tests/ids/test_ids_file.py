"""`exporter.ids.ids_file`: campaign IDs from CSV files of every kind."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import select
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import IdsError
from exporter.ids.ids_file import CampaignIds, ids_of, read_ids


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
        ("a,b\n1,2\n", "no column is called"),
        (b"campaign_id\n\xff\xfe\n", "UTF-8"),
        (b"PK\x03\x04rest", "not a CSV"),
        ("campaign_id\na\x1b[31m\n", "control characters: line 2"),
        ("campaign_id\n" + "x" * 257 + "\n", "longer than 256 characters: line 2"),
        ("campaign_id,x\na,1\n,2\n", "without an ID: line 3"),
        ("campaign_id,x\na,1,2,3\n", "more fields"),
    ],
)
def test_a_file_with_faults_is_refused(data: str | bytes, told: str) -> None:
    with pytest.raises(IdsError, match=told):
        read(data)


def test_faulty_lines_are_reported_all_at_once_but_only_ten_of_them() -> None:
    bad = "".join(f"a{n}\x00\n" for n in range(13))
    with pytest.raises(IdsError, match=r"lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more"):
        read("campaign_id\n" + bad)


def test_a_file_that_is_not_there_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(IdsError, match=r"nowhere.csv: cannot be read"):
        read_ids(str(tmp_path / "nowhere.csv"))


def test_the_hash_is_that_of_the_files_bytes() -> None:
    data = b"\xef\xbb\xbfcampaign_id\r\na\r\n"
    assert read(data).sha256 == hashlib.sha256(data).hexdigest()


def test_ids_of_the_command_line_are_checked_like_those_of_a_file() -> None:
    assert ids_of([" a ", "b", "a"], source="arguments").repeats == 1
    with pytest.raises(IdsError, match="control"):
        ids_of(["a\x00"], source="arguments")


wild = (
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), max_size=20)
    .filter(str.strip)
    .filter(lambda text: not text.strip().startswith('="'))  # which is how a spreadsheet is made to keep a text
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
    monkeypatch.setattr("exporter.ids.ids_file.MOST_BYTES", 1000)
    with pytest.raises(IdsError, match="larger than 1,000 bytes"):
        read_ids("/dev/zero")


def test_a_file_whose_name_is_not_utf8_can_be_named(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/ids\xff.csv")
    Path(path).write_text("a\n")
    read_ids(path).source.encode()


def test_a_pipe_that_does_not_block_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.write(writing, b"campaign_id\na\n")
    wait = select.select

    def write_the_rest(*files: Any) -> Any:
        os.write(writing, b"b\n")
        os.close(writing)
        return wait(*files)

    monkeypatch.setattr(select, "select", write_the_rest)
    with os.fdopen(reading, "rb") as pipe:
        assert read_ids(pipe).ids.to_pylist() == ["a", "b"]


def test_ids_that_a_spreadsheet_or_a_data_frame_has_spoilt_are_a_warning() -> None:
    found = read("campaign_id\ncd-1\nnan\n#N/A\n1.23E+17\n123.0\ncd-1.0\n")
    assert found.ids.to_pylist() == ["cd-1", "nan", "#N/A", "1.23E+17", "123.0", "cd-1.0"]
    (warning,) = found.warnings
    assert warning.endswith("not like IDs: nan, #N/A, 1.23E+17, 123.0.")


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(name: str) -> None:
    with pytest.raises(IdsError, match="is UTF-16"):
        read("campaign_id\ncd-1\n".encode(name))


def test_a_url_is_not_a_file_of_ids() -> None:
    with pytest.raises(IdsError, match="Only a file of this machine"):
        read_ids("https://kore.example/ids.csv")
