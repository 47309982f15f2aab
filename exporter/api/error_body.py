"""What an error body says: its message and code in any of the shapes that were seen, and what its words mean.

No page documents an error of the campaign calls. What may cost a campaign is read narrowly: only a text that says
that the *campaign* does not exist is a proof of absence; "ns not found" or "no such upstream cluster" is none.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from exporter.text import LONGEST_SEARCHED

MOST_ERRORS = 20
"""Entries of `errors`, and a thousand times as many keys of a body, that are looked at: one may hold a million."""


LONGEST_SENTENCE = 200
"""Characters between a campaign and the words that say that it does not exist."""


class ErrorBody(NamedTuple):
    """`message` is "" and `code` None where there is none. `of_api`: whether it has a shape of this API's own errors,
    and not only one that every gateway's has."""

    message: str
    code: Any
    of_api: bool = False


def read_error(document: Any) -> ErrorBody:
    """The error in a body in any of the shapes that were seen.

    Shapes, in this order: `errors[].msg`, `errors[].message`, `message`, `error.message`, `error`.
    """
    if not isinstance(document, dict):
        return ErrorBody(document[:LONGEST_SEARCHED] if isinstance(document, str) else "", None)
    lowered = _lowered(document)
    errors = lowered.get("errors")
    if isinstance(errors, dict | str):
        errors = [errors]
    if isinstance(errors, list) and errors:
        entries = errors[:MOST_ERRORS]
        message = "; ".join(text for text in map(_message, entries) if text)
        code = next((code for code in map(_code, entries) if code is not None), None)
        return ErrorBody(message[:LONGEST_SEARCHED], code, of_api=True)
    error = lowered.get("error")
    inner = _message(error) if isinstance(error, dict | str) else ""
    own = next((text for text in (lowered.get("message"), lowered.get("msg")) if isinstance(text, str)), "")
    code = _code(error) if _code(error) is not None else _code(document)
    says_failure = is_failure_word(lowered.get("status")) or lowered.get("success") is False
    return ErrorBody((own or inner)[:LONGEST_SEARCHED], code, of_api=says_failure and bool(own or inner))


def is_failure_word(status: Any) -> bool:
    """Whether the `status` of an envelope is one of the words for failure."""
    return isinstance(status, str) and status.strip().lower() in ("error", "failure", "failed")


def _lowered(document: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in islice(document.items(), MOST_ERRORS * 1000)}


def _message(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        lowered = _lowered(error)
        for key in ("msg", "message", "error", "code"):
            if isinstance(lowered.get(key), str):
                return str(lowered[key])
    return ""


def _code(error: Any) -> Any:
    """The code of an error; some gateways name the HTTP status `statusCode` or `status`."""
    if not isinstance(error, dict):
        return None
    named = error.get("code")
    if isinstance(named, int | str):
        return named
    numbers = (error.get("statusCode"), error.get("status"))
    return next((number for number in numbers if isinstance(number, int) and not isinstance(number, bool)), None)


# What the words mean

_ABSENT = (
    r"(?:(?:not|never) (?:be )?(?:found|exist(?:s|ing)?)|(?:does|do|did) ?n[o'’]?t exist|no longer exists?"
    r"|(?:is|was|been) (?:already )?(?:deleted|removed))"
)
_NOT_FINDING = (
    r"(?:no such|no|unknown|non-?existent|(?:unable|failed|not able) to find|cannot find|can[’']?t find"
    r"|(?:could|did|can) ?n[o'’]?t find)"
)
_BENIGN = r"(?:(?:error|sorry|the|this|that|requested|specified|given|provided|sms|voice|any|an?|your|such|matching) )*"

_PARTS = (
    "services? servers? instances? tables? collections? ind(?:ex|ices) schemas? databases? db relations? columns? "
    "clusters? upstreams? sessions? nodes? pods? backends? workers? queues? namespaces? ns caches? topics? buckets? "
    "shards? replicas? locks? leases? connections? sockets? hosts? process(?:es)? handlers? functions? modules? "
    "containers? registr(?:y|ies) gateways? brokers? partitions? files? keys? volumes?"
).replace(" ", "|")
"""Parts of a service. One that is missing is a failure of the service."""

_OTHERS = (
    "streams? streamid bots? botid accounts? accountid apps? appid applications? users? tenants? organi[sz]ations? "
    "workspaces? templates? lists? scopes? permissions? roles? contacts? agents? flows? licen[sc]es? tokens? "
    "routes? paths? urls? apis? endpoints? pages? methods? managements? managers? types? status(?:es)? schedules? "
    "configurations? configs? features? reports?"
).replace(" ", "|")
"""Other things that may be missing: more likely since the settings are wrong than since the service fails."""

_CAMPAIGN = rf"(?:^|[:;,(\[{{] ?|\. ){_BENIGN}campaign(?:[ _]?id)?(?![-\w])"
_NO_CAMPAIGN = rf"{_NOT_FINDING} {_BENIGN}campaigns?(?:[ _]?id)?(?![-\w])(?! (?:{_PARTS}|{_OTHERS})\b)"
_WHICH_ONE = r"[ :#=(\[]*(?:of|in|for|with|by|under|within)\b"
_SOMETHING_ABSENT = rf"{_ABSENT}|{_NOT_FINDING} \w"
_PART_WORD = rf"\b(?:{_PARTS})\b"
_OTHER_WORD = rf"\b(?:{_OTHERS})\b"
_FOR_A_WHILE = (
    r"try(?:ing)? again|retry (?:later|after)|please (?:retry|wait)|tim(?:ed?|ing)[ -]?out|internal (?:server )?error"
    r"|temporar(?:il)?y|(?:currently|service|is) unavailable|bad gateway|over-?load|too busy|server (?:is )?busy"
    r"|connection (?:refused|reset|closed)|\bE(?:CONN\w+|TIMEDOUT)\b|hang up|deadlock|something went wrong|upstream"
)
_RATE_LIMIT = r"\brate[ -]?limit|too many requests"


@cache
def _words(pattern: str) -> re.Pattern[str]:
    """Made when it is first needed: most runs see no error, and all patterns together take as long as 30 requests."""
    return re.compile(pattern, re.IGNORECASE)


def _has(pattern: str, text: str) -> bool:
    return _words(pattern).search(text) is not None


def says_rate_limit(message: str) -> bool:
    """Whether a text says that the rate limit is exceeded (pages rate-limit and rate-limit-ccai)."""
    return _has(_RATE_LIMIT, message)


def says_campaign_missing(message: str) -> bool:
    """Whether an error says that the campaign does not exist, and not that something else does not."""
    plain = _plain(message)
    if _has(_NO_CAMPAIGN, plain):
        return True
    for subject in islice(_words(_CAMPAIGN).finditer(plain), MOST_ERRORS):
        absent = _words(_ABSENT).search(plain, subject.end(), subject.end() + LONGEST_SENTENCE)
        between = plain[subject.end() : absent.start()] if absent else ""
        # "Campaign service not found" is about a service, "campaign of this stream not found" about a campaign.
        if absent and (
            _words(_WHICH_ONE).match(between) or not (_has(_PART_WORD, between) or _has(_OTHER_WORD, between))
        ):
            return True
    return False


def says_service_fails(message: str) -> bool:
    """Whether an error says that the service failed, to be tried again: in words, or since a part of it is missing."""
    if _has(_FOR_A_WHILE, message):
        return True
    plain = _plain(message)
    return _has(_SOMETHING_ABSENT, plain) and _has(_PART_WORD, plain) and not says_campaign_missing(message)


def says_other_missing(message: str) -> bool:
    """Whether an error says that something is missing which is not the campaign: a stream, an account, a path."""
    plain = _plain(message)
    return _has(_SOMETHING_ABSENT, plain) and _has(_OTHER_WORD, plain) and not says_campaign_missing(message)


def _plain(message: str) -> str:
    """Without quotes, and with one blank between words."""
    return " ".join(re.sub(r"[\"'`“”]+(?!t\b)", " ", message[:LONGEST_SEARCHED]).split())
