"""`jobs.support.options`: options that several commands share."""

from __future__ import annotations

import pytest

from jobs.cli import run
from tests.support.command_line import account as account

pytestmark = pytest.mark.usefixtures("account")


@pytest.mark.parametrize("command", [["pull", "a"], ["discover"], ["report", "exports"]])
@pytest.mark.parametrize("output", ["", ".", "/", "nowhere/file", "long" * 99, "long" * 99 + "/file"])
def test_an_output_that_is_no_file_is_refused_before_anything_is_asked(
    command: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "-o", output]) == 2
    assert "-o: " in capsys.readouterr().err
