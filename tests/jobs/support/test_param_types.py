"""`jobs.support.param_types`: how values of options are read, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from jobs.cli import COMMANDS, cli
from jobs.support.declare_option import Option
from jobs.support.metrics import MetricsFile
from jobs.support.param_types import FILE, OUTPUT_FILE
from tests.support.command_line import command_of

READ_ELSEWHERE = {"config", "private_key_file"}
"""Their files are read by `read_text_file`, which knows `~`, too."""


def test_every_option_that_names_a_file_or_folder_knows_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment and in files no shell reads `~`: it would name a folder of that name beside the program."""
    monkeypatch.setenv("HOME", str(tmp_path))
    context = click.Context(cli)
    seen = set()
    for name in COMMANDS:
        for option in command_of(name).params:
            if isinstance(option, Option) and option.make_metavar(context).startswith(("FILE", "DIR")):
                if option.key in READ_ELSEWHERE or not option.expose_value or option.help is None:
                    continue
                if name == "plan" and option.key == "metrics_file":
                    continue  # ignored there
                value = option.read("~/it.csv")
                path = value.path if isinstance(value, MetricsFile) else value
                assert path == f"{tmp_path}/it.csv", (name, option.key)
                seen.add(option.key)
    assert seen >= {"work_dir", "ledger", "metrics_file", "output", "ids_file"}


def test_a_home_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(click.BadParameter, match="no home folder is known for ~; write the whole path"):
        FILE.convert("~nobody-of-that-name/x", None, None)


def test_a_dash_for_an_output_file_is_standard_output_and_no_file() -> None:
    assert OUTPUT_FILE.convert("-", None, None) is None
    assert OUTPUT_FILE.convert("./-", None, None) == "./-"
