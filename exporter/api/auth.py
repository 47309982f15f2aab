"""Tokens for the `auth` header.

Pages: ai-for-service/apis/automation/api-introduction (claims `sub` and `appId`), ai-for-service/sdk/sdk-security
(with "Enforce JTI" each `jti` is good once, and `exp` lies at most one hour ahead).
"""

from __future__ import annotations

import secrets

from exporter.clock import Clock
from exporter.settings import Credentials, ReadyToken
from exporter.text import dumps

LIFETIME = 600
"""Seconds a token is good for: well below the hour that the service allows at most."""

MOST_AT_ONCE = 64
"""Tokens that are signed together, where so many were used within one second. One between two requests takes four
times as long as one of many: what signing needs is in the processor's cache no more."""

SUBJECT = "campaign-export"
"""The `sub` claim: a user name, which the service asks for and is not known to check."""


class TokenSource:
    """Gives a token for each request: the ready-made one, or a new one signed with a `jti` never used twice.

    Header and key are prepared once: PyJWT's own `encode` does that again for each token, which takes most of the
    time that a token takes.
    """

    def __init__(self, credentials: Credentials, *, clock: Clock) -> None:
        self._clock = clock
        self._ready = credentials.token.reveal() if isinstance(credentials, ReadyToken) else None
        if not isinstance(credentials, ReadyToken):
            # Here, not above: a ready-made token needs nothing of it, and a secret no cryptography, which it imports.
            import jwt
            from jwt.utils import base64url_encode

            self._encode = base64url_encode
            self._client_id = credentials.client_id
            self._algorithm = jwt.get_algorithm_by_name(credentials.algorithm)
            self._key = self._algorithm.prepare_key(credentials.key.reveal())
            header = dumps({"alg": credentials.algorithm, "typ": "JWT"}).encode()
            self._header = self._encode(header) + b"."
            # One random prefix for the process and a counter: as unique as a UUID, and quicker.
            self._run = secrets.token_hex(16)
            self._count = 0
            self._signed: list[str] = []
            self._second = 0
            self._next_batch = 1
            # An RSA signature takes a thousand times as long, and one that is not used would cost more than it saves.
            self._most_at_once = MOST_AT_ONCE if credentials.algorithm.startswith("HS") else 1

    def token(self) -> str:
        """The token for one request, signed within this second."""
        if self._ready is not None:
            return self._ready
        now = int(self._clock.now())
        if now != self._second:
            self._second, self._next_batch = now, 1
            self._signed.clear()
        if not self._signed:
            self._signed = [self._sign(now) for _ in range(self._next_batch)]
            self._next_batch = min(self._next_batch * 2, self._most_at_once)
        return self._signed.pop()

    def _sign(self, now: int) -> str:
        self._count += 1
        claims = {
            "sub": SUBJECT,
            "appId": self._client_id,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": f"{self._run}{self._count:x}",
        }
        signed = self._header + self._encode(dumps(claims).encode())
        return (signed + b"." + self._encode(self._algorithm.sign(signed, self._key))).decode("ascii")
