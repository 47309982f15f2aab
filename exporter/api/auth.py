"""Tokens for the `auth` header.

Pages: ai-for-service/apis/automation/api-introduction (claims `sub` and `appId`), ai-for-service/sdk/sdk-security
(with "Enforce JTI" each `jti` is good once, and `exp` lies at most one hour ahead).
"""

from __future__ import annotations

import uuid
import warnings

from exporter.clock import Clock
from exporter.settings import Credentials, ReadyToken

LIFETIME = 600
"""Seconds a token is good for: well below the hour that the service allows at most."""

BACKDATED = 60
"""Seconds by which `iat` lies in the past: a token of a clock that is a little ahead must not be refused."""

SUBJECT = "campaign-export"
"""The `sub` claim: a user name, which the service asks for and is not known to check."""


class TokenSource:
    """Gives a token for each request: the ready-made one, or a new one signed with a `jti` never used twice."""

    def __init__(self, credentials: Credentials, *, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        if not isinstance(credentials, ReadyToken):
            # Here, not above: a ready-made token needs nothing of it, and it takes longer than a small run.
            import jwt

            self._encode = jwt.encode
            # Parsed once: a private key takes forty milliseconds, in which nothing else would happen.
            self._key = jwt.get_algorithm_by_name(credentials.algorithm).prepare_key(credentials.key.reveal())

    def token(self) -> str:
        """The token for one request."""
        if isinstance(self._credentials, ReadyToken):
            return self._credentials.token.reveal()
        now = int(self._clock.now())
        claims = {
            "sub": SUBJECT,
            "appId": self._credentials.client_id,
            "iat": now - BACKDATED,
            "exp": now + LIFETIME,
            "jti": uuid.uuid4().hex,
        }
        with warnings.catch_warnings():
            # How long a shared secret is was decided by the service: PyJWT's warning of a short one helps nobody.
            warnings.simplefilter("ignore")
            return self._encode(claims, self._key, self._credentials.algorithm)
