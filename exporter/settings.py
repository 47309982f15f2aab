"""Whose campaigns, with which credentials: all problems of all settings are shown at once, so they are one file.

Read once, checked once, passed down as one frozen value. `SETTINGS` is the one table of settings. The library itself
never reads the environment: it is handed in.
"""

from __future__ import annotations

import codecs
import errno
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from exporter.errors import SettingsError
from exporter.hosts import proxy_for, read_host
from exporter.model import ApiVersion, Identity
from exporter.text import has_surrogate, is_visible_ascii, one_line, trim_invisible

Algorithm = Literal["HS256", "HS512", "RS256", "RS512"]
ALGORITHMS: tuple[Algorithm, ...] = ("HS256", "HS512", "RS256", "RS512")
"""What the service offers for a JWT app (page sdk-security)."""


class Setting(msgspec.Struct, frozen=True):
    """One setting: its variable, its option (none for a secret), what it means."""

    name: str
    variable: str
    meaning: str
    value: str = "ID"
    """what is to be written, for help"""
    secret: bool = False
    command: bool = False
    """whether `<variable>_COMMAND` can name a command that prints it"""

    @property
    def option(self) -> str:
        """The option of the same meaning."""
        return "--" + self.name.replace("_", "-")


SETTINGS: tuple[Setting, ...] = (
    Setting("host", "KORE_HOST", "Base URL of the platform, such as https://platform.kore.ai.", "URL"),
    Setting("stream_id", "KORE_STREAM_ID", "Bot (stream) ID, a part of the URLs."),
    Setting("account_id", "KORE_ACCOUNT_ID", "Account ID, sent as query parameter and header."),
    Setting("app_id", "KORE_APP_ID", "Value of the header iid.  [default: the stream ID]"),
    Setting("api", "KORE_API", "API version; v1 has the older paths.  [default: v2]", "v2|v1"),
    Setting("jwt", "KORE_JWT", "A ready-made token, sent as it is.", secret=True),
    Setting("client_id", "KORE_CLIENT_ID", "Client ID of the JWT app."),
    Setting("client_secret", "KORE_CLIENT_SECRET", "Secret of the JWT app.", secret=True, command=True),
    Setting("private_key_file", "KORE_PRIVATE_KEY_FILE", "PEM key for RS256 and RS512, not with a secret.", "FILE"),
    Setting("jwt_algorithm", "KORE_JWT_ALGORITHM", "Algorithm of the tokens.  [default: HS256]", "|".join(ALGORITHMS)),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_LONGEST_FILE = 64 * 2**20
"""Bytes of a file with a secret or a configuration: who names /dev/zero shall not wait for its end."""

_COMMAND_TIMEOUT = 60.0
"""Seconds that a command has to print a secret; somebody may have to unlock a keychain."""


class Secret:
    """A text that no repr, log or traceback shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class ReadyToken(msgspec.Struct, frozen=True):
    """A token made elsewhere; it is never parsed, since it may be encrypted (page sdk-security)."""

    token: Secret


class SigningKey(msgspec.Struct, frozen=True):
    """What tokens are signed with here: the app's secret, or a PEM private key for the RS algorithms."""

    client_id: str
    key: Secret
    algorithm: Algorithm = "HS256"


Credentials = ReadyToken | SigningKey


class Settings(msgspec.Struct, frozen=True):
    """One account and how to reach it. `host` is an origin; `proxy` a URL or None; `ca_file` a path or None. The
    repr shows no secret, and no proxy, which may hold one."""

    host: str
    stream_id: str
    account_id: str
    app_id: str
    credentials: Credentials
    api: ApiVersion = "v2"
    proxy: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"Settings({self.identity!r}, app_id={self.app_id!r}, credentials={self.credentials!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("identity", self.identity), ("app_id", self.app_id), ("credentials", self.credentials)]

    @property
    def identity(self) -> Identity:
        """Whose campaigns these are."""
        return Identity(self.host, self.stream_id, self.account_id, self.api)


def read_settings(
    environ: Mapping[str, str],
    options: Mapping[str, str | None] | None = None,
) -> Settings:
    """The settings that options and environment give, in that order of precedence.

    `options` is keyed by the names of `SETTINGS`. An empty text counts as not given. Secrets come from the
    environment, from the file that a variable's `_FILE` twin names, or from the command of its `_COMMAND` twin.
    Raises `SettingsError` with all problems at once.
    """
    reading = _SettingsReading(environ, options or {})
    host = reading.host()
    stream_id = reading.identifier("stream_id", required=True)
    account_id = reading.identifier("account_id", required=True)
    app_id = reading.identifier("app_id") or stream_id
    api = reading.choice("api", ("v2", "v1"))
    credentials = reading.credentials()
    proxy = reading.proxy(host)
    ca_file = reading.ca_file()
    if reading.problems or credentials is None:
        raise SettingsError(reading.problems)
    return Settings(host, stream_id, account_id, app_id, credentials, api, proxy, ca_file)  # type: ignore[arg-type]


class _SettingsReading:
    """One pass over all settings that notes every problem."""

    def __init__(self, environ: Mapping[str, str], options: Mapping[str, str | None]) -> None:
        self.problems: list[str] = []
        self._environ = environ
        self._options = options

    def value(self, name: str) -> str:
        setting = _BY_NAME[name]
        given = (self._options.get(name), self._environ.get(setting.variable))
        texts = (trim_invisible(str(text))[0] for text in given if text is not None)
        return self._unquoted(next((text for text in texts if text), ""), _told(name))

    def _unquoted(self, text: str, told: str) -> str:
        """`text`; quotes around it are a problem: some env files are read with their quotes."""
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            self.problems.append(f"{told} is wrapped in quotes: remove them (`docker --env-file` keeps them).")
        return text

    def identifier(self, name: str, *, required: bool = False) -> str:
        text = self.value(name)
        if not text and required:
            self.problems.append(f"{_told(name)} is missing: {_BY_NAME[name].meaning}")
        elif not is_visible_ascii(text):
            self.problems.append(f"{_told(name)} holds a blank, a control or a non-ASCII character: {text!r}")
        return text

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.value(name)
        for word in allowed:
            if text.lower() == word.lower():
                return word
        if text:
            self.problems.append(f"{_told(name)} is {text!r}; it can be {', '.join(allowed)}.")
        return allowed[0]

    def host(self) -> str:
        text = self.value("host")
        if not text:
            self.problems.append(f"{_told('host')} is missing: {_BY_NAME['host'].meaning}")
            return ""
        try:
            return read_host(text)
        except ValueError as error:
            self.problems.append(f"{_told('host')}: {error}")
            return ""

    def credentials(self) -> Credentials | None:
        token = self._secret("jwt")
        secret = self._secret("client_secret")
        client_id = self.identifier("client_id")
        key_file = self.value("private_key_file")
        algorithm = self.choice("jwt_algorithm", ALGORITHMS)
        if token is not None:
            others = [
                _told(name) for name, given in (("client_secret", secret), ("private_key_file", key_file)) if given
            ]
            if others:
                self.problems.append(f"KORE_JWT and {' and '.join(others)} exclude each other: keep one of them.")
            if not is_visible_ascii(token):
                self.problems.append("KORE_JWT holds a character that cannot be in a token (a line break or blank?).")
            return ReadyToken(Secret(token))
        if not (client_id or secret is not None or key_file):
            self.problems.append(
                "No credentials: set KORE_CLIENT_ID and KORE_CLIENT_SECRET (or KORE_CLIENT_SECRET_FILE, or "
                "KORE_CLIENT_SECRET_COMMAND), or KORE_JWT (or KORE_JWT_FILE)."
            )
            return None
        if not client_id:
            self.problems.append(f"{_told('client_id')} is missing: it goes with the secret or key.")
        if algorithm.startswith("RS"):
            key = self._private_key(key_file, algorithm, secret is not None)
        else:
            key = self._shared_secret(secret, algorithm, key_file)
        return SigningKey(client_id, Secret(key), algorithm) if key else None  # type: ignore[arg-type]

    def _shared_secret(self, secret: str | None, algorithm: str, key_file: str) -> str:
        if secret is None and key_file:
            self.problems.append(
                f"{algorithm} signs with KORE_CLIENT_SECRET; for {_told('private_key_file')} "
                f"set {_told('jwt_algorithm')} to RS256 or RS512."
            )
        elif secret is None:
            self.problems.append(
                "KORE_CLIENT_SECRET (or KORE_CLIENT_SECRET_FILE, or KORE_CLIENT_SECRET_COMMAND) is missing."
            )
        elif key_file:
            self.problems.append(
                f"KORE_CLIENT_SECRET and {_told('private_key_file')} exclude each other: keep one of them."
            )
        elif "-----BEGIN" in secret or secret.startswith("ssh-"):
            # PyJWT refuses it, too: whoever knows the public key could sign with it.
            self.problems.append(
                f"KORE_CLIENT_SECRET holds a key or certificate, no secret: for a private key use "
                f"{_told('private_key_file')} with RS256 or RS512."
            )
        elif has_surrogate(secret):
            self.problems.append("KORE_CLIENT_SECRET is not UTF-8 text.")
        return secret or ""

    def _private_key(self, key_file: str, algorithm: str, has_secret: bool) -> str:
        if not key_file:
            what = "not with KORE_CLIENT_SECRET" if has_secret else "which is missing"
            self.problems.append(f"{algorithm} signs with {_told('private_key_file')}, {what}.")
            return ""
        if has_secret:
            self.problems.append(
                f"KORE_CLIENT_SECRET and {_told('private_key_file')} exclude each other: keep one of them."
            )
        text = self._file(key_file, _told("private_key_file"))
        if text:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            try:
                if not isinstance(load_pem_private_key(text.encode(), password=None), RSAPrivateKey):
                    self.problems.append(f"{_told('private_key_file')}: {key_file} holds no RSA key.")
            except (ValueError, TypeError, UnsupportedAlgorithm):
                # The library's own text may quote the key: it is not shown.
                self.problems.append(
                    f"{_told('private_key_file')}: {key_file} holds no PEM private key without a passphrase."
                )
        return text

    def _secret(self, name: str) -> str | None:
        setting = _BY_NAME[name]
        names = (setting.variable, f"{setting.variable}_FILE", *([f"{setting.variable}_COMMAND"] * setting.command))
        texts = {each: trim_invisible(self._environ.get(each, ""))[0] for each in names}
        given = [each for each in names if texts[each]]
        if not given:
            return None
        if len(given) > 1:
            self.problems.append(f"{' and '.join(given)} exclude each other: keep one of them.")
        source, text = given[0], texts[given[0]]
        if source.endswith("_FILE"):
            text = self._file(text, source)
        elif source.endswith("_COMMAND"):
            text = self._output(text, source)
        return self._unquoted(text, f"the secret that {source} gives" if source != setting.variable else source)

    def _output(self, command: str, told: str) -> str:
        """What a command of the user prints. Its output is never shown, what it says of an error is."""
        try:
            done = subprocess.run(  # noqa: S602 - the user's own command line, pipes included
                command, shell=True, check=False, capture_output=True, stdin=subprocess.DEVNULL,
                timeout=_COMMAND_TIMEOUT, env=dict(self._environ),
            )  # fmt: skip
            text = decode_text(done.stdout)
        except subprocess.TimeoutExpired:
            self.problems.append(f"{told}: the command took longer than {_COMMAND_TIMEOUT:.0f} s.")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it prints no text"
            self.problems.append(f"{told}: the command cannot be used: {why}.")
        else:
            if done.returncode == 0 and text:
                return text
            why = one_line(done.stderr.decode("utf-8", "replace"), 200) or "it printed nothing"
            self.problems.append(f"{told}: the command ended with exit code {done.returncode}: {why}.")
        return ""

    def _file(self, path: str, told: str) -> str:
        try:
            text = read_text_file(path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            self.problems.append(f"{told}: {path} cannot be read: {why}.")
            return ""
        if not text:
            self.problems.append(f"{told}: {path} is empty.")
        return text

    def proxy(self, host: str) -> str | None:
        try:
            return proxy_for(host, self._environ) if host else None
        except ValueError as error:
            self.problems.append(str(error))
            return None

    def ca_file(self) -> str | None:
        path = self._environ.get("SSL_CERT_FILE", "").strip()
        if not path:
            return None
        import ssl

        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError):
            self.problems.append(f"SSL_CERT_FILE: {path} cannot be read as PEM certificates.")
        return path


def read_text_file(path: str) -> str:
    """The text of a file that a setting names, without white space around it.

    Raises `OSError`, also for a file that is absurdly large, and `ValueError` for one that is no text.
    """
    with Path(path).open("rb") as file:
        data = file.read(_LONGEST_FILE + 1)
    if len(data) > _LONGEST_FILE:
        raise OSError(errno.EFBIG, f"longer than {_LONGEST_FILE:,} bytes")
    return decode_text(data)


def decode_text(data: bytes) -> str:
    """Text as editors and shells write it: UTF-8 or UTF-16, with or without a byte order mark. Raises `ValueError`."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16")
    elif b"\0" in data[:2]:  # UTF-16 without a mark; an ASCII character comes first
        text = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
    else:
        text = data.decode("utf-8")
    return trim_invisible(text)[0]


def _told(name: str) -> str:
    setting = _BY_NAME[name]
    return setting.variable if setting.secret else f"{setting.variable} ({setting.option})"
