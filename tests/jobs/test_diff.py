"""`jobs.diff`: differences for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from exporter.model import CampaignResponse, Failure
from jobs.cli import run
from tests.support.answers import SEED, response_of
from tests.support.snapshots import NOW, ONE, OTHER_ACCOUNT, THREE, TWO, publish


def listed(**fields: object) -> CampaignResponse:
    return response_of({**SEED, **fields}, list_item='{"totalMessagesSent": 5}', list_type="sms")


def test_no_difference_is_exit_code_0_with_exit_code_too(tmp_path: Path) -> None:
    publish(tmp_path, ONE, responses=[listed(zzz=5, aaa={"x": 1, "y": 2})])
    publish(tmp_path, TWO, responses=[listed(aaa={"y": 2, "x": 1}, zzz=5.0)])
    assert run(["diff", str(tmp_path), "--exit-code"]) == 0


def test_a_list_in_another_order_is_one_change_marked_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=[listed(contactLists=["a", "b"])])
    publish(tmp_path, TWO, responses=[listed(contactLists=["b", "a"])])
    assert run(["diff", str(tmp_path), "--exit-code"]) == 1
    assert 'contact_lists (order)  ["a","b"] → ["b","a"]' in capfd.readouterr().out
    assert run(["diff", str(tmp_path), "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert (row["change"], row["column"], row["note"]) == ("changed", "contact_lists", "order")


def test_columns_of_a_missing_list_pass_are_named_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=[listed()])
    publish(tmp_path, TWO, responses=[response_of(SEED)])
    assert run(["diff", str(tmp_path), "--exit-code", "--format", "json"]) == 0
    captured = capfd.readouterr()
    assert "no list pass: campaign_type, connection" in captured.err
    assert "total_messages_sent" in json.loads(captured.out)["not_compared"]


@pytest.mark.parametrize(
    "options",
    [
        ["--columns", "fetched_at"],
        ["--columns", "campaign_id,carried_from"],
        ["--columns", "name,status", "--ignore", "status,name"],
        ["--ignore", "*"],
    ],
)
def test_where_no_column_is_left_to_compare_it_is_wrong_usage(
    options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, ONE, responses=[listed()])
    publish(tmp_path, TWO, responses=[listed(status="Active")])
    assert run(["diff", str(tmp_path), *options]) == 2
    captured = capfd.readouterr()
    assert "no column is left to compare" in captured.err
    assert captured.out == ""
    assert run(["diff", str(tmp_path), "--columns", "fetched_at,status"]) == 0


def test_a_campaign_that_could_not_be_fetched_is_not_removed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=[listed()], failures=[])
    failure = Failure(str(SEED["_id"]), "failed", 503, 5, "HTTP 503", None, NOW, NOW)
    publish(tmp_path, TWO, responses=[], failures=[failure])
    assert run(["diff", str(tmp_path), "--exit-code"]) == 0
    captured = capfd.readouterr()
    assert "0 added, 0 removed" in captured.out
    assert "could not be fetched for the other: 1" in captured.err


def test_two_accounts_in_a_destination_are_not_compared(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=[listed()], api=OTHER_ACCOUNT)
    publish(tmp_path, TWO, responses=[listed()])
    publish(tmp_path, THREE, responses=[listed(status="Active")])
    assert run(["diff", str(tmp_path)]) == 0
    captured = capfd.readouterr()
    assert f"{TWO} → {THREE}" in captured.out
    assert "account acc/st-1; also in this destination: other/st-1" in captured.err
    assert run(["diff", str(tmp_path), "--account", "other"]) == 2
    assert "it takes two snapshots" in capfd.readouterr().err
    assert run(["diff", str(tmp_path), ONE, TWO]) == 0
    assert f"{ONE} is of account other/st-1, {TWO} of acc/st-1" in capfd.readouterr().err


def test_old_alone_is_compared_with_the_latest_of_its_account(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, ONE, responses=[listed()], api=OTHER_ACCOUNT)
    publish(tmp_path, TWO, responses=[listed()], api=OTHER_ACCOUNT)
    publish(tmp_path, THREE, responses=[listed()])
    assert run(["diff", str(tmp_path), ONE]) == 0
    assert f"{ONE} → {TWO}" in capfd.readouterr().out


def test_excel_safe_csv_runs_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=[listed()])
    publish(tmp_path, TWO, responses=[listed(description="=cmd()")])
    assert run(["diff", str(tmp_path), "--format", "csv", "--excel-safe"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("\ufeffchange,")
    assert "'=cmd()" in out
