"""What to ask of Kore.ai and what its answers mean: plain functions of values, no I/O.

The vendor's pages are named where a rule comes from one; they are in the public repository Koredotcom/docs-v2
below `ai-for-service/apis/contact-center/`. What no page tells (error bodies, the status code of an unknown
campaign or of a broken limit) is read tolerantly here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import msgspec

from exporter.json_text import NotJson, dumps, loads
from exporter.model import ApiVersion, CampaignType

PATHS: Mapping[ApiVersion, str] = {"v1": "/agentassist/api/v1/public", "v2": "/campaign/api/v2/public"}
"""Pages get-sms-campaign-by-id (v1) and get-sms-campaign-by-id-v2."""

BODY_START = 500
"""Characters of a body that the failures table keeps."""

_RETRIED = frozenset({408, 425})
_DENIED_CODES = frozenset({401, 403, 4002, "401", "403", "4002"})
_ERROR_WORDS = frozenset({"error", "failure", "failed"})
_RATE_TEXT = re.compile(r"\brate[ -]?limit|too many requests", re.IGNORECASE)
_MISSING_TEXT = re.compile(
    r"not found|not exist|doesn't exist|no such|no campaign|unable to find|not able to find|could ?n[o']t find",
    re.IGNORECASE,
)
_OTHER_OBJECT = re.compile(
    r"\b(?:stream|bot|account|app|user|route|path|url|api|endpoint|page|file|host|method)(?: ?ids?)?\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){2,4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
_TOKEN_HIDDEN = "[token hidden]"
_SEARCHED = 4000
"""Characters of a text that become a line at most: the search for tokens takes the square of its length at worst."""

_CHARSETS = re.compile(
    r"ascii|iso8859-\d+|cp\d+|utf-(?:8-sig|16|32)(?:-[lb]e)?|shift_jis|euc_\w+|gb\w+|big5|koi8-[rtu]"
)
"""By Python's names. Some of its other codecs take the square of the body's length, or make halves of characters."""

LONGEST_ID = 256
"""Characters of an ID in the list call; real ones have about 40."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, complete but for the sending. `headers` hold the token, so the repr hides them."""

    method: Literal["GET", "POST"]
    url: str
    headers: dict[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"


class Answer(msgspec.Struct, frozen=True):
    """What came back: status, body and the three headers that matter.

    `oversized`: the body was longer than allowed; `body` is then only its beginning.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    location: str | None = None
    charset: str | None = None
    oversized: bool = False


VerdictKind = Literal["good", "not_found", "invalid", "retry", "rate_limited", "denied", "redirect"]


class Verdict(msgspec.Struct, frozen=True):
    """What an answer means for the ID that was asked for.

    good: `text` is the body. redirect: `text` is the URL to ask instead, on the same origin.
    rate_limited: `retry_after` in seconds where the service named it. All others: `error` says why.
    """

    kind: VerdictKind
    error: str = ""
    text: str = ""
    retry_after: float | None = None


class CampaignApi:
    """Builds the requests of one account.

    `host` is an origin such as `https://platform.kore.ai`; `app_id` goes into the `iid` header.
    """

    def __init__(
        self, *, host: str, stream_id: str, account_id: str, app_id: str, version: ApiVersion, user_agent: str
    ) -> None:
        self.origin = host
        self._campaign = f"{host}{PATHS[version]}/{quote_id(stream_id)}/campaign/"
        # v2 takes accountId in the query and in a header; v1 in one of them, depending on the age of the
        # page: both are always sent.
        self._query = "?accountId=" + quote(account_id, safe="")
        self._headers = {
            "iid": app_id,
            "accountId": account_id,
            "Accept": "application/json",
            "User-Agent": user_agent,
        }

    def get(self, campaign_id: str, token: str) -> Request:
        """Get one campaign (pages get-sms-campaign-by-id-v2, get-voice-campaign-by-id-v2).

        Whatever stands in `campaign_id` stays within its path segment, if it `is_askable`.
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

    def redirected(self, request: Request, url: str, token: str) -> Request:
        """The same request to the place on our origin that a redirect named."""
        return Request(request.method, url, {**request.headers, "auth": token}, request.body)

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


class _Asked(msgspec.Struct):
    campaign_id: str = msgspec.field(name="_id")


class _Success(msgspec.Struct):
    """What nearly all answers are; the rest of them is checked for being JSON, and skipped."""

    status: Literal["success"]
    data: _Asked
    errors: None = None
    success: bool = True


_decode_success = msgspec.json.Decoder(_Success).decode


def _is_plainly_good(answer: Answer, campaign_id: str) -> bool:
    """Whether there is no need to look closer. False says nothing."""
    if answer.status != 200 or answer.oversized:
        return False
    try:
        found = _decode_success(answer.body)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return found.success and found.data.campaign_id == campaign_id


def judge_campaign(answer: Answer, campaign_id: str, *, origin: str, now: float) -> Verdict:
    """What the answer to `CampaignApi.get` means; never raises, whatever the answer."""
    if _is_plainly_good(answer, campaign_id):
        try:
            return Verdict("good", text=answer.body.decode("utf-8"))
        except UnicodeDecodeError:
            pass  # to be looked at closer
    verdict, document = _judge_envelope(answer, origin=origin, now=now)
    if verdict is not None:
        return verdict
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not data:
        return Verdict("invalid", "a success answer without a campaign in it")
    found = next((data[key] for key in ("_id", "id", "campId") if data.get(key) is not None), None)
    if not isinstance(found, str | int) or isinstance(found, bool):
        return Verdict("invalid", "a success answer whose campaign has no ID")
    if str(found) != campaign_id:
        return Verdict("invalid", f"the answer is about another campaign: {one_line(str(found), 80)}")
    return Verdict("good", text=decode_body(answer) or "")


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list call. `total` is `totalResults`, where it is a number; `bytes` what the answer had."""

    items: tuple[Mapping[str, Any], ...]
    has_more: bool | None
    total: int | None
    bytes: int = field(default=0, compare=False)


def read_list_page(answer: Answer, *, origin: str, now: float) -> ListPage | Verdict:
    """The page that an answer to `CampaignApi.list` holds, or what else the answer means."""
    verdict, document = _judge_envelope(answer, origin=origin, now=now)
    if verdict is not None:
        return verdict
    data = document.get("data") if isinstance(document, dict) else None
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

    None too for what an IDs file could not hold: control characters, more than `LONGEST_ID` characters.
    """
    for key in ("_id", "id", "campId"):
        value = item.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            text = str(value)
            return text if len(text) <= LONGEST_ID and text.strip() == text and not _CONTROL.search(text) else None
    return None


def _judge_envelope(answer: Answer, *, origin: str, now: float) -> tuple[Verdict | None, Any]:
    """A verdict on all that is not a success answer; else None and the parsed body."""
    status = answer.status
    if 300 <= status < 400:
        return _judge_redirect(answer, origin), None
    text = "" if answer.oversized else decode_body(answer)
    document: Any = None
    is_json = False
    if text and not answer.oversized:
        try:
            document, is_json = loads(text), True
        except NotJson:
            is_json = False
    if 200 <= status < 300 and is_json and _is_success(document):
        return None, document
    return _judge_failure(answer, document if is_json else None, is_json=is_json, now=now), None


def _judge_failure(answer: Answer, document: Any, *, is_json: bool, now: float) -> Verdict:
    status = answer.status
    message, code = read_error(document) if is_json else (body_start(answer), None)
    told = f"HTTP {status}" + (f": {one_line(message, 200)}" if message else "")
    missing = is_json and _says_missing(message)
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
    if 200 <= status < 300:
        if not is_json:
            return Verdict("retry", f"HTTP {status}, but the body is {_what_instead(answer)}")
        return Verdict("invalid", f"not a success answer: {told}")
    return Verdict("invalid", told)


def _judge_redirect(answer: Answer, origin: str) -> Verdict:
    if not answer.location:
        return Verdict("invalid", f"HTTP {answer.status} without a place to go to")
    try:
        parts = urlsplit(urljoin(origin + "/", answer.location))
        same = _origin_of(parts) == _origin_of(urlsplit(origin))
    except ValueError:
        return Verdict("invalid", f"HTTP {answer.status} to a place that is no URL")
    if same:
        # Put together anew from our own origin: no other reading of the text can lead elsewhere.
        place = quote(parts.path, safe=_IN_PATH, errors="surrogateescape") or "/"
        query = quote(parts.query, safe=_IN_PATH + "?", errors="surrogateescape")
        return Verdict("redirect", f"HTTP {answer.status}", text=origin + place + ("?" + query if query else ""))
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


def _is_success(document: Any) -> bool:
    if not isinstance(document, dict) or document.get("errors") or document.get("success") is False:
        return False
    if "status" not in document:
        # An error body can be a bare message (`{"message": "…"}`): a success answer has its data.
        return isinstance(document.get("data"), dict)
    status = document["status"]
    return isinstance(status, str) and status.strip().lower() == "success"


def _says_missing(message: str) -> bool:
    if not _MISSING_TEXT.search(message):
        return False
    return "campaign" in message.lower() or not _OTHER_OBJECT.search(message)


def read_error(document: Any) -> tuple[str, Any]:
    """(message, code) of an error body in any of the shapes that were seen; ("", None) when it has none.

    Shapes, in this order: `errors[].msg`, `errors[].message`, `message`, `error.message`, `error`.
    """
    if not isinstance(document, dict):
        return (document if isinstance(document, str) else ""), None
    lowered = {str(key).lower(): value for key, value in document.items()}
    errors = lowered.get("errors")
    if isinstance(errors, dict | str):
        errors = [errors]
    if isinstance(errors, list) and errors:
        messages = [_message(error) for error in errors]
        code = next((_code(error) for error in errors if _code(error) is not None), None)
        return "; ".join(text for text in messages if text), code
    error = lowered.get("error")
    inner = _message(error) if isinstance(error, dict | str) else ""
    message = lowered.get("message") if isinstance(lowered.get("message"), str) else lowered.get("msg")
    own = message if isinstance(message, str) else ""
    code = _code(error) if _code(error) is not None else _code(document)
    return own or inner, code


def _message(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        lowered = {str(key).lower(): value for key, value in error.items()}
        for key in ("msg", "message", "error", "code"):
            if isinstance(lowered.get(key), str):
                return str(lowered[key])
    return ""


def _code(error: Any) -> Any:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int | str) else None


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


def decode_body(answer: Answer) -> str | None:
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


def body_start(answer: Answer) -> str:
    """The beginning of the body for the failures table, tokens hidden."""
    text = answer.body[: BODY_START * 4].decode("utf-8", "replace")
    return hide_tokens(text)[:BODY_START]


def _what_instead(answer: Answer) -> str:
    start = answer.body[:200].lstrip().lower()
    if not start:
        return "empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "cut off or not JSON"


def hide_tokens(text: str) -> str:
    """`text` with everything that looks like a signed token taken out: some servers echo what they got."""
    return _TOKEN.sub(_TOKEN_HIDDEN, text)


def without_token(answer: Answer, token: str) -> Answer:
    """The answer without the very token that its request carried, wherever a server has put it.

    A ready-made token can look like anything, and even a good answer is kept for long.
    """
    body, location = answer.body, answer.location
    for form in {token, token.replace("/", "\\/"), quote(token, safe="")}:
        raw = form.encode()
        if raw in body:
            body = body.replace(raw, _TOKEN_HIDDEN.encode())
        if location is not None:
            location = location.replace(form, "-")
    if body is answer.body and location == answer.location:
        return answer
    return msgspec.structs.replace(answer, body=body, location=location)


def one_line(text: str, most: int) -> str:
    """`text` fit for a log line: one line, no control characters, no tokens, at most `most` characters."""
    flat = _CONTROL.sub(" ", hide_tokens(text[:_SEARCHED])).strip()
    return flat if len(flat) <= most else flat[: most - 1] + "…"
