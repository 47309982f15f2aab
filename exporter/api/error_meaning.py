"""What the text of an error means: no campaign, something else missing, the service fails, too many requests.

No page documents an error of the campaign calls. What may cost a campaign is read narrowly: only a text that says
that the *campaign* does not exist is a proof of absence; "ns not found" or "no such upstream cluster" is none. The
words that may stand between are listed, since those that may not ("Campaign store not found") have no end.
"""

from __future__ import annotations

import re
from functools import cache

from exporter.text import LONGEST_SEARCHED

_ABSENT = (
    r"(?:(?:\b(?:is|was|has|do|does|did|can|could) ?n[o'’]?t|\b(?:not|never)) (?:be(?:en)? )?(?:found|exist(?:s|ing)?)"
    r"|\bno longer exists?|\b(?:is|was|been) (?:already )?(?:deleted|removed))"
)
_CANNOT_FIND = (
    r"\b(?:no such|non-?existent|(?:unable|failed|not able) to find|cannot find|can[’']?t find"
    r"|(?:could|did|can) ?n[o'’]?t find)"
)
_NOT_FINDING = rf"(?:{_CANNOT_FIND}|\bno|\bunknown)"
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

_WORD = (
    r"(?:with|for|by|of|in|from|under|within|having|whose|matching|the|this|that|any|given|provided|requested|specified"
    r"|_?ids?|named?|called|numbers?|records?|entity|object|resource|item|it|is|was|has|have|does|do|did|could|can|be"
    r"|been|found|invalid|or|you|are|looking)"
)
"""Between a campaign and the words that say that it does not exist, and behind them."""

_WHERE = (
    r"(?:of|in|for|from|by|under|within)(?: (?:this|the|that|your|our|given))*"
    r" (?:streams?|streamid|bots?|botid|accounts?|accountid|apps?|appid|applications?|tenants?|organi[sz]ations?"
    r"|workspaces?|system|database|db|collection)"
)
_ID = r"cd-[\w-]+|(?=[\w-]*\d)(?![\w-]*[a-z]{4}(?<![a-f]{4}))[\w-]+|[^\s\w;]|\w"
"""With a digit and without a word ("dialer-2"), or a single character, but for the one that joins texts."""

_AROUND = rf"(?:[ :#=()\[\]]++(?>(?:{_WHERE}|{_WORD}|{_ID})(?![-\w]))){{0,20}}"
_CAMPAIGN_ABSENT = (
    rf"(?:(?:^|[:;,(\[{{] ?|\. ){_BENIGN}campaign(?:[ _]?id)?(?![-\w]){_AROUND}[ :)\]]*{_ABSENT}"
    rf"|{_NOT_FINDING} {_BENIGN}campaigns?(?:[ _]?id)?(?![-\w])(?: exists?)?){_AROUND}[ )\]]*(?:$|[.,;:!?])"
)
_NAME_IN_QUOTES = r"\b(campaign|id|named?|called)[ :=#(\[]+[\"'`“][^\"'`“”]{1,100}[\"'`”]"
_SOMETHING_ABSENT = rf"{_ABSENT}|{_NOT_FINDING} \w"
_A_THING_ABSENT = rf"{_ABSENT}|{_CANNOT_FIND} \w|\bno (?:[\w-]+ ){{1,5}}found"
_SAYS_NOTHING = (
    rf"{_ABSENT}|{_NOT_FINDING}|\b(?:{_WORD}|{_BENIGN}campaigns?|cd-[\w-]+|error|sorry|http|an?|sms|voice|your)\b"
)
_PART_WORD = rf"\b(?:{_PARTS})\b"
_OTHER_WORD = rf"\b(?:{_OTHERS})\b"
_FOR_A_WHILE = (
    r"try(?:ing)? (?:again|later|after)|retry(?:ing| (?:later|after|in|your|the))|please (?:retry|wait)"
    r"|tim(?:ed?|ing)[ -]?out|deadline[ _]exceeded|quota (?:is |was |has been )?exceeded|server[ _]?error"
    r"|internal[ _]?error|temporar(?:il)?y|unavailable|\bis (?:down|busy|locked)\b|maintenance|bad gateway|over-?load"
    r"|too busy|server busy|connection (?:refused|reset|closed)|too many (?:open )?connections|circuit ?breaker"
    r"|\bgetaddrinfo\b|\bE(?:CONN\w+|TIMEDOUT|NOTFOUND|AI_\w+)\b|hang up|deadlock|something went wrong|upstream"
    r"|slow down|exceeded the number of|at th(?:is|e) (?:time|moment)"
)
_NOT_ROUTED = (
    r"\broute[ds]?\b|\brouting\b|\b(?:back ?end|upstream|ingress|gateway|proxy|host|url|path)s?\b|cannot (?:get|post) /"
)
_RATE_LIMIT = r"(?<![^\W_])rate[\s_-]*limit(?![\s_-]*not[\s_-]*found)|(?<![^\W_])too[\s_-]*many[\s_-]*requests"
_EXCEEDED = (
    r"(?<!be )(?:exceed(?:ed|s|ing)|reached)|(?<![^\W_])hit(?![^\W_])|too[\s_-]*many|rate[\s_-]*limited|exhausted"
    r"|used up|throttled|surpassed|breached|violated|\bover (?:[\w-]+ ){0,3}rate"
)
"""But for what is said of any request: the limit "must not be exceeded"."""
_ANYTHING_ABSENT = rf"(?!(?<=; )not found\b)(?:{_A_THING_ABSENT})|{_NOT_FINDING} {_BENIGN}campaign"
"""But for the "Not Found" that a body has beside its error: it is the name of the status."""


@cache
def _words(pattern: str) -> re.Pattern[str]:
    """Made when it is first needed: most runs see no error, and all patterns together take as long as 30 requests."""
    return re.compile(pattern, re.IGNORECASE)


def _has(pattern: str, text: str) -> bool:
    return _words(pattern).search(text, 0, LONGEST_SEARCHED) is not None


def without_id(message: str, campaign_id: str) -> str:
    """The text of an error, with another ID in place of `campaign_id`: what stands in that one says nothing."""
    if not re.search(r"[^\s-]", _words(_SAYS_NOTHING).sub("", campaign_id)):
        return message
    return re.sub(rf"(?<![\w-]){re.escape(campaign_id)}(?![\w-])", "cd-0", message[:LONGEST_SEARCHED])


def says_rate_limit(message: str) -> bool:
    """Whether a text, or a code, says that the rate limit is exceeded (pages rate-limit and rate-limit-ccai).

    One that says that something does not exist may name the limit only, or a campaign that is called so.
    """
    plain = _plain(message)
    return _has(_RATE_LIMIT, plain) and (_has(_EXCEEDED, plain) or not _has(_ANYTHING_ABSENT, plain))


def says_campaign_missing(message: str) -> bool:
    """Whether an error says that the campaign does not exist, and not that something else does not."""
    plain = _plain(message)
    found = _words(_CAMPAIGN_ABSENT).search(plain)
    # What follows may take it back, as "Campaign not found: shard 3 is down" does.
    return found is not None and not _has(_PART_WORD, plain[found.end() :])


def says_service_fails(message: str) -> bool:
    """Whether an error says that the service failed, to be tried again: in words, or since a part of it is missing."""
    return _has(_FOR_A_WHILE, message) or _says_missing(_PART_WORD, message)


def says_other_missing(message: str) -> bool:
    """Whether an error says that something is missing which is not the campaign: a stream, an account, a path."""
    return _says_missing(_OTHER_WORD, message)


def says_not_routed(message: str) -> bool:
    """Whether an error is that of a gateway that knows no way to the service."""
    return _has(_NOT_ROUTED, message)


def says_unknown_missing(message: str) -> bool:
    """Whether an error says that something is missing of which no more is known than that it has a name."""
    return any(
        _has(_A_THING_ABSENT, sentence) and _has(r"[^\W\d_]{2}", _words(_SAYS_NOTHING).sub(" ", sentence))
        for sentence in re.split(r"[.;!?] ", _plain(message))
    )


def _says_missing(words: str, message: str) -> bool:
    """Whether an error says that something is missing which is not the campaign, and has one of the words."""
    plain = _plain(message)
    return _has(_SOMETHING_ABSENT, plain) and _has(words, plain) and not says_campaign_missing(message)


def _plain(message: str) -> str:
    """Without quotes, and with one blank between words; a campaign's name in quotes becomes an ID."""
    unnamed = _words(_NAME_IN_QUOTES).sub(r"\1 0 ", message[:LONGEST_SEARCHED])
    return " ".join(re.sub(r"[\"'`“”]+(?!t\b)", " ", unnamed).split())
