"""`jobs.support.command`: what all commands have in common."""

from __future__ import annotations

import errno
import importlib
import json
from pathlib import Path

import pytest

from jobs.cli import COMMANDS, cli, run
from tests.support.command_line import account as account
from tests.support.command_line import command_of, plan
from tests.support.metrics import samples_in

pytestmark = pytest.mark.usefixtures("account")


@pytest.mark.parametrize(
    ("arguments", "variables", "code"),
    [
        (["--ledger", "l", "--no-ledger"], {}, 2),
        (["--no-ledger"], {"CAMPAIGN_EXPORT_LEDGER": "l"}, 0),
        (["--ledger", "l"], {"CAMPAIGN_EXPORT_NO_LEDGER": "1"}, 0),
        ([], {"CAMPAIGN_EXPORT_NO_LEDGER": "1", "CAMPAIGN_EXPORT_LEDGER": "l"}, 2),
        (["-q", "-v"], {}, 2),
        (["-v"], {"CAMPAIGN_EXPORT_QUIET": "1"}, 0),
    ],
)
def test_options_that_contradict_each_other_are_refused_unless_one_comes_from_a_stronger_source(
    arguments: list[str], variables: dict[str, str], code: int,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert plan(*arguments) == code
    assert ("exclude each other" in capsys.readouterr().err) == (code == 2)


def test_a_variable_that_sets_nothing_and_looks_like_a_slip_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_EXPORT_WOKERS", "3")
    # What Kubernetes sets where a service has this name, and options of other commands.
    monkeypatch.setenv("CAMPAIGN_EXPORT_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CAMPAIGN_EXPORT_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("CAMPAIGN_EXPORT_PARALLEL", "3")
    assert plan() == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning: no option is set by CAMPAIGN_EXPORT_WOKERS; did you mean CAMPAIGN_EXPORT_WORKERS?" in line


@pytest.mark.parametrize(
    "arguments", [["--log-format", "json", "-q", "snapshots", "nowhere"], ["snapshots", "nowhere", "--log-format=json"]]
)
def test_common_options_stand_before_or_after_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert json.loads(capsys.readouterr().err)["exit_code"] == 2


@pytest.mark.parametrize("asked", [["--log-format", "json"], ["--log-format=json"]])
def test_wrong_usage_is_a_json_line_where_the_log_is_json(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--workers", "0", "--keep", "x", *asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["exit_code"] == 2
    assert "--workers" in json.loads(line)["message"]
    assert "--keep" in json.loads(line)["message"]


def test_the_log_format_after_the_command_wins(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--log-format", "json", "snapshots", "nowhere", "--log-format", "text"]) == 2
    assert "there is no such folder" in capsys.readouterr().err.split("campaign-export: ")[1]


@pytest.mark.parametrize(
    ("before", "after", "is_shown"),
    [([], [], False), (["-v"], [], True), ([], ["-v"], True), (["-v"], ["-q"], False), (["-q"], [], False)],
)
def test_how_much_is_said_is_up_to_the_command_line_before_the_environment(
    before: list[str], after: list[str], is_shown: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("CAMPAIGN_EXPORT_QUIET", "1")
    assert run([*before, "snapshots", str(tmp_path), *after]) == 0
    assert ("there is no snapshot" in capsys.readouterr().err) == is_shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options_and_help_that_ends_with_its_exit_codes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("-v, --verbose", "-q, --quiet", "--log-format [text|json]", "--config"):
        assert option in shown
    example, codes = shown.split("\nExample:\n")[1].split("\nExit codes:\n")
    assert example.strip().startswith(f"campaign-export {name}")
    first_words = [line.split()[0] for line in codes.splitlines() if line[:3].strip()]
    assert first_words == [str(code) for code in command_of(name).exit_code_meanings]
    assert {"0", "2", "4"} <= set(first_words), "4: a store that does not answer, an output that cannot be written"


def test_an_id_longer_than_a_file_name_is_no_fault_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pull", "x" * 300]) == 2
    assert "longer than 256" in capsys.readouterr().err


def test_how_a_file_is_read_is_refused_where_no_argument_of_pull_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pull", "cd-1", "cd-2", "--id-column", "nonsense", "--delimiter", "tab"]) == 2
    problems = capsys.readouterr().err
    assert "--id-column is about a file of IDs" in problems
    assert "--delimiter is about a file of IDs" in problems


def test_how_a_file_is_read_may_stand_in_the_environment_for_other_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_EXPORT_ID_COLUMN", "id")
    monkeypatch.setenv("CAMPAIGN_EXPORT_DELIMITER", "tab")
    assert run(["pull", "cd-1", "--columns", "nonsense"]) == 2
    assert "is about" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "others", "needs"),
    [
        ("full-every", ["7d"], [], ["--incremental"]),
        ("excel-safe", [], [], ["--format", "both"]),
        ("rate-share", ["10%"], ["--rate", "off"], ["--rate", "60/1m"]),
    ],
)
def test_an_option_that_was_typed_for_nothing_is_told(
    name: str, value: list[str], others: list[str], needs: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def is_told(*arguments: str) -> bool:
        assert plan(*arguments) == 0
        return f"warning: --{name} has no effect" in capsys.readouterr().err

    assert is_told(f"--{name}", *value, *others)
    assert not is_told(f"--{name}", *value, *needs)
    monkeypatch.setenv(f"CAMPAIGN_EXPORT_{name.replace('-', '_').upper()}", *(value or ["1"]))
    assert not is_told(*others), "it may be there for other commands"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope", "--out", "x"], ["--out", "x", "--nope=3", "-q"], ["ids.csv", "more.csv", "--out", "x"], ["--out"],
        ["--fresh=3"], ["--nope", "--help"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("by_variable", [True, False])
def test_wrong_usage_is_written_to_the_metrics_file(
    arguments: list[str], by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_variable:
        monkeypatch.setenv("CAMPAIGN_EXPORT_METRICS_FILE", "m.prom")
    assert run(["snapshot", *([] if by_variable else ["--metrics-file", "m.prom"]), *arguments]) == 2
    values = {sample.name: (sample.value, sample.labels["account"]) for sample in samples_in(Path("m.prom"))}
    assert values["last_run_exit_code"] == (2, "a")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread"), OSError(errno.EMFILE, "x")])
def test_a_machine_without_memory_threads_or_open_files_ends_a_run_with_4(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(importlib.import_module("jobs.plan").command, "callback", fail)
    assert plan() == 4
    assert "Then run the same command again." in capsys.readouterr().err
    monkeypatch.setattr(cli, "get_command", fail)  # already when it is imported
    assert plan() == 4
    assert "Then run the same command again." in capsys.readouterr().err
