"""Tokens for the `auth` header.

Pages: ai-for-service/apis/automation/api-introduction (claims `sub` and `appId`), ai-for-service/sdk/sdk-security
(with "Enforce JTI" each `jti` is good once, and `exp` lies at most one hour ahead).
"""

from __future__ import annotations

import uuid
from copy import copy
from itertools import count

from exporter.clock import Clock
from exporter.json_text import dumps
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
        self._series = uuid.uuid4().hex
        self._numbers = count(1)
        if not isinstance(credentials, ReadyToken):
            # Here, not above: a ready-made token needs nothing of it, and it takes longer than a small run.
            import jwt

            name = credentials.algorithm
            algorithm = copy(jwt.get_algorithm_by_name(name))
            self._key = prepared = algorithm.prepare_key(credentials.key.reveal())
            # Once for all tokens: reading a private key takes forty milliseconds, in which nothing else would happen,
            # and to look at a secret takes longer than to sign. Its length is the service's choice: no warning helps.
            algorithm.prepare_key = lambda key: prepared  # type: ignore[method-assign]
            algorithm.check_key_length = lambda key: None  # type: ignore[method-assign]
            self._jws = jwt.PyJWS(algorithms=[])
            self._jws.register_algorithm(name, algorithm)

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
            "jti": f"{self._series}-{next(self._numbers)}",
        }
        return self._jws.encode(dumps(claims).encode(), self._key, self._credentials.algorithm)
