"""`jobs.support.copyable_commands`: commands that work in the shell in which the program was started."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.support.copyable_commands import duckdb_command, program_command, python_command


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment that is not active."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "campaign-export"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return folder


def test_an_active_environment_needs_no_paths(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{environment}:/usr/bin")
    assert program_command("verify", "a b") == "campaign-export verify 'a b'"
    assert python_command("x()") == "python -c 'x()'"


def test_an_environment_that_is_not_active_is_named_by_its_path(environment: Path) -> None:
    assert shlex.split(program_command("verify", "x")) == ["my env/bin/campaign-export", "verify", "x"]
    assert shlex.split(python_command("x")) == ["my env/bin/python", "-c", "x"]


def test_without_a_script_the_interpreter_runs_the_package(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / "campaign-export").unlink()
    monkeypatch.chdir("/usr")
    assert shlex.split(program_command("demo")) == [str(environment / "python"), "-m", "jobs", "demo"]
    monkeypatch.chdir(environment)  # a name without a slash would be looked for in the PATH
    assert shlex.split(program_command("demo"))[0] == str(environment / "python")


def test_the_program_of_another_environment_is_not_taken_for_this_one(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "campaign-export").symlink_to(environment / "campaign-export")
    monkeypatch.setenv("PATH", str(other))
    assert program_command() == "'my env/bin/campaign-export'"


def test_duckdb_is_offered_only_where_it_is(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert duckdb_command("SELECT 1") is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    command = duckdb_command("x y.parquet")
    assert command is not None
    assert shlex.split(command)[1:] == ["-c", "import duckdb; print(duckdb.read_parquet('x y.parquet'))"]


@pytest.mark.parametrize("text", ["a b", "it's", "'$x'", "'`x`'", "'\"'", "'\\'", "'!'", "", "é"])
def test_a_shell_reads_every_text_as_it_is(text: str) -> None:
    command = python_command(f"import sys; sys.stdout.buffer.write({text!r}.encode())")
    done = subprocess.run(command, shell=True, capture_output=True, check=True)
    assert done.stdout.decode() == text
