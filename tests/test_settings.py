"""`exporter.settings`: read once, checked once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.pretty import pretty_repr
from yarl import URL

from exporter.errors import SettingsError
from exporter.options import Locations
from exporter.origin import is_loopback, proxy_for, read_host
from exporter.settings import ReadyToken, Secret, SigningKey, read_settings

GOOD = {
    "KORE_HOST": "platform.kore.ai",
    "KORE_STREAM_ID": "st-1",
    "KORE_ACCOUNT_ID": "acc",
    "KORE_CLIENT_ID": "cs-1",
    "KORE_CLIENT_SECRET": "hush-hush",
}


def faults_of(environ: dict[str, str], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, **more)
    return list(caught.value.problems)


def test_six_variables_are_enough() -> None:
    settings = read_settings(GOOD)
    assert settings.host == "https://platform.kore.ai"
    assert (settings.app_id, settings.api) == ("st-1", "v2")
    assert settings.credentials == SigningKey("cs-1", Secret("hush-hush"), "HS256")


def test_options_beat_the_environment_and_that_beats_the_configuration() -> None:
    config = {"host": "c.example", "stream_id": "config", "app_id": "config"}
    settings = read_settings({**GOOD, "KORE_APP_ID": ""}, {"host": "o.example"}, config)
    assert (settings.host, settings.stream_id, settings.app_id) == ("https://o.example", "st-1", "config")


def test_all_faults_are_told_at_once() -> None:
    told = "\n".join(faults_of({"KORE_HOST": "http://platform.kore.ai", "KORE_API": "v3", "KORE_CLIENT_ID": "c"}))
    for word in ("KORE_HOST", "KORE_STREAM_ID", "KORE_ACCOUNT_ID", "KORE_API", "KORE_CLIENT_SECRET"):
        assert word in told


def test_nothing_at_all_tells_every_missing_setting() -> None:
    assert len(faults_of({})) == 4


def test_a_ready_token_stands_alone() -> None:
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


def test_rs_algorithms_need_a_key_file_that_is_pem(tmp_path: Path) -> None:
    environ = {key: value for key, value in GOOD.items() if key != "KORE_CLIENT_SECRET"}
    environ["KORE_JWT_ALGORITHM"] = "RS256"
    assert "KORE_PRIVATE_KEY_FILE" in faults_of(environ)[0]
    file = tmp_path / "key.pem"
    file.write_text("no key")
    problems = faults_of({**environ, "KORE_PRIVATE_KEY_FILE": str(file)})
    assert "key.pem" in problems[0]
    assert "no key" not in problems[0]


def test_no_repr_shows_a_secret() -> None:
    settings = read_settings(GOOD)
    assert "hush" not in repr(settings) + str(settings.credentials) + f"{Secret('hush')}"
    proxied = msgspec.structs.replace(settings, proxy="http://me:hush@proxy")
    assert "hush" not in repr(proxied) + pretty_repr(proxied)
    assert settings.stream_id in pretty_repr(proxied)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("platform.kore.ai", "https://platform.kore.ai"),
        ("https://platform.kore.ai/", "https://platform.kore.ai"),
        ("HTTPS://Platform.Kore.ai:443", "https://platform.kore.ai"),
        ("https://kore.internal:8443", "https://kore.internal:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_a_host_is_read_in_every_form(text: str, origin: str) -> None:
    assert read_host(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "http://platform.kore.ai",
        "ftp://x",
        "https://x/path",
        "https://u:p@x",
        "https://x?y",
        "https://x y",
        "https://:1",
    ],
)
def test_a_host_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_host(text)


def test_proxies_of_the_environment_are_honoured_but_not_for_loopback() -> None:
    environ = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "internal.example"}
    assert proxy_for("https://platform.kore.ai", environ) == "http://proxy:3128"
    assert proxy_for("https://internal.example", environ) is None
    assert proxy_for("http://127.0.0.1:80", {"HTTP_PROXY": "proxy"}) is None


def test_a_certificate_file_that_cannot_be_read_is_told() -> None:
    assert "SSL_CERT_FILE" in faults_of({**GOOD, "SSL_CERT_FILE": "/nowhere.pem"})[0]


@given(st.dictionaries(st.sampled_from([*GOOD, "KORE_API", "KORE_JWT", "KORE_JWT_ALGORITHM"]), st.text(max_size=15)))
def test_whatever_the_environment_holds_it_is_settings_or_faults(environ: dict[str, str]) -> None:
    try:
        read_settings(environ)
    except SettingsError as error:
        assert error.problems


@given(st.text(max_size=30) | st.from_regex(r"(https?://)?[a-z0-9.:@/\\\\#?%\\[\\]-]{0,25}", fullmatch=True))
@example("https://u:hush@ex\u2100mple.com")
@example("https://good.example\\\\.evil.example")
@example("http://[::1")
def test_whatever_a_host_is_it_is_an_origin_that_all_read_alike_or_refused(text: str) -> None:
    try:
        origin = read_host(text)
    except ValueError as error:
        assert "hush" not in str(error)
        return
    url = URL(origin)
    assert str(url.origin()) == origin
    assert url.scheme == "https" or is_loopback(url.host or "")


proxies = st.text(max_size=30) | st.from_regex(r"(https?://)?[a-z0-9.:@/%-]{0,25}", fullmatch=True)


@given(proxies)
@example("socks5://u:hush@p:1")
@example("http://u:hu/sh@p:1")
@example("http://[hush")
def test_whatever_a_proxy_is_it_can_be_used_or_is_a_fault_that_does_not_show_it(text: str) -> None:
    try:
        proxy = proxy_for("https://platform.kore.ai", {"HTTPS_PROXY": text})
    except ValueError as error:
        assert "hush" not in str(error)
        return
    assert proxy is None or URL(proxy).scheme in ("http", "https")


def test_files_without_end_are_not_read_to_their_end() -> None:
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", "KORE_CLIENT_SECRET_FILE": "/dev/zero"}
    assert "longer than" in faults_of(environ)[0]


@pytest.mark.parametrize("secret", ["-----BEGIN PUBLIC KEY-----\nhush", "ssh-rsa hush", "hush\udcff"])
def test_a_secret_that_nothing_can_be_signed_with_is_told_without_it(secret: str) -> None:
    (fault,) = faults_of({**GOOD, "KORE_CLIENT_SECRET": secret})
    assert "KORE_CLIENT_SECRET" in fault
    assert "hush" not in fault


def test_a_place_does_not_show_the_environment_or_a_key_in_its_destination() -> None:
    locations = Locations("s3://AKIA:hush@bucket", "/state", environ={"AWS_SECRET_ACCESS_KEY": "hush"})
    assert "hush" not in repr(locations) + pretty_repr(locations)
    assert "/state" in pretty_repr(locations)
