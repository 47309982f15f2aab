"""Settings of an account, from variables, files and options; what is accepted can sign and be sent."""

from __future__ import annotations

from typing import NamedTuple

from yarl import URL

from exporter.api.auth import TokenSource
from exporter.api.endpoints import CampaignApi
from exporter.clock import SystemClock
from exporter.errors import SettingsError
from exporter.settings import SETTINGS, ReadyToken, Settings
from exporter.settings_reader import read_settings
from exporter.text import is_visible_ascii
from tests.fuzz.promises import MARKER, check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace

COMPLETE = {
    "KORE_HOST": "platform.kore.ai",
    "KORE_STREAM_ID": "st-1",
    "KORE_ACCOUNT_ID": "a",
    "KORE_CLIENT_ID": "cs-1",
    "KORE_CLIENT_SECRET": MARKER,
}
SECRET = ("KORE_CLIENT_SECRET", "KORE_JWT", "KORE_CLIENT_SECRET_FILE", "KORE_JWT_FILE")


class Read(NamedTuple):
    """The variables, and what they say."""

    environ: dict[str, str]
    settings: Settings | SettingsError


def read(data: bytes) -> Read:
    r"""`NAME=VALUE` is a variable, `NAME<TEXT` one that names a file with the text (`\n`: a line break), `--name VALUE`
    an option; what is not given is as in a complete account."""
    environ, options = dict(COMPLETE), dict[str, str | None]()
    with workplace() as folder:
        for number, line in enumerate(data.split(b"\n")[:40]):
            name, sign, value = _parts(line)
            if sign == "<":
                (folder / f"file{number}").write_bytes(value.replace(b"\\n", b"\n"))
                environ[name] = f"file{number}"
            elif sign == "=":
                environ[name] = value.decode("utf-8", "surrogateescape").replace("\0", "")
            elif sign == "--":
                options[name] = value.decode("utf-8", "surrogateescape")
        try:
            return Read(environ, read_settings(environ, options))
        except SettingsError as error:
            return Read(environ, error)


def _parts(line: bytes) -> tuple[str, str, bytes]:
    for sign in (b"=", b"<", b" "):
        name, found, value = line.partition(sign)
        if found and name.strip(b"-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == b"":
            if sign == b" " and name.startswith(b"--"):
                return name.decode().removeprefix("--").replace("-", "_"), "--", value
            if sign != b" ":
                return name.decode(), sign.decode(), value
    return "", "", b""


def check(data: bytes, found: Read) -> None:
    """No error shows a secret; with what is accepted a token is made, and a URL that names the host."""
    settings = found.settings
    if isinstance(settings, SettingsError):
        hidden = all(MARKER not in value for name, value in found.environ.items() if name not in SECRET)
        is_clean = hidden and b"--" not in data and b"<" not in data
        check_error(settings, secret=MARKER if is_clean else "\0")
        return
    assert MARKER not in repr(settings) or MARKER in repr(settings.identity)
    token = TokenSource(settings.credentials, clock=SystemClock()).token()
    assert token and is_visible_ascii(token)
    if not isinstance(settings.credentials, ReadyToken):
        assert token.count(".") == 2
    request = CampaignApi(settings.identity, settings.app_id).get("cd-1", token)
    assert URL(request.url, encoded=True).origin() == URL(settings.host).origin()
    assert all(is_visible_ascii(value) for value in request.headers.values())


TARGET = Target(
    read, check,
    words=(
        *(f"\n{setting.variable}=" for setting in SETTINGS), *(f"\n{setting.option} " for setting in SETTINGS),
        "\nKORE_JWT_FILE<", "\nKORE_CLIENT_SECRET_FILE<", "\nKORE_CLIENT_SECRET_COMMAND=pass",
        "\nKORE_PRIVATE_KEY_FILE<", "\nSSL_CERT_FILE<", "\nHTTPS_PROXY=http://u:p@proxy:3128", "\nNO_PROXY=*",
        "-----BEGIN PRIVATE KEY-----\\n", "RS256", "HS512", "v1", MARKER, "'", '"', "a.b.c",
    ),
)  # fmt: skip
