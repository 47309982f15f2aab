"""`exporter.snapshot_store.writer`: the files of a snapshot, Parquet and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.options import SnapshotFormat
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_table
from exporter.snapshot_store.verify import damages
from exporter.snapshot_store.writer import csv_text, without_excel_safe
from exporter.tables.arrow_schemas import schema_of
from tests.support.snapshots import ONE, TWO, publish


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("parquet", {"campaigns.parquet", "calling_windows.parquet", "responses.parquet", "failures.parquet"}),
        ("csv", {"campaigns.csv", "calling_windows.csv", "failures.csv", "responses.parquet"}),
    ],
)
def test_a_snapshot_has_the_files_of_its_format(tmp_path: Path, form: SnapshotFormat, files: set[str]) -> None:
    manifest = publish(tmp_path, form=form)
    folder = tmp_path / f"snapshot={ONE}"
    assert {path.name for path in folder.iterdir()} == files | {"manifest.json"}
    assert set(manifest.files) == files
    assert damages(open_destination(str(tmp_path)), ONE) == []


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    publish(tmp_path, form="both")
    folder = tmp_path / f"snapshot={ONE}"
    rows = pq.read_table(folder / "campaigns.parquet").to_pylist()
    with (folder / "campaigns.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert list(cells[0]) == schema_of("campaigns").names
    for row, cell in zip(rows, cells, strict=True):
        assert cell["campaign_id"] == row["campaign_id"]
        assert cell["fetched_at"] == "2026-05-28T20:26:40.123Z"
        assert json.loads(cell["contact_lists"]) == row["contact_lists"]
        assert cell["is_imported"] == {True: "true", False: "false", None: ""}[row["is_imported"]]
        assert cell["priority"] == str(row["priority"])
        assert cell["total_messages_sent"] == (
            "" if row["total_messages_sent"] is None else str(row["total_messages_sent"])
        )
    assert b"\r" not in (folder / "campaigns.csv").read_bytes()
    assert (
        (folder / "campaigns.csv").read_text(encoding="utf-8").splitlines()[0].startswith("campaign_id,campaign_type,")
    )


def test_excel_safe_cells_are_no_formulas(tmp_path: Path) -> None:
    publish(tmp_path, form="csv", excel_safe=True)
    publish(tmp_path, TWO, form="csv")
    safe = (tmp_path / f"snapshot={ONE}" / "failures.csv").read_text(encoding="utf-8")
    assert safe.startswith("\ufeffcampaign_id,"), "Excel needs a byte order mark"
    raw = (tmp_path / f"snapshot={TWO}" / "failures.csv").read_text(encoding="utf-8")
    assert '"\'=cmd()"' in safe
    assert '"=cmd()"' in raw
    with (tmp_path / f"snapshot={ONE}" / "campaigns.csv").open(encoding="utf-8", newline="") as file:
        assert all(not cell.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for cell in row)
    assert all(damages(open_destination(str(tmp_path)), one) == [] for one in (ONE, TWO))


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "-1", "@x", "\t=1", "\r", " =1", "\u00a0@x", "\u3000=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x"],
)
def test_every_beginning_of_a_formula_is_defused(text: str) -> None:
    column = pa.array([text, "plain", " plain", "a=1", None])
    safe = csv_text(pa.table({"a": column}), excel_safe=True).decode()
    assert safe == f'"\'{text}"\n"plain"\n" plain"\n"a=1"\n\n'


@given(st.text(st.sampled_from("'=+-@＝ \t\r\n\ufeff\u3000a,\"\0") | st.characters(exclude_categories=["Cs"])))
@example("'=1")
@example("''-1")
@example("'\t")
def test_what_is_made_safe_for_spreadsheets_is_read_as_it_was(text: str) -> None:
    table = pa.table({"a": [text, "plain"]})
    written = csv_text(table, excel_safe=True)
    (cell, _) = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    column = pa.chunked_array([cell])
    assert without_excel_safe(column).to_pylist() == [text]


def test_parquet_is_zstd_and_its_fields_explain_themselves(tmp_path: Path) -> None:
    publish(tmp_path)
    file = pq.ParquetFile(tmp_path / f"snapshot={ONE}" / "campaigns.parquet")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    field = file.schema_arrow.field("calling_hours_mo")
    assert set(field.metadata) >= {b"description", b"path", b"source"}
    assert not file.schema_arrow.field("campaign_id").nullable


def test_an_empty_snapshot_has_its_columns(tmp_path: Path) -> None:
    publish(tmp_path, form="both", responses=[])
    destination = open_destination(str(tmp_path))
    assert damages(destination, ONE) == []
    assert read_table(destination, ONE, "campaigns").schema.names == schema_of("campaigns").names


@pytest.mark.parametrize("chunks", [[[], ["x"]], [["x"], []], [[], [], ["x"], [], ["y"]], [[]]])
def test_csv_of_a_table_with_empty_chunks_has_no_nul_bytes(chunks: list[list[str]]) -> None:
    """pyarrow's own writer puts NUL bytes before the rows of a table whose first chunk is empty."""
    column = pa.chunked_array([pa.array(chunk, pa.string()) for chunk in chunks])
    values = [value for chunk in chunks for value in chunk]
    assert csv_text(pa.table({"name": column})) == "".join(f'"{value}"\n' for value in values).encode()
