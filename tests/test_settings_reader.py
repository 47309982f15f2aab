"""`exporter.settings_reader`: settings, secrets from files and commands, and all problems at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from exporter.errors import SettingsError
from exporter.options import Locations
from exporter.settings import ReadyToken, Secret, SigningKey
from exporter.settings_reader import read_settings, trusting
from tests.support.certificates import issue

GOOD = {
    "KORE_HOST": "platform.kore.ai",
    "KORE_STREAM_ID": "st-1",
    "KORE_ACCOUNT_ID": "acc",
    "KORE_CLIENT_ID": "cs-1",
    "KORE_CLIENT_SECRET": "hush-hush",
}
WITHOUT_SECRET = {name: value for name, value in GOOD.items() if name != "KORE_CLIENT_SECRET"}


def faults_of(environ: dict[str, str], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, **more)
    return list(caught.value.problems)


def test_five_variables_are_enough() -> None:
    settings = read_settings(GOOD)
    assert settings.host == "https://platform.kore.ai"
    assert (settings.app_id, settings.api) == ("st-1", "v2")
    assert settings.credentials == SigningKey("cs-1", Secret("hush-hush"), "HS256")


def test_options_beat_the_environment() -> None:
    settings = read_settings({**GOOD, "KORE_APP_ID": ""}, {"host": "o.example"})
    assert (settings.host, settings.stream_id, settings.app_id) == ("https://o.example", "st-1", "st-1")


def test_all_faults_are_reported_at_once() -> None:
    told = "\n".join(faults_of({"KORE_HOST": "http://platform.kore.ai", "KORE_API": "v3", "KORE_CLIENT_ID": "c"}))
    for word in ("KORE_HOST", "KORE_STREAM_ID", "KORE_ACCOUNT_ID", "KORE_API", "KORE_CLIENT_SECRET"):
        assert word in told


@pytest.mark.parametrize("host", ["", "http://platform.kore.ai", "https://platform.kore.ai/path"])
def test_faults_of_the_proxy_are_told_beside_those_of_the_host(host: str) -> None:
    told = "\n".join(faults_of({**GOOD, "KORE_HOST": host, "HTTPS_PROXY": "ftp://me:hush@proxy"}))
    assert "KORE_HOST" in told
    assert "HTTPS_PROXY names no HTTP proxy" in told
    assert "hush" not in told


def test_nothing_at_all_names_every_missing_setting() -> None:
    assert len(faults_of({})) == 4


def test_a_ready_token_needs_nothing_else() -> None:
    environ = {**GOOD, "KORE_JWT": "a.b.c"}
    assert any("exclude each other" in fault for fault in faults_of(environ))
    del environ["KORE_CLIENT_SECRET"], environ["KORE_CLIENT_ID"]
    assert read_settings(environ).credentials == ReadyToken(Secret("a.b.c"))


def test_a_secret_can_come_from_the_file_that_its_twin_names(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    environ = {**GOOD, "KORE_CLIENT_SECRET_FILE": str(file)}
    assert any("KORE_CLIENT_SECRET" in fault for fault in faults_of(environ))
    del environ["KORE_CLIENT_SECRET"]
    credentials = read_settings(environ).credentials
    assert isinstance(credentials, SigningKey)
    assert credentials.key.reveal() == "from a file"
    file.unlink()
    assert "cannot be read" in faults_of(environ)[0]


@pytest.mark.parametrize(
    "data",
    [
        b"a secret", b"a secret\r\n", b"\xef\xbb\xbfa secret\n", "a secret\r\n".encode("utf-16"),
        "\ufeffa secret".encode("utf-16-be"), "a secret\n".encode("utf-16-le"), "a secret".encode("utf-16-be"),
        "\u200ba secret\u200b".encode(),
    ],
)  # fmt: skip
def test_a_byte_order_mark_crlf_and_utf_16_in_a_secret_file_do_no_harm(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(data)
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_FILE": f"{file}\r"}
    assert read_settings(environ).credentials == SigningKey("cs-1", Secret("a secret"), "HS256")


@pytest.mark.parametrize("name", [*GOOD, "KORE_CLIENT_SECRET_FILE"])
@pytest.mark.parametrize("quote", ["''", '""', "“”", "‘’"])
def test_a_value_wrapped_in_quotes_is_refused_by_name(name: str, quote: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{quote[0]}hush{quote[1]}\n", encoding="utf-8")
    environ = {**GOOD, name: str(file) if name.endswith("_FILE") else f"{quote[0]}x{quote[1]}"}
    if name.endswith("_FILE"):
        del environ["KORE_CLIENT_SECRET"]
    problems = faults_of(environ)
    assert any(name in problem and "wrapped in quotes" in problem for problem in problems)
    assert "hush" not in "".join(problems)


@pytest.mark.parametrize("quote", ["''", '""', "“”", "‘’"])
def test_a_path_or_a_command_wrapped_in_quotes_is_told_by_name(quote: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush")
    for name, text in (
        ("KORE_CLIENT_SECRET_FILE", str(file)), ("SSL_CERT_FILE", "/nowhere.pem"),
        ("KORE_CLIENT_SECRET_COMMAND", f"cat {file}"),
    ):  # fmt: skip
        environ = {**GOOD, name: f"{quote[0]}{text}{quote[1]}"}
        if "SECRET" in name:
            del environ["KORE_CLIENT_SECRET"]
        assert f"{name} is wrapped in quotes" in faults_of(environ)[0]
    command = f"'{file}' 'with' 'quotes'"
    file.write_text("#!/bin/sh\necho hush")
    file.chmod(0o700)
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_COMMAND": command, "PATH": os.defpath}
    assert read_settings(environ).credentials == SigningKey("cs-1", Secret("hush"), "HS256")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"KORE_CLIENT_SECRET=hush\n", "begins with KORE_CLIENT_SECRET=: leave the name out"),
        (b"export KORE_CLIENT_SECRET='hush'\n", "begins with KORE_CLIENT_SECRET=: leave the name out"),
        (b"KORE_CLIENT_SECRET = hush\nKORE_CLIENT_ID = hush", "begins with KORE_CLIENT_SECRET=: leave the name out"),
        (b"hush\r\nhush\r\n", "has several lines"),
        (b"hush\rhush", "has several lines"),
        (b'{"KORE_CLIENT_SECRET": "hush"}', "is a JSON object"),
        (b'{\n  "secret": "hush"\n}\n', "is a JSON object"),
        ("hush".encode("utf-32"), "cannot be read: not UTF-8 text"),
        (b"hush\0", "cannot be read: not UTF-8 text"),
    ],
)
def test_a_secret_file_of_another_format_is_reported_without_the_secret(
    data: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(data)
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    (told,) = faults_of(environ)
    assert problem in told
    assert "hush" not in told


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("KORE_JWT_FILE", '{"jwt":"hush"}', "is a JSON object"),
        ("KORE_JWT_FILE", "export KORE_JWT=hush", "begins with KORE_JWT="),
        ("KORE_JWT", "hush\nhush", "has several lines"),
        ("KORE_CLIENT_SECRET_COMMAND", "echo warning; echo hush", "has several lines"),
    ],
)
def test_what_holds_more_than_a_secret_is_told_wherever_it_comes_from(
    name: str, text: str, problem: str, tmp_path: Path
) -> None:
    if name.endswith("_FILE"):
        (tmp_path / "file").write_text(text)
        text = str(tmp_path / "file")
    (told,) = faults_of({**WITHOUT_SECRET, name: text, "PATH": os.defpath})
    assert name in told
    assert problem in told
    assert "hush" not in told


@pytest.mark.parametrize("secret", ["{hush", "{hush}", '["hush"]', "export hush", "hush KORE_CLIENT_SECRET=hush"])
def test_a_secret_may_look_a_little_like_something_else(secret: str) -> None:
    assert read_settings({**GOOD, "KORE_CLIENT_SECRET": secret}).credentials == SigningKey(
        "cs-1", Secret(secret), "HS256"
    )


KEY = "-----BEGIN PRIVATE KEY-----\nhush/hush+hush\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize("name", ["KORE_CLIENT_SECRET_FILE", "KORE_JWT_FILE", "KORE_PRIVATE_KEY_FILE"])
@pytest.mark.parametrize(
    "text", [KEY, KEY.replace("\n", "\\n"), "hush-Hush123", "hu.sh.hush", "/hush/+hush=", "hush/hush", "hush" * 2000]
)
def test_a_secret_or_key_in_place_of_its_file_s_path_is_not_shown(name: str, text: str) -> None:
    environ = {**WITHOUT_SECRET, name: text, "KORE_JWT_ALGORITHM": "RS256" if "KEY" in name else ""}
    (told,) = (fault for fault in faults_of(environ) if "names no file that is there" in fault)
    assert told.startswith(name)
    assert "hu" not in told


@pytest.mark.parametrize(
    "path",
    [
        "{0}/absent",
        "{0}/no/such/folder",
        "./absent",
        "~/absent",
        "absent.pem",
        "here/absent",
        "/no/such/file",
        "no/such.pem",
    ],
)
def test_the_path_of_a_secret_file_that_is_not_there_is_shown(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    told = faults_of({**WITHOUT_SECRET, "KORE_CLIENT_SECRET_FILE": path.format(tmp_path)})[0]
    assert told == f"KORE_CLIENT_SECRET_FILE: {path.format(tmp_path)} cannot be read: No such file or directory."


def test_a_path_of_the_users_home_is_found_where_no_shell_has_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text("hush")
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_FILE": "~/secret"}
    assert read_settings(environ).credentials == SigningKey("cs-1", Secret("hush"), "HS256")
    environ["KORE_CLIENT_SECRET_FILE"] = "~nobody-of-that-name/secret"
    assert "no home folder is known for ~" in faults_of(environ)[0]


def test_a_secret_can_come_from_a_command() -> None:
    command = "printf '%s\n' \"$SAFE\" | tr a-z A-Z"
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_COMMAND": command, "SAFE": "hush", "PATH": os.defpath}
    credentials = read_settings(environ).credentials
    assert credentials == SigningKey("cs-1", Secret("HUSH"), "HS256")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo hush; echo locked >&2; exit 3", "exit code 3: locked"), ("true", "it printed nothing"),
        ("nonsense-of-no-path to read it", "127 (no such program): "), ("hush", "127 (no such program): "),
        ("printf '\\377\\376\\377'", "it prints no text"),
        ("""echo '"hush"'""", "wrapped in quotes"), ("echo hush; exit 3", "exit code 3: it gave no reason"),
        ("set -x; echo hush; exit 3", "is not shown"), ("set -x; echo; : hush", "is not shown"),
        ("printf 'hush\\n\\n1'; echo not hush >&2; exit 3", "is not shown"),
        ("hush&hush;hush", "is not shown"), ("1>/hush/hush", "is not shown"),
    ],
)  # fmt: skip
def test_a_command_that_gives_no_secret_is_refused_and_shows_none(command: str, why: str) -> None:
    problems = faults_of({**WITHOUT_SECRET, "KORE_CLIENT_SECRET_COMMAND": command, "PATH": os.defpath})
    assert any("KORE_CLIENT_SECRET_COMMAND" in problem and why in problem for problem in problems), problems
    assert "hush" not in "".join(problems)


def test_a_command_that_leaves_a_process_behind_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.settings_reader._COMMAND_TIMEOUT", 0.1)
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_COMMAND": "sleep 1 & echo hush", "PATH": os.defpath}
    assert "left a process that holds its output open" in faults_of(environ)[0]


def test_secret_file_and_command_exclude_each_other() -> None:
    problems = faults_of({**GOOD, "KORE_CLIENT_SECRET_COMMAND": "false", "KORE_CLIENT_SECRET_FILE": "/nowhere"})
    assert "KORE_CLIENT_SECRET and KORE_CLIENT_SECRET_FILE and KORE_CLIENT_SECRET_COMMAND exclude" in problems[0]


def test_rs_algorithms_need_a_key_file_that_is_pem(tmp_path: Path) -> None:
    environ = {**WITHOUT_SECRET, "KORE_JWT_ALGORITHM": "RS256"}
    assert "KORE_PRIVATE_KEY_FILE" in faults_of(environ)[0]
    file = tmp_path / "key.pem"
    file.write_text("no key")
    problems = faults_of({**environ, "KORE_PRIVATE_KEY_FILE": str(file)})
    assert "key.pem" in problems[0]
    assert "no key" not in problems[0]


def test_a_misspelt_algorithm_brings_no_problem_of_what_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    environ = {**WITHOUT_SECRET, "KORE_JWT_ALGORITHM": "RS265"}
    misspelt = "KORE_JWT_ALGORITHM (--jwt-algorithm) is 'RS265'; it can be HS256, HS512, RS256, RS512."
    key_file = {"KORE_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")}
    assert faults_of({**environ, "KORE_CLIENT_SECRET": "hush"}) == [misspelt]
    assert faults_of(environ) == [
        misspelt,
        "KORE_CLIENT_SECRET or KORE_PRIVATE_KEY_FILE (--private-key-file) is missing.",
    ]
    first, *others = faults_of({**environ, **key_file})
    assert first == misspelt
    assert len(others) == 1
    assert "holds no PEM private key" in others[0]
    assert any("several lines" in fault for fault in faults_of({**environ, "KORE_CLIENT_SECRET": "hush\nhush"}))


def test_no_repr_shows_a_secret() -> None:
    settings = read_settings(GOOD)
    assert "hush" not in repr(settings) + str(settings.credentials) + f"{Secret('hush')}"
    proxied = msgspec.structs.replace(settings, proxy="http://me:hush@proxy")
    assert "hush" not in repr(proxied) + pretty_repr(proxied)
    assert settings.stream_id in pretty_repr(proxied)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "cannot be read: No such file"), (b"", "holds no PEM certificates"),
        (b"-----BEGIN CERTIFICATE-----\nMII", "or a broken one"), ("\ufeff".encode("utf-16-le"), "holds no PEM"),
        ("-----BEGIN CERTIFICATE-----".encode("utf-16"), "or a broken one"), (b"\xff\xfe\0", "holds no PEM"),
    ],
)  # fmt: skip
def test_a_certificate_file_that_cannot_be_used_is_reported_with_the_cause(
    data: bytes | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if data is not None:
        file.write_bytes(data)
    (told,) = faults_of({**GOOD, "SSL_CERT_FILE": str(file)})
    assert told.startswith(f"SSL_CERT_FILE: {file} ")
    assert why in told
    assert "cannot be read: Is a directory" in faults_of({**GOOD, "SSL_CERT_FILE": str(tmp_path)})[0]


@pytest.mark.parametrize("form", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_certificates_are_trusted_whatever_form_of_text_they_have(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ca_file, _ = issue(tmp_path, "platform.kore.ai")
    ca_file.write_bytes(f"# ours\n{ca_file.read_text()}".replace("\n", "\r\n").encode(form))
    settings = read_settings({**GOOD, "SSL_CERT_FILE": f"~/{ca_file.name}\r"})
    assert settings.ca_file is not None
    assert len(trusting(settings.ca_file).get_ca_certs()) == 1


@given(st.dictionaries(st.sampled_from([*GOOD, "KORE_API", "KORE_JWT", "KORE_JWT_ALGORITHM"]), st.text(max_size=15)))
def test_whatever_the_environment_holds_it_is_settings_or_faults(environ: dict[str, str]) -> None:
    try:
        read_settings(environ)
    except SettingsError as error:
        assert error.problems


def test_files_without_end_are_not_read_to_their_end() -> None:
    environ = {**WITHOUT_SECRET, "KORE_CLIENT_SECRET_FILE": "/dev/zero"}
    assert "longer than" in faults_of(environ)[0]


@pytest.mark.parametrize("secret", ["-----BEGIN PUBLIC KEY-----\nhush", "ssh-rsa hush", "hush\udcff"])
def test_a_secret_that_nothing_can_be_signed_with_is_reported_without_it(secret: str) -> None:
    (fault,) = faults_of({**GOOD, "KORE_CLIENT_SECRET": secret})
    assert "KORE_CLIENT_SECRET" in fault
    assert "hush" not in fault


def test_a_place_does_not_show_the_environment_or_a_key_in_its_destination() -> None:
    locations = Locations("s3://AKIA:hush@bucket", "/state", environ={"AWS_SECRET_ACCESS_KEY": "hush"})
    assert "hush" not in repr(locations) + pretty_repr(locations)
    assert "/state" in pretty_repr(locations)
