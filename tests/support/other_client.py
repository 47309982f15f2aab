"""A client of the API that owes nothing to ours: `requests`, and a token signed by hand (RFC 7519)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import requests

from exporter.simulator.simulated_service import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID

V1, V2 = "/agentassist/api/v1/public", "/campaign/api/v2/public"
YEAR_2096 = 4_000_000_000


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret: str = CLIENT_SECRET, **other: Any) -> str:
    """A signed token; `other` claims replace the usual ones, and None takes one away."""
    now = int(time.time())
    claims = {"sub": "someone", "appId": CLIENT_ID, "iat": now, "exp": now + 600, "jti": uuid.uuid4().hex, **other}
    kept = {name: claim for name, claim in claims.items() if claim is not None}
    signed = ".".join(_part(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, kept))
    return signed + "." + _part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def ask(method: str, url: str, path: str, *, prefix: str = V2, body: Any = None, **headers: Any) -> requests.Response:
    """One call below the account's campaigns; a header that is None is left out."""
    usual = {"auth": token(), "iid": STREAM_ID, "accountId": ACCOUNT_ID}
    where = f"{url}{prefix}/{STREAM_ID}/campaign/{path}"
    query = {"accountId": ACCOUNT_ID}
    with requests.Session() as session:
        return session.request(method, where, params=query, json=body, headers={**usual, **headers}, timeout=20)
