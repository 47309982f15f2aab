"""What an answer means for the ID that was asked for, or for the list: plain functions of values, no I/O.

The vendor's pages are named where a rule comes from one. What no page tells (error bodies, the status code of an
unknown campaign or of a broken limit) is read tolerantly.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import msgspec

from exporter.api.endpoints import HttpResponse, Verdict, body_start
from exporter.api.error_body import read_error, says_missing
from exporter.text import NotJson, id_problem, loads, one_line, trim_invisible

_RETRIED = frozenset({408, 425})


_DENIED_CODES = frozenset({401, 403, 4002, "401", "403", "4002"})


_ERROR_WORDS = frozenset({"error", "failure", "failed"})


_RATE_TEXT = re.compile(r"\brate[ -]?limit|too many requests", re.IGNORECASE)


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


def _is_plainly_good(answer: HttpResponse, campaign_id: str) -> bool:
    """Whether there is no need to look closer. False says nothing."""
    if answer.status != 200 or answer.oversized:
        return False
    try:
        found = _decode_success(answer.body)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return found.success and found.data.campaign_id == campaign_id


def classify_campaign(answer: HttpResponse, campaign_id: str, *, origin: str, now: float) -> Verdict:
    """What the answer to `CampaignApi.get` means; never raises, whatever the answer."""
    if _is_plainly_good(answer, campaign_id):
        try:
            return Verdict("good", text=answer.body.decode("utf-8"))
        except UnicodeDecodeError:
            pass  # to be looked at closer
    verdict, document = _classify_envelope(answer, origin=origin, now=now)
    if verdict is not None:
        return verdict
    data = document.get("data")
    if not isinstance(data, dict) or not data:
        return Verdict("invalid", "a success answer without a campaign in it")
    found = next((data[key] for key in ("_id", "id", "campId") if data.get(key) is not None), None)
    if not isinstance(found, str | int) or isinstance(found, bool):
        return Verdict("invalid", "a success answer whose campaign has no ID")
    if str(found) != campaign_id:
        return Verdict("invalid", f"the answer is about another campaign: {one_line(str(found), 80)}")
    return Verdict("good", text=decode_body(answer) or "")


class ListPage(msgspec.Struct, frozen=True):
    """One page of the list call. `total` is `totalResults`, where it is a number; `bytes` what the answer had."""

    items: tuple[Mapping[str, Any], ...]
    has_more: bool | None
    total: int | None
    bytes: int


def read_list_page(answer: HttpResponse, *, origin: str, now: float) -> ListPage | Verdict:
    """The page that an answer to `CampaignApi.list` holds, or what else the answer means."""
    verdict, document = _classify_envelope(answer, origin=origin, now=now)
    if verdict is not None:
        return verdict
    data = document.get("data")
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(results, list):
        return Verdict("invalid", "a list answer without `data.results`")
    more, total = data.get("hasMore"), data.get("totalResults")
    return ListPage(
        tuple(item for item in results if isinstance(item, dict)),
        more if isinstance(more, bool) else None,
        total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None,
        len(answer.body),
    )


def item_id(item: Mapping[str, Any]) -> str | None:
    """The ID of a list item: voice items carry `_id`, SMS items `id` (page get-all-campaigns-v2).

    White space and invisible characters around it are cut off. None too for what an IDs file could not hold.
    """
    for key in ("_id", "id", "campId"):
        value = item.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            campaign_id, _ = trim_invisible(str(value))
            return None if id_problem(campaign_id) else campaign_id
    return None


def _classify_envelope(answer: HttpResponse, *, origin: str, now: float) -> tuple[Verdict | None, dict[str, Any]]:
    """A verdict on all that is not a success answer; else None and the parsed body."""
    kind = answer.status // 100
    if kind == 3:
        return _classify_redirect(answer, origin), {}
    text = decode_body(answer)
    document: Any = None
    is_json = False
    if text and not answer.oversized:
        with suppress(NotJson):
            document, is_json = loads(text), True
    if kind == 2 and isinstance(document, dict) and _is_success(document):
        return None, document
    return _classify_failure(answer, document, is_json=is_json, now=now), {}


def _classify_failure(answer: HttpResponse, document: Any, *, is_json: bool, now: float) -> Verdict:
    status = answer.status
    message, code = read_error(document) if is_json else (body_start(answer), None)
    told = f"HTTP {status}" + (f": {one_line(message, 200)}" if message else "")
    missing = is_json and says_missing(message)
    if status == 429 or (_RATE_TEXT.search(message) and not missing):
        # Pages rate-limit and rate-limit-ccai give the text and no status code; the text decides.
        return Verdict("rate_limited", told, retry_after=read_retry_after(answer.retry_after, now))
    if status in (401, 403) or (is_json and code in _DENIED_CODES and not missing):
        return Verdict("denied", told)
    if status in (404, 410) or missing:
        return Verdict("not_found", told)
    if status in _RETRIED or status >= 500:
        return Verdict("retry", told)
    if answer.oversized:
        return Verdict("invalid", f"HTTP {status}: the body is longer than --max-body allows")
    if status // 100 == 2:
        if not is_json:
            return Verdict("retry", f"HTTP {status}, but the body is {_what_instead(answer)}")
        return Verdict("invalid", f"not a success answer: {told}")
    return Verdict("invalid", told)


def _classify_redirect(answer: HttpResponse, origin: str) -> Verdict:
    if not answer.location:
        return Verdict("invalid", f"HTTP {answer.status} without a place to go to")
    try:
        parts = urlsplit(urljoin(origin + "/", answer.location))
        same = _origin_of(parts) == _origin_of(urlsplit(origin))
    except ValueError:
        return Verdict("invalid", f"HTTP {answer.status} to a place that is no URL")
    if same:
        # Put together anew from our own origin: no other reading of the text can lead elsewhere.
        locations = quote(parts.path, safe=_IN_PATH, errors="surrogateescape") or "/"
        query = quote(parts.query, safe=_IN_PATH + "?", errors="surrogateescape")
        return Verdict("redirect", f"HTTP {answer.status}", text=origin + locations + ("?" + query if query else ""))
    where = one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", 120)
    return Verdict(
        "invalid",
        f"HTTP {answer.status} redirects to another origin ({where}); not followed, since the credentials "
        "would go with it. Check KORE_HOST",
    )


_IN_PATH = "/%:@!$&'()*+,;=~"
"""What stays as it is in a path (RFC 3986), `%` too: what is encoded already is not encoded again."""


def _origin_of(parts: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    """Scheme, host and port, and the user name that no origin has. Raises `ValueError`."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme), parts.username


def _is_success(document: dict[str, Any]) -> bool:
    if document.get("errors") or document.get("success") is False:
        return False
    if "status" not in document:
        # An error body can be a bare message (`{"message": "…"}`): a success answer has its data.
        return isinstance(document.get("data"), dict)
    status = document["status"]
    return isinstance(status, str) and status.strip().lower() == "success"


def read_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header in either form (RFC 9110, 10.2.3); None when there is none.

    `now`: wall time in seconds, for the form that is a date. Neither form is capped.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def decode_body(answer: HttpResponse) -> str | None:
    """The body as text: UTF-8 as JSON must be, else the charset its header names; None when neither fits."""
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        name = codecs.lookup(answer.charset).name if answer.charset else ""
        text = answer.body.decode(name) if _CHARSETS.fullmatch(name) else None
    except (LookupError, ValueError):
        return None
    return text


def _what_instead(answer: HttpResponse) -> str:
    start = answer.body[:200].lstrip().lower()
    if not start:
        return "empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "cut off or not JSON"
