"""Replies of the imitation, good and broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

LONG_AGO = "Thu, 01 Jan 2026 00:00:00 GMT"


RATE_TEXT = "You've exceeded the per-minute rate limit. Please try again after sometime."


Fault = Literal[
    "500", "503", "408", "reset", "truncated", "slow", "html", "empty", "429", "429-retry-after", "429-date",
    "rate-text-200", "rate-text-400", "400", "401", "403", "scope", "redirect", "redirect-away", "wrong-id",
    "no-data", "not-found-200", "not-found-400", "silent", "drip", "bomb", "endless", "close-after",
]  # fmt: skip
FAULTS: tuple[str, ...] = get_args(Fault)


class Reply(msgspec.Struct, frozen=True):
    """What to answer; `fault` tells the server how to carry it out wrongly."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    fault: str | None = None


JSON = {"Content-Type": "application/json; charset=utf-8"}


HTML = {"Content-Type": "text/html"}


def json_reply(status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON document."""
    return Reply(status, json.dumps(document).encode(), {**JSON, **(headers or {})})


def error_reply(
    status: int, message: str, *, code: int | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error in the shape that the vendor\'s sibling calls show."""
    entry: dict[str, Any] = {"msg": message} if code is None else {"msg": message, "code": code}
    return json_reply(status, {"errors": [entry]}, headers)


_BROKEN: dict[str, Reply] = {
    "500": error_reply(500, "Internal Server Error", code=500),
    "503": Reply(503, b"<html><body>503 Service Unavailable</body></html>", HTML),
    "408": Reply(408, b""),
    "400": error_reply(400, "Invalid StreamId", code=400),
    "401": error_reply(401, "Invalid SDK credentials", code=4002),
    "403": error_reply(403, "Invalid values in the body", code=403),
    "scope": error_reply(401, "Permission denied. Scope is incorrect!", code=4002),
    "html": Reply(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", HTML),
    "empty": Reply(200, b""),
    "429": error_reply(429, RATE_TEXT, code=429),
    "429-retry-after": error_reply(429, RATE_TEXT, code=429, headers={"Retry-After": "1"}),
    "429-date": error_reply(429, RATE_TEXT, code=429, headers={"Retry-After": LONG_AGO}),
    "rate-text-200": json_reply(200, {"status": "error", "message": RATE_TEXT}),
    "rate-text-400": error_reply(400, "Rate limit for this API has been reached. Please try again later"),
    "redirect": Reply(302, b"", {"Location": "?moved=1"}),
    "redirect-away": Reply(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    "wrong-id": json_reply(200, {"status": "success", "data": {"_id": "cd-another", "name": "Another"}}),
    "no-data": json_reply(200, {"status": "success", "message": "Campaign retrieved", "data": None}),
    "not-found-200": json_reply(200, {"status": "failure", "message": "Campaign not found", "data": None}),
    "not-found-400": error_reply(400, "Campaign not found", code=400),

}  # fmt: skip


def broken(fault: str, good: Reply) -> Reply:
    """The reply with that fault; what the server is to carry out wrongly begins as the good one."""
    reply = _BROKEN.get(fault, good)
    return Reply(reply.status, reply.body, reply.headers, fault)
