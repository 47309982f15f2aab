"""`jobs.cli`: what every command line meets, whatever the command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobs.cli import cli, forget_empty_variables, run


def test_a_certificate_file_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", " ")
    monkeypatch.setenv("SSL_CERT_DIR", "/somewhere")
    forget_empty_variables()
    assert "SSL_CERT_FILE" not in os.environ
    assert os.environ["SSL_CERT_DIR"] == "/somewhere"


@pytest.mark.parametrize(("typed", "meant"), [("snapsot", "snapshot"), ("hstory", "history"), ("discovre", "discover")])
def test_a_misspelt_command_is_answered_with_the_nearest_name(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([typed]) == 2
    assert f"Did you mean '{meant}'?" in capsys.readouterr().err


def test_a_fault_of_the_program_is_told_without_a_traceback_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(cli, "main", broken)
    for arguments, has_traceback in ((["schema"], False), (["schema", "-v"], True)):
        assert run(arguments) == 70
        err = capsys.readouterr().err
        assert "a fault of the program itself: ZeroDivisionError: a fault" in err
        assert ("Traceback" in err) == has_traceback
    assert run(["schema", "--log-format=json"]) == 70
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["error"], told["exit_code"]) == ("failed", "ZeroDivisionError", 70)


@pytest.mark.parametrize(("arguments", "is_json"), [([], True), (["--log-format", "text"], False)])
def test_a_wrong_command_line_is_told_in_the_format_that_the_environment_asks_for(
    arguments: list[str], is_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_EXPORT_LOG_FORMAT", "json")
    assert run(["schema", "--nonsense", *arguments]) == 2
    assert capsys.readouterr().err.startswith("{") == is_json


@pytest.mark.parametrize(
    ("option", "variable"),
    [
        ("--client-secret", "KORE_CLIENT_SECRET"), ("--client-secret-file", "KORE_CLIENT_SECRET"),
        ("--client_secret", "KORE_CLIENT_SECRET"), ("--app-secret", "KORE_CLIENT_SECRET"),
        ("--jwt", "KORE_JWT"), ("--kore-jwt", "KORE_JWT"),
    ],
)  # fmt: skip
def test_an_option_for_a_secret_is_answered_with_the_place_where_it_belongs(
    option: str, variable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["check", option, "hush"], ["check", f"{option}=hush"], [option, "hush", "check"]):
        assert run(arguments) == 2
        err = " ".join(capsys.readouterr().err.split())
        assert f"{option}: a secret does not belong here: set {variable}, or {variable}_FILE" in err
        assert "Did you mean" not in err
        assert "hush" not in err


def test_a_private_key_where_no_option_is_expected_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"]) == 2
    err = capsys.readouterr().err
    assert "[private key hidden]" in err
    assert "hush" not in err


def test_a_wrong_command_line_is_told_in_the_format_that_the_file_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "my config.toml"
    config.write_text('log_format = "json"\n')
    assert run(["schema", "--nonsense", "--config", str(config)]) == 2
    assert json.loads(capsys.readouterr().err)["exit_code"] == 2
    assert run(["schema", "--nonsense", "--config", str(config), "--log-format=text"]) == 2
    assert capsys.readouterr().err.startswith("Usage")


@pytest.mark.parametrize("config", ["a" * 300, "a\x00b", "/root/" * 1000])
def test_a_wrong_command_line_is_told_whatever_the_configuration_files_path_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    assert run(["schema", "--nonsense", "--config", config]) == 2
    if "\x00" not in config:  # no variable holds one
        monkeypatch.setenv("CAMPAIGN_EXPORT_CONFIG", config)
    assert run(["schema", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err
