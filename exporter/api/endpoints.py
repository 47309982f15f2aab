"""What is asked of Kore.ai: the requests, and the records of what comes back. No I/O.

The vendor's pages are named where a rule comes from one; they are in the public repository Koredotcom/docs-v2
below `ai-for-service/apis/contact-center/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from exporter._version import __version__
from exporter.json_text import dumps
from exporter.model import CampaignType, Identity
from exporter.text import TOKEN_HIDDEN, hide_tokens

PATHS: Mapping[str, str] = {"v1": "/agentassist/api/v1/public", "v2": "/campaign/api/v2/public"}
"""Pages get-sms-campaign-by-id (v1) and get-sms-campaign-by-id-v2."""

BODY_START = 500
"""Characters of a body that the failures table keeps."""


_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
"""What a URL never escapes (RFC 3986, 2.3)."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, complete but for the sending. `headers` hold the token, so the repr hides them."""

    method: Literal["GET", "POST"]
    url: str
    headers: dict[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("method", self.method), ("url", self.url)]


class HttpResponse(msgspec.Struct, frozen=True):
    """What came back: status, body and the headers that matter.

    `charset`: what the header names, where the body is not plain ASCII. `oversized`: the body was longer than allowed;
    `body` is then only its beginning. `date`: the service's clock.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    location: str | None = None
    charset: str | None = None
    oversized: bool = False
    date: str | None = None


class CampaignApi:
    """Builds the requests of one account.

    `account.host` is an origin such as `https://platform.kore.ai`; `app_id` goes into the `iid` header.
    """

    def __init__(self, account: Identity, app_id: str) -> None:
        self._campaign = f"{account.host}{PATHS[account.version]}/{quote_id(account.stream_id)}/campaign/"
        # v2 takes accountId in the query and in a header; v1 in one of them, depending on the age of the
        # page: both are always sent.
        self._query = "?accountId=" + quote(account.account_id, safe="")
        self._headers = {
            "iid": app_id,
            "accountId": account.account_id,
            "Accept": "application/json",
            "User-Agent": f"campaign-export/{__version__}",
        }

    def get(self, campaign_id: str, token: str) -> Request:
        """Get one campaign (pages get-sms-campaign-by-id-v2, get-voice-campaign-by-id-v2).

        Whatever `campaign_id` holds, it stays within its path segment, if it `is_askable`.
        """
        return Request("GET", self._campaign + quote_id(campaign_id) + self._query, self._with(token))

    def list(self, campaign_type: CampaignType, *, limit: int, skip: int, page: int, token: str) -> Request:
        """One page of the list call (page get-all-campaigns-v2), oldest campaign first.

        Without `sortBy` the service sorts by last change, and an edit during paging moves campaigns
        across page borders.
        """
        body = {
            "type": campaign_type,
            "limit": limit,
            "skip": skip,
            "page": page,
            "sortBy": {"createdAt": "asc"},
        }
        headers = {**self._with(token), "Content-Type": "application/json"}
        url = self._campaign + "getAllCampaignDetails" + self._query
        return Request("POST", url, headers, dumps(body).encode())

    def _with(self, token: str) -> dict[str, str]:
        return {**self._headers, "auth": token}  # bare, without "Bearer": page api-introduction


def quote_id(text: str) -> str:
    """`text` as one URL path segment that no server can read as anything else; see `is_askable` for the exception."""
    quoted = quote(text, safe="")
    # A segment of dots only would be resolved as a step up the path.
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted


def is_askable(campaign_id: str) -> bool:
    """Whether a URL can carry the ID. `.` and `..` are steps in the path to many servers, escaped too (WHATWG URL)."""
    return campaign_id not in {".", ".."}


def body_start(response: HttpResponse) -> str:
    """The beginning of the body for the failures table, tokens hidden."""
    text = response.body[: BODY_START * 4].decode("utf-8", "replace")
    return hide_tokens(text)[:BODY_START]


def without_token(response: HttpResponse, token: str) -> HttpResponse:
    """The response without the very token that its request carried, wherever a server has put it.

    A ready-made token can look like anything, and even a good answer is kept for long.
    """
    body, location = response.body, response.location
    for form in _written_forms(token):
        raw = form.encode()
        if raw in body:
            body = body.replace(raw, TOKEN_HIDDEN.encode())
        if location is not None:
            location = location.replace(form, "-")
    if body is response.body and location == response.location:
        return response
    return msgspec.structs.replace(response, body=body, location=location)


def _written_forms(token: str) -> set[str]:
    """`token` as it is, as JSON and as a URL write it: a signed token has no character that they write otherwise."""
    if _UNRESERVED(token):
        return {token}
    return {token, token.replace("/", "\\/"), quote(token, safe="")}
