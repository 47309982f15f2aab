"""Tokens for the `auth` header.

Pages: ai-for-service/apis/automation/api-introduction (claims `sub` and `appId`), ai-for-service/sdk/sdk-security
(with "Enforce JTI" each `jti` is good once, and `exp` lies at most one hour ahead).
"""

from __future__ import annotations

import secrets
from typing import Any, Self

import jwt
from jwt.algorithms import Algorithm

from exporter.clock import Clock
from exporter.json_text import dumps
from exporter.settings import Credentials, ReadyToken, SigningKey

LIFETIME = 600
"""Seconds a token is good for: well below the hour that the service allows at most."""

SUBJECT = "campaign-export"
"""The `sub` claim: a user name, which the service asks for and is not known to check."""


class TokenSource:
    """Gives a token for each request: the ready-made one, or a new one signed with a `jti` never used twice."""

    def __init__(self, credentials: Credentials, *, clock: Clock) -> None:
        self._clock = clock
        self._ready = credentials.token.reveal() if isinstance(credentials, ReadyToken) else None
        if not isinstance(credentials, ReadyToken):
            self._client_id = credentials.client_id
            self._algorithm = credentials.algorithm
            prepared = _Prepared.of(credentials)
            self._key = prepared.key
            self._signer = jwt.PyJWS(algorithms=[])
            self._signer.register_algorithm(self._algorithm, prepared)
            # One random prefix for the process and a counter: as unique as a UUID, and quicker.
            self._run = secrets.token_hex(16)
            self._count = 0

    def token(self) -> str:
        """The token for one request."""
        if self._ready is not None:
            return self._ready
        now = int(self._clock.now())
        self._count += 1
        claims = {
            "sub": SUBJECT,
            "appId": self._client_id,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": f"{self._run}{self._count:x}",
        }
        return self._signer.encode(dumps(claims).encode(), self._key, algorithm=self._algorithm)


class _Prepared(Algorithm):
    """An algorithm of PyJWT whose key was read and checked once: by itself PyJWT does that again for each token, which
    takes most of the time that a token takes.
    """

    def __init__(self, algorithm: Algorithm, key: Any) -> None:
        self._sign = algorithm.sign
        self._verify = algorithm.verify
        self.key = key

    @classmethod
    def of(cls, credentials: SigningKey) -> Self:
        algorithm = jwt.get_algorithm_by_name(credentials.algorithm)
        return cls(algorithm, algorithm.prepare_key(credentials.key.reveal()))

    def prepare_key(self, key: Any) -> Any:
        return self.key

    def check_key_length(self, key: Any) -> None:
        """How long the secret is, the vendor chose, and not the user."""

    def sign(self, msg: bytes, key: Any) -> bytes:
        return self._sign(msg, key)

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        return self._verify(msg, key, sig)

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: Any) -> Any:
        raise NotImplementedError
