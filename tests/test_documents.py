"""What the documents say is true: commands, options, settings, exit codes, columns, promises, code blocks, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest

from exporter import __version__
from exporter.settings import SETTINGS
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.tables.arrow_schemas import data_dictionary
from jobs.cli import COMMANDS, cli
from jobs.schema import markdown
from jobs.support.exit_codes import BUG, MEANINGS
from tests.support.forked_program import run
from tests.support.running import ROOT
from tests.support.serving import environment, serving

BOOKS = (
    "README.md",
    "exporter/README.md",
    "exporter/tables/README.md",
    "jobs/deploy/README.md",
    "tests/README.md",
    "tests/benchmarks/README.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
)
EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "jobs/deploy").iterdir() if path.is_file())
FOREIGN = {
    "--rm", "--read-only", "--cap-drop", "--env-file", "--cov", "--system", "--home-dir", "--shell", "--now",
    "--from-file", "--from-env-file", "--from", "--follow",
}  # fmt: skip
"""Options of docker, pytest-cov, useradd, systemctl and kubectl."""


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


README = text_of("README.md")


def options_of(command: str) -> set[str]:
    loaded = cli.get_command(click.Context(cli), command)
    assert loaded is not None
    return {name for param in loaded.params for name in param.opts} | {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`campaign-export {command}" in README


def command_lines_in(text: str) -> list[tuple[str, list[str]]]:
    """(command, options) of every command line in a text."""
    joined = text.replace("\\\n", " ")
    lines = re.findall(r"campaign-export (" + "|".join(COMMANDS) + r")\b([^\n`|]*)", joined)
    return [(command, re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest)) for command, rest in lines]


@pytest.mark.parametrize("document", sorted({*BOOKS, *EXAMPLES}))
def test_every_option_that_a_document_uses_is_known_to_its_command(document: str) -> None:
    for command, options in command_lines_in(text_of(document)):
        assert set(options) - FOREIGN <= options_of(command), command


@pytest.mark.parametrize("document", ("README.md", "jobs/deploy/README.md"))
def test_every_option_that_a_document_names_is_an_option_of_some_command(document: str) -> None:
    known = set.union(*(options_of(command) for command in COMMANDS))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+(?![\w…-])", text_of(document)))
    assert named <= known | FOREIGN


def test_every_setting_is_in_the_readme_with_its_option() -> None:
    for setting in SETTINGS:
        assert f"`{setting.variable}`" in README
        assert setting.secret or f"`{setting.option}`" in README


def test_every_exit_code_is_in_the_readme() -> None:
    for code in (*MEANINGS, BUG):
        assert re.search(rf"^\|[^|]*\b{code}\b[^|]*\|", README, re.MULTILINE), code


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 2_050


def test_the_columns_are_those_of_the_program() -> None:
    """After a change: `campaign-export schema --format markdown`, between the two marks."""
    between = text_of("exporter/tables/README.md").partition("<!-- columns: begin -->")[2]
    assert between.partition("<!-- columns: end -->")[0].strip() == markdown(data_dictionary())


def test_every_promise_names_a_test_that_exists() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    promised = re.findall(r"\| `(test_\w+)` \|", text_of("tests/README.md"))
    assert len(promised) > 10
    for name in promised:
        assert f"def {name}(" in tests, name


@pytest.mark.parametrize("document", BOOKS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    for path in re.findall(r"`((?:exporter|jobs|tests|\.ci|\.github)/[\w/.-]*)`", text_of(document)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", BOOKS)
def test_every_link_between_documents_resolves(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if "://" not in target and not target.startswith("#"):
            assert ((ROOT / document).parent / target.partition("#")[0]).exists(), target


def test_the_changelog_names_the_version() -> None:
    assert f"## {__version__}" in text_of("CHANGELOG.md")


def blocks_in(document: str, language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(document), re.MULTILINE | re.DOTALL)
    return [block for named, block in blocks if named == language]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `exports` holds two snapshots."""
    folder = tmp_path_factory.mktemp("documents")
    with serving(Behaviour(sample_campaigns(5))) as url:
        for _ in range(2):
            done = run("snapshot", "--fresh", "--out", str(folder / "exports"), "--rate", "off",
                       env=environment(url, folder))  # fmt: skip
            assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("number", range(len(blocks_in("README.md", "python"))))
def test_the_python_blocks_of_the_readme_run_as_printed(
    exports: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exports)
    names: dict[str, Any] = {}
    exec(blocks_in("README.md", "python")[number], names)


@pytest.mark.parametrize("number", range(len(blocks_in("README.md", "sql"))))
def test_the_sql_blocks_of_the_readme_run_as_printed(
    exports: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exports)
    assert duckdb.sql(blocks_in("README.md", "sql")[number]).fetchall()


def test_the_nightly_line_of_the_readme_is_that_of_the_crontab() -> None:
    nightly = next(block for block in blocks_in("README.md", "") if block.startswith("0 2 * * *"))
    line = next(line for line in text_of("jobs/deploy/crontab").splitlines() if line.startswith("0 2 * * *"))
    assert line.replace("/opt/campaign-export/bin/", "").startswith(nightly.strip())
