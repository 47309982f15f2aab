"""The command line called in this process, with an account in the environment and an IDs file in the folder."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from jobs.cli import cli, run
from jobs.support.command import JobCommand

ACCOUNT = {"KORE_HOST": "env.kore.ai", "KORE_STREAM_ID": "st-1", "KORE_ACCOUNT_ID": "a", "KORE_JWT": "a.b.c"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An account in the environment; the current folder is empty but for `ids.csv`."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.csv").write_text("id\na\nb\n")


def config(text: str) -> str:
    """A configuration file."""
    Path("export.toml").write_text(text)
    return "export.toml"


def command_of(name: str) -> JobCommand:
    """A command by its name."""
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, JobCommand)
    return command


def plan(*arguments: str) -> int:
    """The exit code of `plan`."""
    return run(["plan", "ids.csv", "--out", "exports", *arguments])
