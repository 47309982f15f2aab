"""Reading the settings: from options and environment, from files and commands that hold secrets.

All problems of all settings are shown at once. The library itself never reads the environment: it is handed in.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from exporter.errors import SettingsError
from exporter.hosts_and_proxies import proxy_for, read_host
from exporter.json_text import loads
from exporter.settings import ALGORITHMS, SETTINGS, Credentials, ReadyToken, Secret, Settings, SigningKey
from exporter.text import has_surrogate, is_quoted, is_visible_ascii, one_line, trim_invisible
from exporter.user_path import user_path

if TYPE_CHECKING:
    from ssl import SSLContext

_BY_NAME = {setting.name: setting for setting in SETTINGS}

_LONGEST_FILE = 64 * 2**20
"""Bytes of a file with a secret or a configuration: who names /dev/zero shall not wait for its end."""

_COMMAND_TIMEOUT = 60.0
"""Seconds that a command has to print a secret; somebody may have to unlock a keychain."""

_CODES_OF_A_SHELL = (2, 126, 127)
"""What a shell ends with where it cannot read or run a command."""

_PATH = re.compile(r"(?:~[^/]*|\.\.?)/.*|(?:/[a-z0-9._-]{1,40})+|[\w./-]{1,200}\.(?:pem|key|txt|jwt|secret)", re.ASCII)


def read_settings(environ: Mapping[str, str], options: Mapping[str, str | None] | None = None) -> Settings:
    """The settings that options and environment give, in that order of precedence.

    `options` is keyed by the names of `SETTINGS`. An empty text counts as not given. Secrets come from the
    environment, from the file that a variable's `_FILE` twin names, or from the command of its `_COMMAND` twin.
    Raises `SettingsError` with all problems at once.
    """
    reading = _Reading(environ, options or {})
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


class _Reading:
    """One pass over all settings that notes every problem."""

    def __init__(self, environ: Mapping[str, str], options: Mapping[str, str | None]) -> None:
        self.problems: list[str] = []
        self._environ = environ
        self._options = options

    def value(self, name: str, *, required: bool = False) -> str:
        setting = _BY_NAME[name]
        given = (self._options.get(name), self._environ.get(setting.variable))
        texts = (trim_invisible(str(text))[0] for text in given if text is not None)
        text = next((text for text in texts if text), "")
        if required and not text:
            self.problems.append(f"{_named(name)} is missing: {setting.meaning}")
        return self._unquoted(text, _named(name))

    def _unquoted(self, text: str, source: str) -> str:
        """`text` without quotes around it, which are a problem: some env files are read with their quotes."""
        if is_quoted(text):
            self.problems.append(f"{source} is wrapped in quotes: remove them (`docker --env-file` keeps them).")
            return text[1:-1]
        return text

    def identifier(self, name: str, *, required: bool = False) -> str:
        text = self.value(name, required=required)
        if not is_visible_ascii(text):
            self.problems.append(f"{_named(name)} holds a blank, a control or a non-ASCII character: {text!r}")
        return text

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`, the first where none is given; empty where it is another, which is a problem."""
        text = self.value(name)
        for word in allowed:
            if text.lower() == word.lower():
                return word
        if text:
            self.problems.append(f"{_named(name)} is {text!r}; it can be {', '.join(allowed)}.")
            return ""
        return allowed[0]

    def host(self) -> str:
        text = self.value("host", required=True)
        try:
            return read_host(text) if text else ""
        except ValueError as error:
            self.problems.append(f"{_named('host')}: {error}")
            return ""

    def credentials(self) -> Credentials | None:
        token = self._secret("jwt")
        secret = self._secret("client_secret")
        client_id = self.identifier("client_id")
        key_file = self.value("private_key_file")
        algorithm = self.choice("jwt_algorithm", ALGORITHMS)
        given = {"jwt": token, "client_secret": secret, "private_key_file": key_file or None}
        self._keep_one([_named(name) for name, text in given.items() if text is not None])
        if token is not None:
            if not is_visible_ascii(token):
                self.problems.append(
                    "KORE_JWT holds a character that cannot be in a token (a line break, a blank, the word Bearer?)."
                )
            return ReadyToken(Secret(token))
        if not (client_id or secret is not None or key_file):
            self.problems.append(
                "No credentials: set KORE_CLIENT_ID and KORE_CLIENT_SECRET (or KORE_CLIENT_SECRET_FILE, or "
                "KORE_CLIENT_SECRET_COMMAND), or KORE_JWT (or KORE_JWT_FILE)."
            )
            return None
        if not client_id:
            self.problems.append(f"{_named('client_id')} is missing: it goes with the secret or key.")
        key = self._key(secret, key_file, algorithm)
        return SigningKey(client_id, Secret(key), algorithm) if key else None  # type: ignore[arg-type]

    def _keep_one(self, given: list[str]) -> None:
        if len(given) > 1:
            self.problems.append(f"{' and '.join(given)} exclude each other: keep one of them.")

    def _key(self, secret: str | None, key_file: str, algorithm: str) -> str:
        if algorithm.startswith("RS"):
            return self._private_key(key_file, algorithm, secret is not None)
        if algorithm:
            return self._shared_secret(secret, algorithm, key_file)
        # Which of the two is wanted is not known; what is given is looked at all the same.
        if key_file:
            self._private_key(key_file, algorithm, secret is not None)
        if secret is not None:
            self._shared_secret(secret, algorithm, key_file)
        elif not key_file:
            self.problems.append(f"KORE_CLIENT_SECRET or {_named('private_key_file')} is missing.")
        return ""

    def _shared_secret(self, secret: str | None, algorithm: str, key_file: str) -> str:
        if secret is None and key_file:
            self.problems.append(
                f"{algorithm} signs with KORE_CLIENT_SECRET; for {_named('private_key_file')} "
                f"set {_named('jwt_algorithm')} to RS256 or RS512."
            )
        elif secret is None:
            self.problems.append(
                "KORE_CLIENT_SECRET (or KORE_CLIENT_SECRET_FILE, or KORE_CLIENT_SECRET_COMMAND) is missing."
            )
        elif "-----BEGIN" in secret or secret.startswith("ssh-"):
            # PyJWT refuses it, too: whoever knows the public key could sign with it.
            self.problems.append(
                f"KORE_CLIENT_SECRET holds a key or certificate, no secret: for a private key use "
                f"{_named('private_key_file')} with RS256 or RS512."
            )
        elif has_surrogate(secret):
            self.problems.append("KORE_CLIENT_SECRET is not UTF-8 text.")
        return secret or ""

    def _private_key(self, key_file: str, algorithm: str, has_secret: bool) -> str:
        if not key_file:
            what = "not with KORE_CLIENT_SECRET" if has_secret else "which is missing"
            self.problems.append(f"{algorithm} signs with {_named('private_key_file')}, {what}.")
            return ""
        text = self._file(key_file, _named("private_key_file"))
        if text:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            try:
                if not isinstance(load_pem_private_key(text.encode(), password=None), RSAPrivateKey):
                    self.problems.append(f"{_named('private_key_file')}: {key_file} holds no RSA key.")
            except (ValueError, TypeError, UnsupportedAlgorithm):
                # The library's own text may quote the key: it is not shown.
                self.problems.append(
                    f"{_named('private_key_file')}: {key_file} holds no PEM private key without a passphrase."
                )
        return text

    def _secret(self, name: str) -> str | None:
        setting = _BY_NAME[name]
        names = (setting.variable, f"{setting.variable}_FILE", *([f"{setting.variable}_COMMAND"] * setting.command))
        texts = {each: trim_invisible(self._environ.get(each, ""))[0] for each in names}
        given = [each for each in names if texts[each]]
        if not given:
            return None
        self._keep_one(given)
        source, text = given[0], texts[given[0]]
        if source.endswith("_FILE"):
            text = self._file(self._unquoted(text, source), source)
        elif source.endswith("_COMMAND"):
            text = self._output(text, source)
        named = f"the secret that {source} gives" if source != setting.variable else source
        if more := _more_than_a_secret(text, setting.variable):
            self.problems.append(f"{named} {more}.")
            return ""
        return self._unquoted(text, named)

    def _output(self, command: str, source: str) -> str:
        """What a command of the user prints. Its output is never shown; what it says of an error is, if that holds none
        of it."""
        try:
            done = subprocess.run(  # noqa: S602 - the user's own command line, pipes included
                command, shell=True, check=False, capture_output=True, stdin=subprocess.DEVNULL,
                timeout=_COMMAND_TIMEOUT, env=dict(self._environ),
            )  # fmt: skip
            text = decode_text(done.stdout)
        except subprocess.TimeoutExpired:
            self.problems.append(
                f"{source}: the command took longer than {_COMMAND_TIMEOUT:.0f} s, or left a process that holds its "
                "output open."
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it prints no text"
            self.problems.append(f"{source}: the command cannot be used: {why}.")
        else:
            if done.returncode == 0 and text:
                return text
            said = done.stderr.decode("utf-8", "replace")
            is_word = not re.search(r"\s", command)  # the secret itself, perhaps: a shell tells parts of it
            if _may_tell(f"{command}\n{text}", said) or (is_word and done.returncode in _CODES_OF_A_SHELL):
                why = "what it wrote to standard error may hold the secret, and is not shown"
            else:
                why = one_line(said, 200) or ("it gave no reason" if text else "it printed nothing")
            if done.returncode == 127:  # with a program in quotes a shell begins a command well
                self._unquoted(command, source)
            code = f"{done.returncode} (no such program)" if done.returncode == 127 else done.returncode
            self.problems.append(f"{source}: the command ended with exit code {code}: {why}.")
        return ""

    def _file(self, path: str, source: str) -> str:
        try:
            text = read_text_file(path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            if _is_path(path):
                self.problems.append(f"{source}: {path} cannot be read: {why}.")
            else:
                self.problems.append(
                    f"{source} names no file that is there. It is not shown, for it may hold the secret or key itself: "
                    "write that to a file, and give the path of the file."
                )
            return ""
        if not text:
            self.problems.append(f"{source}: {path} is empty.")
        return text

    def proxy(self, host: str) -> str | None:
        try:
            # Without a good host the proxy is not used, but a fault of it is told together with that of the host.
            return proxy_for(host or "https://platform.kore.ai", self._environ)
        except ValueError as error:
            self.problems.append(str(error))
            return None

    def ca_file(self) -> str | None:
        path = self._unquoted(trim_invisible(self._environ.get("SSL_CERT_FILE", ""))[0], "SSL_CERT_FILE")
        if not path:
            return None
        import ssl  # not for `--help`

        try:
            trusting(path)
        except (ssl.SSLError, ValueError):
            self.problems.append(f"SSL_CERT_FILE: {path} holds no PEM certificates, or a broken one.")
        except OSError as error:
            self.problems.append(f"SSL_CERT_FILE: {path} cannot be read: {error.strerror}.")
        return path


def _may_tell(hidden: str, said: str) -> bool:
    """Whether `said` holds a line of `hidden`, or a trace of a shell (`set -x`), which shows every value."""
    lines = (line.strip() for line in hidden.splitlines())
    return any(line and line in said for line in lines) or any(line.startswith("+") for line in said.splitlines())


def _is_path(text: str) -> bool:
    """Whether a text is surely a path, of a file that may be absent, and no secret or key; base64 has slashes, too."""
    if os.path.lexists(text) or _PATH.fullmatch(text):
        return True
    folder = re.match("/?[^/]+/", text)
    return folder is not None and os.path.lexists(folder[0])


def read_text_file(path: str) -> str:
    """The text of a file that a setting names, without white space around it.

    Raises `OSError`, also for a file that is absurdly large, and `ValueError` for one that is not text.
    """
    with user_path(path).open("rb") as file:
        data = file.read(_LONGEST_FILE + 1)
    if len(data) > _LONGEST_FILE:
        raise OSError(errno.EFBIG, f"longer than {_LONGEST_FILE:,} bytes")
    return decode_text(data)


def trusting(ca_file: str) -> SSLContext:
    """TLS of a client that trusts the certificates of a PEM file and no others. Raises `OSError` and `ValueError`."""
    import ssl

    path = user_path(ca_file)
    with path.open("rb") as file:
        start = file.read(2)
    if start not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and b"\0" not in start:
        return ssl.create_default_context(cafile=path)
    # OpenSSL reads one byte for a character. Without any `cadata` the certificates of the system would count.
    return ssl.create_default_context(cadata=read_text_file(ca_file) or "none")


def decode_text(data: bytes) -> str:
    """Text as editors and shells write it: UTF-8 or UTF-16, with or without a byte order mark. Raises `ValueError`."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16")
    elif b"\0" in data[:2]:  # UTF-16 without a mark; an ASCII character comes first
        text = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
    else:
        text = data.decode("utf-8")
    if "\0" in text:  # UTF-32, or no text at all
        raise ValueError("it holds NUL characters")
    return trim_invisible(text)[0]


def _more_than_a_secret(text: str, variable: str) -> str:
    """What else than the secret alone a text holds, and what to do; empty: nothing."""
    if re.match(rf"(export\s+)?{variable}\s*=", text):
        return f"begins with {variable}=: leave the name out"
    with suppress(ValueError):
        if text.startswith("{") and isinstance(loads(text), dict):
            return "is a JSON object: keep the secret in it alone"
    if re.search("[\r\n]", text) and "-----BEGIN" not in text:
        return "has several lines: keep the one with the secret"
    return ""


def _named(name: str) -> str:
    setting = _BY_NAME[name]
    return setting.variable if setting.secret else f"{setting.variable} ({setting.option})"
