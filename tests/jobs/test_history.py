"""`jobs.history`: versions of campaigns on the terminal, in files and in pipes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from exporter.simulator.samples import sample_campaigns
from jobs.cli import run
from tests.support.answers import SEED, response_of
from tests.support.snapshots import ONE, RESPONSES, TWO, publish

FIRST = RESPONSES[0].campaign_id


@pytest.fixture
def dest(tmp_path: Path) -> str:
    """The second snapshot lacks the first campaign, and another's status is a formula."""
    publish(tmp_path, ONE, responses=RESPONSES[:3])
    body = RESPONSES[1].body.replace(f'"status": "{sample_campaigns(40, voice_share=0.3)[1].data["status"]}"',
                                     '"status": "=1+1"')  # fmt: skip
    publish(tmp_path, TWO, responses=[RESPONSES[1]._replace(body=body), RESPONSES[2]])
    return str(tmp_path)


def test_csv_has_a_row_for_every_version(dest: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["history", dest]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [(row["change"], row["is_current"]) for row in rows] == [
        ("added", "false"), ("removed", "false"), ("added", "false"), ("changed", "true"), ("added", "true"),
    ]  # fmt: skip
    assert list(rows[0])[:6] == ["valid_from", "valid_to", "is_current", "change", "changed_columns", "campaign_id"]
    assert (rows[3]["changed_columns"], rows[3]["status"]) == ('["status"]', "=1+1")


def test_excel_safe_csv_runs_nothing_and_has_a_byte_order_mark(dest: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["history", dest, "--excel-safe", "--columns", "status"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("\ufeff")
    assert "'=1+1" in out


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet"])
def test_a_file_is_written_in_the_format_of_its_ending(dest: str, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"history.{form}"
    assert run(["history", dest, FIRST, "-o", str(file)]) == 0
    if form == "parquet":
        changes = pq.read_table(file).column("change").to_pylist()
    elif form == "json":
        changes = [row["change"] for row in json.loads(file.read_text())]
    else:
        changes = [json.loads(line)["change"] for line in file.read_text().splitlines()]
    assert changes == ["added", "removed"]


def test_the_table_of_calling_windows_shows_hours(dest: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["history", dest, FIRST, "--table", "calling_windows", "--format", "table"]) == 0
    assert "start_time" in capfd.readouterr().out


def test_an_id_that_is_in_no_snapshot_is_named_and_the_exit_code_is_1(
    dest: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["history", dest, FIRST, "cd-unknown", "--format", "csv"]) == 1
    captured = capfd.readouterr()
    assert "cd-unknown: in no snapshot" in captured.err
    assert FIRST in captured.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-of", "yesterday"], "write 2026-11-20"),
        (["--as-of", "2026-01-01"], "before the first snapshot"),
        (["--columns", "stats"], "did you mean status?"),
        (["--account", "other"], "no snapshot of account other"),
    ],
)
def test_wrong_options_are_errors_that_say_what_to_do(
    dest: str, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(["history", dest, *options]) == 2
    assert message in capfd.readouterr().err


def test_as_of_gives_the_campaigns_of_that_day(dest: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["history", dest, "--as-of", "2026-11-23", "--format", "csv"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 4
    assert run(["history", dest, "--as-of", "2026-11-24", "--format", "csv"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 3


def test_an_answer_without_calling_hours_has_a_history_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, responses=[response_of({**SEED, "dialingStrategy": None})])
    assert run(["history", str(tmp_path), "--table", "calling_windows", "--format", "csv"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 1
