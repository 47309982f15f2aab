"""`jobs.support.options`: options that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cli import run

ACCOUNT = {"KORE_HOST": "env.kore.ai", "KORE_STREAM_ID": "st-1", "KORE_ACCOUNT_ID": "a", "KORE_JWT": "a.b.c"}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.csv").write_text("id\na\nb\n")


def config(text: str) -> str:
    Path("export.toml").write_text(text)
    return "export.toml"


def plan(*arguments: str) -> int:
    return run(["plan", "ids.csv", "--out", "exports", *arguments])


@pytest.mark.parametrize("command", [["pull", "a"], ["discover"], ["report", "exports"]])
@pytest.mark.parametrize("output", ["", ".", "/", "nowhere/file"])
def test_an_output_that_is_no_file_is_refused_before_anything_is_asked(
    command: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "-o", output]) == 2
    assert "-o: " in capsys.readouterr().err
