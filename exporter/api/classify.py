"""What a response means for the campaign that was asked for, or for the list: plain functions of values, no I/O.

A success envelope is looked at first. Whatever else came is judged by `_RULES`, a table: the first rule that holds
decides. No page documents the status code of an unknown campaign or of a broken limit, nor the shape of an error, so
much is read tolerantly. But absence needs proof: a campaign that is taken for missing leaves the tables.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec

from exporter.api.endpoints import HttpResponse, body_start
from exporter.api.error_body import ErrorBody, read_error
from exporter.api.error_meaning import (
    says_campaign_missing,
    says_not_routed,
    says_other_missing,
    says_rate_limit,
    says_service_fails,
    says_unknown_missing,
    without_id,
)
from exporter.api.response_headers import NotFollowed, read_date, read_retry_after, redirect_target
from exporter.api.verdict import Verdict, VerdictKind
from exporter.json_text import MSGSPEC_REFUSES, NotJson, loads
from exporter.text import id_problem, one_line, trim_invisible

LARGEST_ERROR = 2**20
"""Bytes of a body that is not a success answer: a longer one is judged by its status and its beginning."""

_RETRIED = frozenset({408, 409, 421, 423, 425, 449, 499})
"""4xx that are not a last word: timeouts, conflicts and locks of the moment, a connection to the wrong host."""

_DENIED_CODES = frozenset({401, 403, 4002, "401", "403", "4002"})

_CHARSETS = re.compile(
    r"ascii|iso8859-\d+|cp\d+|utf-(?:8-sig|16|32)(?:-[lb]e)?|shift_jis|euc_\w+|gb\w+|big5|koi8-[rtu]"
)
"""By Python's names. Some of its other codecs take the square of the body's length, or make halves of characters."""


class _Asked(msgspec.Struct):
    campaign_id: str = msgspec.field(name="_id")


class _Success(msgspec.Struct):
    """What nearly all answers are; the rest of them is checked for being JSON, and skipped."""

    status: Literal["success"]
    data: _Asked
    errors: None = None
    success: bool = True


_decode_success = msgspec.json.Decoder(_Success).decode


class _Failure(msgspec.Struct, frozen=True):
    """What a response says that is not a success answer. `message` and `code` are those of its error body, but for the
    ID that was asked for. `not_json`: why the body is not JSON; empty: it is."""

    status: int
    message: str
    code: Any = None
    not_json: str = ""
    of_api: bool = False
    oversized: bool = False

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return not self.not_json

    @property
    def campaign_missing(self) -> bool:
        """Whether the service itself says that the campaign does not exist."""
        return self.is_json and self.status // 100 in (2, 4) and says_campaign_missing(self.message)

    @property
    def inner_status(self) -> int:
        """The status that an error body names inside a response of another status; 0: none."""
        code = int(self.code) if isinstance(self.code, str) and re.fullmatch(r"\d{3}", self.code) else self.code
        return code if isinstance(code, int) and 400 <= code < 600 else 0


_RULES: tuple[tuple[VerdictKind, Callable[[_Failure], bool]], ...] = (
    # Pages rate-limit and rate-limit-ccai give the text and no status: the text decides.
    ("rate_limited", lambda it: 429 in (it.status, it.inner_status)),
    ("rate_limited", lambda it: says_rate_limit(it.message) or says_rate_limit(str(it.code))),
    # A failure of the service, whatever its text says: a back end that is down is "not found", too.
    ("retry", lambda it: it.status in _RETRIED or it.status >= 500),
    ("denied", lambda it: it.status == 401),
    # "Campaign not found, please try again" is said of the moment: it proves nothing.
    ("retry", lambda it: it.campaign_missing and says_service_fails(it.message)),
    # A 200 proves no absence: what stands before the service may give its own failures that status.
    ("not_found", lambda it: it.campaign_missing and it.status // 100 == 4),
    ("invalid", lambda it: it.campaign_missing),
    ("denied", lambda it: it.status == 403 or (it.is_json and it.code in _DENIED_CODES)),
    ("retry", lambda it: it.inner_status in _RETRIED or it.inner_status >= 500),
    ("retry", lambda it: says_service_fails(it.message) or says_service_fails(str(it.code))),
    ("gateway_404", lambda it: it.status in (404, 410) and (not it.of_api or says_not_routed(it.message))),
    # Of the API's own 404 only what misses another thing is no proof.
    ("invalid", lambda it: it.status in (404, 410) and says_other_missing(it.message)),
    # "Campaign store not found" may pass: it is one for good where it comes again while others are answered.
    ("gateway_404", lambda it: it.status in (404, 410) and says_unknown_missing(it.message)),
    ("not_found", lambda it: it.status in (404, 410)),
    ("retry", lambda it: it.is_json and not says_other_missing(it.message) and says_unknown_missing(it.message)),
    ("retry", lambda it: it.status // 100 == 2 and not it.is_json and not it.oversized),
    ("invalid", lambda it: True),
)
"""What a response that is not a success answer means: the first rule that holds decides."""


def classify_campaign(response: HttpResponse, campaign_id: str, *, url: str, now: float) -> Verdict:
    """What the response to `CampaignApi.get` means; never raises, whatever the response.

    `url`: the one that was asked. `now`: wall time in seconds.
    """
    if _is_plainly_good(response, campaign_id):
        with suppress(UnicodeDecodeError):  # then it is to be looked at closer
            return Verdict("good", text=response.body.decode("utf-8"))
    document = _classify_envelope(response, url=url, now=now, campaign_id=campaign_id)
    if isinstance(document, Verdict):
        return document
    data = document.get("data")
    if not isinstance(data, dict) or not data:
        if says_service_fails(read_error(document).message):
            return Verdict("retry", "a success answer without a campaign in it, which says that the service fails")
        return Verdict("invalid", "a success answer without a campaign in it")
    answered = next((data[key] for key in ("_id", "id", "campId") if data.get(key) is not None), None)
    if isinstance(data.get("results"), list) and answered is None:
        return Verdict("wrong_campaign", "the answer is that of a list call")
    if not isinstance(answered, str | int) or isinstance(answered, bool):
        return Verdict("invalid", "a success answer whose campaign has no ID")
    if str(answered) != campaign_id:
        return Verdict("wrong_campaign", f"the answer is about another campaign: {one_line(str(answered), 80)}")
    return Verdict("good", text=decode_body(response))


def _is_plainly_good(response: HttpResponse, campaign_id: str) -> bool:
    """Whether there is no need to look closer. False says nothing."""
    if response.status != 200 or response.oversized:
        return False
    try:
        success = _decode_success(response.body)
    except MSGSPEC_REFUSES:
        return False
    return success.success and success.data.campaign_id == campaign_id


_OF_A_PAGE = frozenset({"hasMore", "totalResults", "totalPages", "limit", "skip"})


class ListPage(msgspec.Struct, frozen=True):
    """One page of the list call. What it says of itself is None where it says nothing; `total` is `totalResults`.

    `bytes`: the length of the response.
    """

    items: tuple[Mapping[str, Any], ...]
    has_more: bool | None = None
    total: int | None = None
    bytes: int = 0


def classify_list(response: HttpResponse, *, url: str, now: float) -> ListPage | Verdict:
    """The page that a response to `CampaignApi.list` holds, or what else the response means; never raises."""
    document = _classify_envelope(response, url=url, now=now)
    if isinstance(document, Verdict):
        return document
    data = document.get("data")
    if not isinstance(data, dict) or ("results" not in data and data.keys().isdisjoint(_OF_A_PAGE)):
        if isinstance(data, dict) and item_id(data) is not None:
            return Verdict("wrong_campaign", "the answer is that of a single campaign")
        return Verdict("invalid", "a list answer without `data.results`")
    # Behind the last page some services give null, or nothing.
    results = [] if data.get("results") is None else data["results"]
    if not isinstance(results, list):
        return Verdict("invalid", "a list answer whose `data.results` is not a list")
    return ListPage(
        tuple(item if isinstance(item, dict) else {} for item in results),
        _flag(data.get("hasMore")),
        _count(data.get("totalResults")),
        len(response.body),
    )


ID_KEYS = ("_id", "id", "campId")
"""Where a list item may have its ID."""


def item_id(item: Mapping[str, Any]) -> str | None:
    """The ID of a list item: voice items carry `_id`, SMS items `id` (page get-all-campaigns-v2).

    White space and invisible characters around it are cut off. None too for what an IDs file could not hold.
    """
    for key in ID_KEYS:
        value = item.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            campaign_id, _ = trim_invisible(str(value))
            return None if id_problem(campaign_id) else campaign_id
    return None


def _flag(value: Any) -> bool | None:
    """A flag, also as text."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    """A number from 0, also as text or with a point."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}(?:\.0*)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 1e15 and value == int(value) else None


def _classify_envelope(
    response: HttpResponse, *, url: str, now: float, campaign_id: str = ""
) -> Verdict | dict[str, Any]:
    """A verdict on all that is not a success answer; else the parsed body. `campaign_id`: that was asked for."""
    kind = response.status // 100
    if kind == 3:
        return _classify_redirect(response, url)
    document: Any = None
    not_json = "not read"
    if response.body and not response.oversized and (kind == 2 or len(response.body) <= LARGEST_ERROR):
        try:
            document, not_json = loads(decode_body(response)), ""
        except NotJson as reason:
            not_json = str(reason)
    if isinstance(document, dict) and _is_success(document):
        if kind == 2:
            return document
        if response.status in (404, 410) and document.get("data"):
            return Verdict("retry", f"HTTP {response.status}, but the body is a success answer")
    error = ErrorBody(body_start(response), None) if not_json else read_error(document)
    meant = without_id(error.message, campaign_id) if campaign_id else error.message
    failure = _Failure(response.status, meant, error.code, not_json, error.of_api, response.oversized)
    verdict_kind = next(kind for kind, holds in _RULES if holds(failure))
    # A date is one of the service's clock, which its `Date` tells: ours may be off.
    wait = read_retry_after(response.retry_after, read_date(response.date) or now)
    return Verdict(verdict_kind, _reason(verdict_kind, failure, error.message, response), retry_after=wait)


def _reason(kind: VerdictKind, failure: _Failure, said: str, response: HttpResponse) -> str:
    """Why the response is not a success answer, in one line. `said`: the text of its error."""
    status = f"HTTP {failure.status}"
    if failure.oversized and kind == "invalid":
        return f"{status}: the body is longer than --max-body allows"
    if kind == "retry" and failure.status // 100 == 2 and not failure.is_json:
        return f"{status}, but the body is {_what_instead(response, failure)}"
    message = one_line(said, 200)
    reason = f"{status}: {message}" if message else status
    return f"not a success answer: {reason}" if kind == "invalid" and failure.status // 100 == 2 else reason


def _classify_redirect(response: HttpResponse, url: str) -> Verdict:
    try:
        return Verdict("redirect", f"HTTP {response.status}", text=redirect_target(response.location, url))
    except NotFollowed as error:
        return Verdict("led_away", f"HTTP {response.status} {error}")


def _is_success(document: dict[str, Any]) -> bool:
    if document.get("errors") or document.get("success") is False:
        return False
    if "status" not in document:
        # An error body can be a bare message (`{"message": "…"}`): a success answer has its data.
        return isinstance(document.get("data"), dict)
    status = document["status"]
    return isinstance(status, str) and status.strip().lower() == "success"


def decode_body(response: HttpResponse) -> str:
    """The body as text: UTF-8 as JSON must be, else the charset its header names.

    Where neither fits, a byte that is not UTF-8 becomes U+FFFD: one broken name must not cost the campaign.
    """
    with suppress(UnicodeDecodeError):
        # As Python's own reader of JSON finds out: its first characters are ASCII.
        return response.body.decode(json.detect_encoding(response.body[:4]) if b"\0" in response.body[:4] else "utf-8")
    charset = "utf-16" if response.body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else response.charset
    with suppress(LookupError, ValueError):
        name = codecs.lookup(charset).name if charset else ""
        if _CHARSETS.fullmatch(name):
            return response.body.decode(name)
    return response.body.decode("utf-8", "replace")


def _what_instead(response: HttpResponse, failure: _Failure) -> str:
    start = response.body[:200].lstrip().lower()
    if not start:
        return "empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return failure.not_json
