"""`campaign-export simulate`: the settings it prints reach it, and it changes when it is asked to."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.forked_program import run
from tests.support.running import ROOT, full, program


@contextmanager
def simulator(tmp_path: Path, *options: str) -> Iterator[tuple[dict[str, str], Path]]:
    """A running one: the variables that it printed, and its IDs file."""
    ids = tmp_path / "ids.csv"
    arguments = ("simulate", "--port", "0", "--format", "env", "--latency", "0s", "--ids-file", str(ids), *options)
    process = subprocess.Popen(
        program(*arguments), env=full({"HOME": str(tmp_path)}), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        variables = dict(process.stdout.readline().strip().split("=", 1) for _ in range(5))
        yield {**variables, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}, ids
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def ids_in(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        return [row["campaign_id"] for row in csv.DictReader(file)]


def port_of(env: dict[str, str]) -> str:
    return env["KORE_HOST"].rpartition(":")[2]


def test_a_running_simulator_changes_some_campaigns_removes_one_and_makes_one(tmp_path: Path) -> None:
    with simulator(tmp_path, "--campaigns", "12", "--account-id", "another-account") as (env, ids):
        assert env["KORE_ACCOUNT_ID"] == "another-account"
        before = ids_in(ids)
        first = run("pull", str(ids), "--format", "csv", "--columns", "campaign_id,updated_at", env=env)
        assert first.returncode == 0, first.stderr
        changed = run("simulate", "--port", port_of(env), "--change", "3", "--ids-file", str(ids), env=env)
        assert changed.returncode == 0, changed.stderr
        assert "3 campaigns changed" in changed.stderr
        after = ids_in(ids)
        assert len(set(before) - set(after)) == len(set(after) - set(before)) == 1
        second = run("pull", str(ids), "--format", "csv", "--columns", "campaign_id,updated_at", env=env)
        assert second.returncode == 0, second.stderr
        assert len(set(second.stdout.splitlines()) - set(first.stdout.splitlines())) == 4


def test_change_without_a_running_simulator_serves_the_day_after(tmp_path: Path) -> None:
    with simulator(tmp_path, "--campaigns", "5") as (env, ids):
        before = ids_in(ids)
    with simulator(tmp_path, "--campaigns", "5", "--change", "2") as (env, ids):
        after = ids_in(ids)
        assert run("pull", *after, "-q", env=env).returncode == 0
    assert len(set(before) & set(after)) == 4


def test_a_fault_and_a_habit_of_the_list_have_names(tmp_path: Path) -> None:
    options = ("--fault", "503-not-found=20%", "--fault", "404-html=10%", "--list-habit", "capped-pages",
               "--list-habit", "text-totals", "--list-habit", "null-at-end")  # fmt: skip
    with simulator(tmp_path, "--campaigns", "45", "--rate", "off", *options) as (env, _):
        found = run("discover", "--rate", "off", "-q", env=env)
        assert found.returncode == 0, found.stderr
        assert len(found.stdout.splitlines()) == 46


def test_check_sees_a_clock_that_is_ahead(tmp_path: Path) -> None:
    with simulator(tmp_path, "--campaigns", "2", "--clock-ahead", "10m") as (env, _):
        done = run("check", env=env)
    assert re.search(r"this machine's clock is (10 min|9 min 5\d s) behind the service's", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--fault", "nonsense=5%"), "no fault 'nonsense'"),
        (("--fault", "503=7"), "how often it happens"),
        (("--fault", "503=50%", "--fault", "500=51%"), "more than 100% together"),
        (("--list-habit", "nonsense"), "capped-pages"),
    ],
)
def test_a_fault_or_habit_that_cannot_be_is_refused(options: tuple[str, ...], error: str, tmp_path: Path) -> None:
    done = run("simulate", *options, env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert error in done.stderr
