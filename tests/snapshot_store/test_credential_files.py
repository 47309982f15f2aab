"""`exporter.snapshot_store.credential_files`: what would end the process does not get to a store's library."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.errors import DestinationError
from exporter.snapshot_store.credential_files import check_azure, check_google
from exporter.snapshot_store.open_destination import open_destination
from tests.support.certificates import issue

AUTHORIZED = {"type": "authorized_user", "client_id": "x", "client_secret": "hush", "refresh_token": "hush"}
EXTERNAL = {"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": "http://127.0.0.1:1"}
IDENTITY = {"AZURE_STORAGE_ACCOUNT": "north", "AZURE_TENANT_ID": "x", "AZURE_CLIENT_ID": "y"}


def refusal(url: str, environ: dict[str, str]) -> str:
    with pytest.raises(DestinationError) as caught:
        open_destination(url, environ=environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"type": 5}, "its type is not a text"),
        ({"type": None}, "its type is not a text"),
        ({**AUTHORIZED, "refresh_token": ["hush"]}, "its refresh_token is not a text"),
        ({"type": "impersonated_service_account", "source_credentials": {**AUTHORIZED, "client_id": 1}}, "client_id"),
        ({**EXTERNAL, "credential_source": {"file": "/"}}, "names /, which cannot be read: Is a directory"),
        ({**EXTERNAL, "credential_source": {"file": "/absent"}}, "names /absent, which cannot be read: No such file"),
    ],
)
def test_googles_credentials_that_cannot_be_read_are_refused(tmp_path: Path, content: Any, told: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(content))
    told_of = refusal("gs://box/a", {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert told_of.startswith(f"--out gs://box/a: GOOGLE_APPLICATION_CREDENTIALS: {file} ")
    assert told in told_of
    assert "hush" not in told_of


@pytest.mark.parametrize("path", ["/", "/absent.json", "/proc/self/mem"])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    told = refusal("gs://box/a", {"GOOGLE_APPLICATION_CREDENTIALS": path})
    assert f"GOOGLE_APPLICATION_CREDENTIALS: {path} cannot be read: " in told


def test_the_file_that_googles_own_tools_write_is_looked_at_too(tmp_path: Path) -> None:
    check_google({"HOME": str(tmp_path)})
    own = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    own.mkdir(parents=True)
    assert f"--out gs://box/a: {own} cannot be read: Is a directory." in refusal("gs://box/a", {"HOME": str(tmp_path)})
    good = tmp_path / "good.json"
    good.write_text(json.dumps(AUTHORIZED))
    check_google({"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(good)})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\xff", b"[" * 100_000, json.dumps(EXTERNAL).encode()])
def test_what_the_library_refuses_by_itself_is_left_to_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(content)
    check_google({"GOOGLE_APPLICATION_CREDENTIALS": str(file)})


def test_a_pipe_is_left_to_the_library_which_can_read_it_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    looking = threading.Thread(
        target=check_google, args=({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "pipe")},), daemon=True
    )
    looking.start()
    looking.join(10)
    assert not looking.is_alive()


def test_a_certificate_for_azure_must_be_one(tmp_path: Path) -> None:
    certificate, _ = issue(tmp_path, "north")
    good = tmp_path / "server.pem"
    check_azure({**IDENTITY, "AZURE_CLIENT_CERTIFICATE_PATH": str(good)})
    key = load_pem_private_key(good.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush"))
    (tmp_path / "locked.pem").write_bytes(locked + certificate.read_bytes())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "server.crt").write_bytes(good.read_bytes())
    for path in (
        certificate,
        *(tmp_path / name for name in ("locked.pem", "key.pem", "server.crt", "absent.pem", ".")),
    ):
        told = refusal("abfs://box/a", {**IDENTITY, "AZURE_CLIENT_CERTIFICATE_PATH": str(path)})
        assert f"AZURE_CLIENT_CERTIFICATE_PATH: {path} is not a file named .pem with a certificate" in told
    key_is_given = {"AZURE_STORAGE_KEY": "aHVzaA==", "AZURE_CLIENT_CERTIFICATE_PATH": "/"}
    open_destination("abfs://box/a", environ={**IDENTITY, **key_is_given})


@pytest.mark.parametrize("name", ["AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"])
def test_a_server_of_an_azure_identity_must_be_one(name: str) -> None:
    check_azure({**IDENTITY, name: "https://login.microsoftonline.com/"})
    assert f"{name}: 'http://here:x' is not a server" in refusal("abfs://box/a", {**IDENTITY, name: "http://here:x"})
