"""What the text of an error means: no campaign, something else missing, the service fails, too many requests.

No page documents an error of the campaign calls. What may cost a campaign is read narrowly: only a text that says
that the *campaign* does not exist is a proof of absence; "ns not found" or "no such upstream cluster" is none.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

from exporter.text import LONGEST_SEARCHED

MOST_CAMPAIGNS = 20
"""Mentions of a campaign in a text that are looked at."""

LONGEST_SENTENCE = 200
"""Characters between a campaign and the words that say that it does not exist."""

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
    for subject in islice(_words(_CAMPAIGN).finditer(plain), MOST_CAMPAIGNS):
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
    return _has(_FOR_A_WHILE, message) or _says_missing(_PART_WORD, message)


def says_other_missing(message: str) -> bool:
    """Whether an error says that something is missing which is not the campaign: a stream, an account, a path."""
    return _says_missing(_OTHER_WORD, message)


def _says_missing(words: str, message: str) -> bool:
    """Whether an error says that something is missing which is not the campaign, and has one of the words."""
    plain = _plain(message)
    return _has(_SOMETHING_ABSENT, plain) and _has(words, plain) and not says_campaign_missing(message)


def _plain(message: str) -> str:
    """Without quotes, and with one blank between words."""
    return " ".join(re.sub(r"[\"'`“”]+(?!t\b)", " ", message[:LONGEST_SEARCHED]).split())
