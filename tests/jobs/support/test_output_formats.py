"""`jobs.support.output_formats`: rows as table, CSV, JSON, JSON lines and Parquet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.errors import InputError
from jobs.support.output_formats import ROW_FORMATS, choose_format, render

ROWS = pa.table(
    {
        "campaign_id": ["a", None],
        "at": pa.array([1_780_000_000_123, None], pa.timestamp("ms", "UTC")),
        "lists": pa.array([["x", "y"], []], pa.list_(pa.string())),
        "flag": pa.array([True, None]),
    }
)


@pytest.mark.parametrize(
    ("form", "output", "chosen"),
    [(None, None, "csv"), (None, "x.json", "json"), (None, "x.PARQUET", "parquet"), (None, "x.txt", "csv"),
     ("jsonl", "x.csv", "jsonl"), ("table", None, "table"), (None, "x", "csv"), (None, "x.2026.dat", "csv"),
     ("csv", "x.csv.gz", "csv")],
)  # fmt: skip
def test_the_format_is_the_one_asked_for_else_the_files_ending_else_csv_in_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str | None, output: str | None, chosen: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose_format(form, output) == chosen


def test_a_file_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="-o"):
        choose_format(None, str(tmp_path / "missing" / "x.csv"))


def test_every_format_holds_every_row() -> None:
    assert render(ROWS, "csv").decode() == (
        'campaign_id,at,lists,flag\n"a","2026-05-28T20:26:40.123Z","[""x"",""y""]",true\n,,"[]",\n'
    )
    objects = [
        {"campaign_id": "a", "at": "2026-05-28T20:26:40.123Z", "lists": ["x", "y"], "flag": True},
        {"campaign_id": None, "at": None, "lists": [], "flag": None},
    ]
    assert json.loads(render(ROWS, "json")) == objects
    assert [json.loads(line) for line in render(ROWS, "jsonl").splitlines()] == objects
    assert pq.read_table(io.BytesIO(render(ROWS, "parquet"))).equals(ROWS)
    assert "2026-05-28 20:26Z" in render(ROWS, "table").decode()


def test_a_table_without_rows_is_written_too() -> None:
    written = {form: render(ROWS.slice(0, 0), form) for form in ROW_FORMATS}
    assert pq.read_table(io.BytesIO(written.pop("parquet"))).schema == ROWS.schema
    assert written.pop("table").split()[:4] == [b"campaign_id", b"at", b"lists", b"flag"]
    assert written == {"csv": b"campaign_id,at,lists,flag\n", "json": b"[]\n", "jsonl": b""}


def test_csv_for_excel_begins_with_a_byte_order_mark() -> None:
    assert render(pa.table({"name": ["=1"]}), "csv", excel_safe=True) == b'\xef\xbb\xbfname\n"\'=1"\n'
