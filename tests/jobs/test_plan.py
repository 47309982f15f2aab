"""`jobs.plan`: what a snapshot would cost."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exporter.pipeline.plan import Plan
from exporter.units import Limit
from jobs.cli import run
from jobs.plan import lines_of
from tests.support.command_line import account as account
from tests.support.command_line import plan

pytestmark = pytest.mark.usefixtures("account")


def test_it_prints_ids_repeats_requests_and_time_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("id\n" + "".join(f"{number}\n" for number in range(121)) + "0\n")
    assert plan() == 0
    told = (line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    lines = {name: text.strip() for name, text in told}
    assert lines["campaigns wanted"] == "121 (1 repeat)"
    assert (lines["already fetched"], lines["requests to send"]) == ("0", "121")
    assert lines["time"] == "at least 2 min"
    assert lines["ends"].endswith("UTC, if it began now")
    assert list(tmp_path.iterdir()) == [ids]


def test_no_home_folder_is_needed_but_for_the_journal_of_a_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)  # as in a container whose user has no entry
    assert plan() == 0
    assert "60/1m" in capsys.readouterr().out
    assert plan("--out", "s3://bucket/exports") == 2
    assert "no home folder" in capsys.readouterr().err


def test_both_types_are_two_list_calls_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--out", "exports"]) == 0
    assert "about 1 request\n" in capsys.readouterr().out
    assert run(["plan", "--out", "exports", "--type", "all"]) == 0
    assert "about 2 requests\n" in capsys.readouterr().out


PLAN = Plan(
    wanted=1000, repeats=0, basis="20261123T020000Z", already_fetched=0, list_requests=11, requests=21, seconds=1.0,
    limits=(Limit(60, 60.0),), base="20261123T020000Z", changes=10, full_requests=1011, full_seconds=961.0,
)  # fmt: skip


def test_an_incremental_run_says_what_it_saves_if_as_many_changed_as_the_last_time() -> None:
    lines = dict(lines_of(PLAN, 0.0))
    assert lines["campaigns wanted"] == "about 1,000, by 20261123T020000Z"
    assert lines["list call"] == "about 11 requests"
    assert lines["incremental"] == (
        "on 20261123T020000Z; about 10 campaigns to fetch, if as many changed as the last time: "
        "that saves 990 requests and 16 min against a full run"
    )


def test_the_first_incremental_run_says_that_it_costs_no_more() -> None:
    lines = dict(lines_of(msgspec.structs.replace(PLAN, changes=None), 0.0))
    assert lines["incremental"].endswith("fetches only what changed, so this is the most it can cost")


def test_without_a_limit_the_time_is_the_services() -> None:
    lines = dict(lines_of(msgspec.structs.replace(PLAN, limits=(), wanted=None), 0.0))
    assert (lines["rate limit"], lines["time"], lines["ends"]) == (
        "off", "as fast as the service answers", "soon after it begins",
    )  # fmt: skip
    assert lines["requests to send"] == "21 or more"
