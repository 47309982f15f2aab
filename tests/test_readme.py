"""The README says what is true: commands, options, settings, exit codes, columns, promises."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from exporter.settings import SETTINGS
from exporter.tables.arrow import data_dictionary
from jobs.cli import COMMANDS, cli
from jobs.schema import markdown
from jobs.support.exit_codes import BUG, MEANINGS
from tests.support.running import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def options_of(command: str) -> set[str]:
    loaded = cli.get_command(click.Context(cli), command)
    assert loaded is not None
    return {name for param in loaded.params for name in param.opts} | {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`campaign-export {command}" in README


def commands_in(text: str) -> list[tuple[str, list[str]]]:
    """(command, options) of every command line in a text."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"campaign-export (" + "|".join(COMMANDS) + r")\b([^\n`|]*)", joined)
    return [(command, re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest)) for command, rest in found]


@pytest.mark.parametrize(
    "document",
    ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "jobs/deploy").iterdir() if p.is_file())],
)
def test_every_option_that_a_document_uses_is_known_to_the_program(document: str) -> None:
    for command, options in commands_in((ROOT / document).read_text(encoding="utf-8")):
        assert set(options) <= options_of(command), command


def test_every_option_named_in_the_readme_is_an_option_of_some_command() -> None:
    known = set.union(*(options_of(command) for command in COMMANDS))
    foreign = {"--rm", "--read-only", "--cap-drop", "--env-file", "--cov"}  # docker's, and pytest-cov's
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known | foreign


def test_every_setting_is_in_the_readme_with_its_option() -> None:
    for setting in SETTINGS:
        assert f"`{setting.variable}`" in README
        assert setting.secret or f"`{setting.option}`" in README


def test_every_exit_code_is_in_the_readme() -> None:
    for code in (*MEANINGS, BUG):
        assert re.search(rf"^\|.*\b{code}\b.*\|", README, re.MULTILINE), code


def test_the_data_dictionary_is_that_of_the_program() -> None:
    """After a change: `campaign-export schema --format markdown`, between the two marks."""
    between = README.partition("<!-- columns: begin -->")[2].partition("<!-- columns: end -->")[0]
    assert between.strip() == markdown(data_dictionary())


def test_every_promise_names_a_test_that_is_there() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    promised = re.findall(r"\| `(test_\w+)` \|", README)
    assert len(promised) > 10
    for name in promised:
        assert f"def {name}(" in tests, name


def test_every_room_in_the_readme_is_there() -> None:
    for path in re.findall(r"`((?:exporter|jobs)/[\w/.]*)`", README):
        assert (ROOT / path).exists(), path


def test_the_changelog_names_the_version() -> None:
    from exporter import __version__

    assert f"## {__version__}" in Path(ROOT / "CHANGELOG.md").read_text(encoding="utf-8") or "## Unreleased" in Path(
        ROOT / "CHANGELOG.md"
    ).read_text(encoding="utf-8")
