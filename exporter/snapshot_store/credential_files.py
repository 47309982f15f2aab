"""Files and variables with credentials at which a store's library would end the whole process, without a message.

They are looked at before the library does. What it refuses by an error is left to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from exporter.json_text import NotJson, loads
from exporter.settings_reader import read_text_file

_ENDPOINT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")

_GOOGLES_OWN = ".config/gcloud/application_default_credentials.json"
_GOOGLES_TEXTS = ("type", "client_id", "client_secret", "refresh_token", "token_uri")
"""Fields that must be texts; of others Google's library says it."""

_AZURE_SERVERS = ("AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
"""Whom Azure's library asks for a token."""


def check_google(environ: Mapping[str, str]) -> None:
    """Raise `ValueError` for a file of Google's credentials that is none."""
    path = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    name = f"GOOGLE_APPLICATION_CREDENTIALS: {path}"
    if not path:
        path = name = f"{environ.get('HOME', '')}/{_GOOGLES_OWN}"
        if not os.access(path, os.F_OK):
            return  # the machine's own
    try:
        content = loads(_read(path, name))
    except NotJson:
        return
    if not isinstance(content, dict):
        return
    parts = [part for part in (content, content.get("source_credentials")) if isinstance(part, dict)]
    wrong = [field for part in parts for field in _GOOGLES_TEXTS if not isinstance(part.get(field, ""), str)]
    if wrong:
        raise ValueError(f"{name} is no file of credentials: its {wrong[0]} is not a text")
    source = content.get("credential_source")
    if isinstance(source, dict) and isinstance(source.get("file"), str):
        _read(source["file"], f"{name} names {source['file']}, which")


def check_azure(environ: Mapping[str, str]) -> None:
    """Raise `ValueError` for an identity, named by variables, that is none."""
    for name in _AZURE_SERVERS:
        server_of(name, environ.get(name, ""))
    path = environ.get("AZURE_CLIENT_CERTIFICATE_PATH", "")
    is_used = (
        environ.get("AZURE_TENANT_ID") and environ.get("AZURE_CLIENT_ID") and not environ.get("AZURE_CLIENT_SECRET")
    )
    if not path or not is_used:
        return
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, password="")
        is_good = path.lower().endswith(".pem")
    except (OSError, ValueError):
        is_good = False
    if not is_good:
        raise ValueError(
            f"AZURE_CLIENT_CERTIFICATE_PATH: {path} is not a file named .pem with a certificate and its private key "
            "(PEM, without a passphrase)"
        )


def server_of(name: str, url: str) -> tuple[str, str]:
    """(scheme, host and port) of a server; empty where none is named. Raises `ValueError`, which shows `name`.

    Azure's library ends the whole process at a port that is not a number, so nothing doubtful gets to it.
    """
    scheme, _, authority = url.rpartition("://")
    authority = authority.partition("/")[0]
    port = _ENDPOINT.fullmatch(authority)
    if url and (port is None or not 0 < int(port["port"] or 80) < 65536 or scheme not in ("", "http", "https")):
        raise ValueError(f"{name}: {url!r} is not a server; write HOST:PORT or http://HOST:PORT")
    return scheme, authority


def _read(path: str, name: str) -> str:
    """The text of a file; empty for a pipe, which can be read only once. Raises `ValueError` where it is unreadable."""
    try:
        return "" if Path(path).is_fifo() else read_text_file(path)
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:  # no text
        return ""
