"""Tokens for the `auth` header.

Pages: ai-for-service/apis/automation/api-introduction (claims `sub` and `appId`), ai-for-service/sdk/sdk-security
(with "Enforce JTI" each `jti` is good once, and `exp` lies at most one hour ahead).
"""

from __future__ import annotations

import hmac
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from itertools import count

from exporter.clock import Clock
from exporter.json_text import dumps
from exporter.settings import Credentials, ReadyToken, SigningKey

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
            self._sign = _signer(credentials)
            self._header = _base64url(dumps({"alg": credentials.algorithm, "typ": "JWT"}).encode())

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
        signed = b".".join((self._header, _base64url(dumps(claims).encode())))
        return b".".join((signed, _base64url(self._sign(signed)))).decode()


def _signer(credentials: SigningKey) -> Callable[[bytes], bytes]:
    """What makes the signature of a token (RFC 7518, sections 3.2 and 3.3)."""
    key = credentials.key.reveal()
    if credentials.algorithm.startswith("HS"):
        keyed = hmac.new(key.encode(), digestmod=credentials.algorithm.replace("HS", "sha"))

        def sign(signed: bytes) -> bytes:
            # Not `hmac.digest`: it lets other threads run in the middle of every request.
            mac = keyed.copy()
            mac.update(signed)
            return mac.digest()

        return sign
    # Here, not above: with a shared secret nothing of it is needed, and it takes longer than a small run.
    import jwt

    algorithm = jwt.get_algorithm_by_name(credentials.algorithm)
    # Once for all tokens: reading a private key takes forty milliseconds, in which nothing else would happen.
    return partial(algorithm.sign, key=algorithm.prepare_key(key))


def _base64url(part: bytes) -> bytes:
    """A part of a token (RFC 7515, section 2)."""
    return urlsafe_b64encode(part).rstrip(b"=")
