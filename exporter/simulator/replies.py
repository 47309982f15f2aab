"""Replies of the simulator, and how they are put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

RATE_TEXT = "You've exceeded the per-minute rate limit. Please try again after sometime."

JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


class Reply(msgspec.Struct, frozen=True):
    """What to answer. `fault`: how the server spoils it on the way."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    fault: str | None = None


def json_reply(status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON document."""
    return Reply(status, json.dumps(document).encode(), {**JSON, **(headers or {})})


def error_reply(
    status: int, message: str, *, code: int | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error in the shape that the vendor's sibling calls show."""
    entry: dict[str, Any] = {"msg": message} if code is None else {"msg": message, "code": code}
    return json_reply(status, {"errors": [entry]}, headers)
