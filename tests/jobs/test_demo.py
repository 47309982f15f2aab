"""`campaign-export demo`: it keeps its word. Every command that it prints works as printed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.forked_program import ForkedProgram, run
from tests.support.running import full, manifest_of, program, snapshot_folders
from tests.support.snapshots import ONE


def home(folder: Path) -> dict[str, str]:
    return full({"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")})


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In the folder that a user is in, without any setting."""
    return subprocess.run(
        program("demo", "--campaigns", "30", *options), cwd=folder, env=home(folder), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


def printed_commands(output: str) -> list[str]:
    """What a user would copy: the indented lines that begin with a program."""
    lines = [
        line.removeprefix("Read it:").strip() for line in output.splitlines() if line.startswith(("  ", "Read it:"))
    ]
    return [line for line in lines if re.match(r"(\S*/)?(campaign-export|python\S*|duckdb) ", line)]


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[subprocess.CompletedProcess[str]]]:
    folder = tmp_path_factory.mktemp("somewhere")
    days = [demo(folder), demo(folder)]
    assert [day.returncode for day in days] == [0, 0], days[-1].stderr
    return folder, days


def test_the_second_day_is_an_incremental_snapshot_of_the_same_service(
    two_days: tuple[Path, Sequence[subprocess.CompletedProcess[str]]],
) -> None:
    folder, _ = two_days
    first, second = map(manifest_of, snapshot_folders(folder / "campaign-export-demo"))
    assert first["api"] == second["api"]
    assert (second["mode"], second["base_snapshot"]) == ("incremental", first["snapshot_id"])
    assert second["counts"]["gone"] == 1
    assert second["counts"]["ok"] - second["counts"]["carried_over"] == 9
    assert second["requests"]["total"] < 20


def test_every_printed_command_works_as_printed(
    two_days: tuple[Path, Sequence[subprocess.CompletedProcess[str]]],
) -> None:
    folder, days = two_days
    commands = [command for day in days for command in printed_commands(day.stderr) if " demo " not in command]
    names = " ".join(commands)
    assert all(word in names for word in ("snapshots", "report", "diff", "read_snapshot", "verify"))
    for command in dict.fromkeys(commands):
        done = subprocess.run(
            command, shell=True, cwd=folder, env=home(folder), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)


def test_it_ends_with_the_report_that_it_wrote(
    two_days: tuple[Path, Sequence[subprocess.CompletedProcess[str]]],
) -> None:
    folder, days = two_days
    report = folder / "campaign-export-demo" / "report.html"
    for day in days:
        assert day.stderr.rstrip().endswith(str(report))
    assert "<html" in report.read_text(encoding="utf-8")


def test_files_of_others_are_never_overwritten(tmp_path: Path) -> None:
    ids = tmp_path / "mine" / "ids.csv"
    ids.parent.mkdir()
    ids.write_text("campaign_id\ncd-mine\n")
    done = demo(tmp_path, "--out", "mine")
    assert done.returncode == 2
    assert "mine/ids.csv is not the demo's" in done.stderr
    assert ids.read_text() == "campaign_id\ncd-mine\n"
    assert list(ids.parent.iterdir()) == [ids]


def test_a_folder_with_snapshots_of_an_account_is_not_mixed_with_the_demo(tmp_path: Path) -> None:
    (tmp_path / "exports" / f"snapshot={ONE}").mkdir(parents=True)
    done = demo(tmp_path, "--out", "exports")
    assert done.returncode == 2
    assert f"snapshot={ONE} is not the demo's" in done.stderr


def test_an_ids_file_of_the_demo_that_was_edited_is_not_overwritten(tmp_path: Path) -> None:
    assert demo(tmp_path, "--campaigns", "3").returncode == 0
    ids = tmp_path / "campaign-export-demo" / "ids.csv"
    ids.write_text("campaign_id\ncd-mine\n")
    assert demo(tmp_path).returncode == 2
    assert ids.read_text() == "campaign_id\ncd-mine\n"


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("demo", "--out", str(tmp_path / "file" / "x"), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert "cannot be used" in done.stderr


@pytest.mark.parametrize("out", ["", "s3://bucket/x", "file:///proc/nothing", "s3:x"])
def test_what_is_no_folder_is_refused_before_anything_is_made(out: str, tmp_path: Path, forked: ForkedProgram) -> None:
    done = forked.run("demo", "--campaigns", "3", "--out", out, env={"HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "--out" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["./-dash", "./~tilde"])
def test_the_destination_is_used_and_printed_as_it_was_given(out: str, tmp_path: Path, forked: ForkedProgram) -> None:
    done = forked.run("demo", "--campaigns", "3", "--out", out, env={"HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(snapshot_folders(tmp_path / out)) == 1
    commands = [shlex.split(command) for command in printed_commands(done.stderr) if "python" not in command.split()[0]]
    destinations = [words[-1] if words[1] == "demo" else words[2] for words in commands]
    assert destinations
    assert set(destinations) == {out}


def test_another_number_of_campaigns_for_the_service_of_the_days_before_is_told(
    two_days: tuple[Path, Sequence[subprocess.CompletedProcess[str]]], tmp_path: Path
) -> None:
    (tmp_path / ".demo.json").write_text('{"campaigns": 3}')
    done = run("demo", "--campaigns", "4", "--out", str(tmp_path), env={"HOME": str(tmp_path)})
    assert f"warning: --campaigns has no effect: {tmp_path} holds a demo that began with 3;" in done.stderr
    assert "serves 3 campaigns" in done.stderr
    assert all("no effect" not in day.stderr for day in two_days[1])
