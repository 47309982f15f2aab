"""Whose campaigns, with which credentials: one frozen value, and the one table of settings, `SETTINGS`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from exporter.model import ApiVersion, Identity

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
    Setting("client_id", "KORE_CLIENT_ID", "Client ID of the JWT app; KORE_CLIENT_SECRET is its secret."),
    Setting("client_secret", "KORE_CLIENT_SECRET", "Secret of the JWT app.", secret=True, command=True),
    Setting("private_key_file", "KORE_PRIVATE_KEY_FILE", "PEM key for RS256 and RS512, instead of a secret.", "FILE"),
    Setting("jwt_algorithm", "KORE_JWT_ALGORITHM", "Algorithm of the tokens.  [default: HS256]", "|".join(ALGORITHMS)),
)


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
