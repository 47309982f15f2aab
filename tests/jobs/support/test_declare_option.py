"""`jobs.support.declare_option`: command line, environment, `--config` and fleet file are read by the same parsers."""

from __future__ import annotations

from typing import Any

import click
import pytest

from exporter.units import Limit
from jobs.cli import COMMANDS
from jobs.support.declare_option import PROBLEMS, Option
from tests.support.command_line import ACCOUNT, command_of, config, plan
from tests.support.command_line import account as account

pytestmark = pytest.mark.usefixtures("account")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("timeout = true", "export.toml: timeout: must be a text or a number, not true or false."),
        ("full_every = 2026-01-01", "export.toml: full_every: must be one value or a list of texts"),
        ("ledger = 2026-01-01", "export.toml: ledger: must be one value or a list of texts"),
        ("keep = [1, 2]", "export.toml: keep: must be one value, not a list."),
        ('format = ["csv"]', "export.toml: format: must be one value, not a list."),
        ('incremental = "perhaps"', "export.toml: incremental: must be true or false, without quotes."),
        ('incremental = ""', "export.toml: incremental: must be true or false, without quotes."),
        ("incremental = 1", "export.toml: incremental: must be true or false, without quotes."),
        ('workers = "many"', "export.toml: workers: 'many' is not a whole number from 1 to 1,000"),
        ("verbose = -1", "export.toml: verbose: -1 is not a number; write 1 or 2"),
        ("workers = 1.5", "export.toml: workers: '1.5' is not a whole number"),
        ("app_id = 66e123456789012345678901", "export.toml: app_id: is a text: write it in quotes"),
        ("app_id = nan", "export.toml: app_id: is a text: write it in quotes"),
        ("work_dir = 1.50", "export.toml: work_dir: is a text: write it in quotes"),
        ("id_column = [1.50]", "export.toml: id_column: is a text: write it in quotes"),
        ("app_id = 2026-01-01", "export.toml: app_id: must be one value or a list of texts"),
        ("[rate]\nx = 1", "export.toml: rate: must be one value or a list of texts"),
        ("rate = [[1]]", "export.toml: rate: must be one value or a list of texts"),
        ('work-dir = "x"', "export.toml: work-dir: there is no such option; did you mean work_dir?"),
    ],
)
def test_a_value_of_the_wrong_kind_in_the_file_is_reported(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan("--config", config(line)) == 2
    assert told in capsys.readouterr().err


def test_faults_of_file_options_and_settings_are_reported_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KORE_STREAM_ID")
    assert plan("--config", config('wrokers = 3\nkeep = "x"'), "--pace", "fast") == 2
    told = capsys.readouterr().err
    for fault in (
        "did you mean workers?",
        "export.toml: keep: ",
        "--pace: ",
        "KORE_STREAM_ID (--stream-id) is missing",
    ):
        assert fault in told


def test_numbers_lists_and_flags_of_the_file_are_read_as_options_are(capsys: pytest.CaptureFixture[str]) -> None:
    file = config(
        'workers = 3\nrate = ["7/1m", "90/1h"]\nkeep_days = 2.5\nexcel_safe = true\nverbose = 1\nmax_body = 1000\n'
        "app_id = 66123"
    )
    assert plan("--config", file) == 0
    assert "7/1m, 90/1h" in capsys.readouterr().out
    assert plan("--config", config('rate = "8/1m"')) == 0
    assert "8/1m" in capsys.readouterr().out


def test_of_a_setting_the_command_line_beats_the_environment_and_that_beats_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config('host = "http://file.kore.ai"')
    assert plan("--config", file) == 0
    assert plan("--config", file, "--host", "http://line.kore.ai") == 2
    assert "https://line.kore.ai" in capsys.readouterr().err
    monkeypatch.delenv("KORE_HOST")
    monkeypatch.setenv("CAMPAIGN_EXPORT_CONFIG", file)
    assert plan() == 2
    assert "https://file.kore.ai" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "option"),
    [
        ("WORKERS", "3", ("workers", 3)),
        ("RATE", "60/1m, 1800/1h", ("rates", (Limit(60, 60), Limit(1800, 3600)))),
        ("RATE", "60/1m 1800/1h", ("rates", (Limit(60, 60), Limit(1800, 3600)))),
        ("RATE", "off", ("rates", (None,))),
        ("INCREMENTAL", "1", ("incremental", True)),
        ("INCREMENTAL", "False", ("incremental", False)),
        ("INCREMENTAL", "", ("incremental", False)),
        ("OUT", "s3://bucket/x", ("dest", "s3://bucket/x")),
        ("TYPE", "voice", ("campaign_type", "voice")),
        ("VERBOSE", "2", ("verbose", 2)),
        ("VERBOSE", "True", ("verbose", 1)),
        ("VERBOSE", "no", ("verbose", 0)),
        ("KEEP_DAYS", "2.5", ("keep_days", 2.5)),
        ("STREAM_ID", "st-2", ("stream_id", "st-2")),
        ("MAX_BODY", "1KiB", ("max_body", 1024)),
        ("OUT", "out\r", ("dest", "out")),
        ("PACE", "\ufeff even \r\n", ("pace", "even")),
        ("LOG_FORMAT", "json\r", ("log_format", "json")),
        ("CONFIG", "\r", ("config", None)),
        ("EXCEL_SAFE", "yes\r", ("excel_safe", True)),
        ("DELIMITER", "\t\r", ("delimiter", "\t")),
    ],
)
def test_options_of_every_kind_can_be_given_in_the_environment(
    name: str, text: str, option: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KORE_STREAM_ID")
    monkeypatch.setenv(f"CAMPAIGN_EXPORT_{name}", text)
    params = command_of("snapshot").make_context("snapshot", []).params
    assert params[option[0]] == option[1]


@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        ("history", "as_of", "2026-11-20"), ("history", "as_of", "2026-11-20T14:00:00Z"),
        ("history", "as_of", "2026-11-20 14:00:00.5+01:00"), ("report", "week", "2026-11-20"),
    ],
)  # fmt: skip
def test_a_date_of_the_file_is_what_its_text_is(command: str, name: str, text: str) -> None:
    dates, texts = (
        command_of(command).make_context(command, ["dest", "--output", "o", "--config", config(line)])
        for line in (f"{name} = {text}", f'{name} = "{text}"')
    )
    assert not dates.meta.get(PROBLEMS)
    assert dates.params[name] == texts.params[name] is not None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("MO, WE:20:00-09:00", ["MO, WE:20:00-09:00"]),
        ("20:00-09:00, MO:21:00-08:00", ["20:00-09:00", "MO:21:00-08:00"]),
    ],
)
def test_commas_in_a_variable_part_values_or_are_within_one(
    text: str, values: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_EXPORT_QUIET_HOURS", text)
    params = command_of("report").make_context("report", ["dest", "-o", "r.html"]).params
    assert [hours.text for hours in params["quiet_hours"]] == values


@pytest.mark.parametrize("quote", ["''", '""', "“”", "‘’"])
@pytest.mark.parametrize("name", ["work_dir", "rate", "no_ledger"])
def test_a_variable_in_quotes_is_refused(
    name: str, quote: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"CAMPAIGN_EXPORT_{name.upper()}", f"{quote[0]}1{quote[1]}\r")
    assert plan() == 2
    assert f"CAMPAIGN_EXPORT_{name.upper()}: is wrapped in quotes" in capsys.readouterr().err


def test_quotes_within_quotes_are_refused_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--config", config("""work_dir = '"work"'\nrate = ['"60/1m"']""")) == 2
    told = capsys.readouterr().err
    assert "export.toml: work_dir: is wrapped in quotes" in told
    assert "export.toml: rate: is wrapped in quotes" in told


def test_a_setting_in_quotes_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KORE_HOST", '"https://platform.kore.ai"')
    assert plan() == 2
    assert capsys.readouterr().err.count("KORE_HOST") == 1


def test_two_variables_of_one_setting_must_not_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_EXPORT_HOST", ACCOUNT["KORE_HOST"])
    assert plan() == 0
    monkeypatch.setenv("CAMPAIGN_EXPORT_HOST", "another.kore.ai")
    assert plan() == 2
    assert "KORE_HOST and CAMPAIGN_EXPORT_HOST: differ" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_has_a_variable_and_a_name_in_the_file(name: str) -> None:
    for param in command_of(name).params:
        if isinstance(param, click.Option):
            assert isinstance(param, Option), param.name
            assert "CAMPAIGN_EXPORT_" + param.key.upper() in param.variables
            assert param.help
            assert param.help.endswith((".", "]"))


@pytest.mark.parametrize("source", ["command line", "environment", "file"])
def test_every_wrong_value_of_a_repeatable_option_is_named(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: tuple[str, ...] = ()
    if source == "command line":
        arguments = ("--rate", "60/1m", "--rate", "fast", "--rate", "slow")
    elif source == "environment":
        monkeypatch.setenv("CAMPAIGN_EXPORT_RATE", "60/1m, fast slow")
    else:
        arguments = ("--config", config('rate = ["60/1m", "fast", "slow"]'))
    assert plan(*arguments) == 2
    told = capsys.readouterr().err
    assert "'fast' is not a rate" in told
    assert "'slow' is not a rate" in told


@pytest.mark.parametrize(
    ("name", "text"),
    [("WORKERS", "many"), ("INCREMENTAL", "perhaps"), ("RATE", "fast"), ("FORMAT", "xlsx"), ("VERBOSE", "-3")],
)
def test_a_wrong_value_in_the_environment_names_its_variable(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"CAMPAIGN_EXPORT_{name}", text)
    assert plan() == 2
    assert f"CAMPAIGN_EXPORT_{name}: {text!r}" in capsys.readouterr().err


def test_of_an_option_the_command_line_beats_the_environment_and_that_beats_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config('rate = "1/1m"\nincremental = true\nworkers = 1')
    monkeypatch.setenv("CAMPAIGN_EXPORT_RATE", "2/1m")
    monkeypatch.setenv("CAMPAIGN_EXPORT_INCREMENTAL", "false")
    command = command_of("snapshot")
    params = command.make_context("snapshot", ["--config", file, "--out", "x"]).params
    assert (params["rates"], params["incremental"], params["workers"]) == ((Limit(2, 60),), False, 1)
    params = command.make_context("snapshot", ["--config", file, "--out", "x", "--rate", "3/1m"]).params
    assert params["rates"] == (Limit(3, 60),)


@pytest.mark.parametrize("line", ['out = "a\\u0000b"', 'ledger = "a\\nb"', 'rate = ["60/1m\\u001b[2J"]'])
def test_a_control_character_in_the_file_is_reported(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--config", config(line)) == 2
    assert "holds a control character" in capsys.readouterr().err
