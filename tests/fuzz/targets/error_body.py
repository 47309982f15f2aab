"""Error bodies: what is said, and what it means."""

from __future__ import annotations

from typing import Any, NamedTuple

from exporter.api.classify import classify_campaign, classify_list, decode_body
from exporter.api.endpoints import HttpResponse
from exporter.api.error_body import ErrorBody, read_error
from exporter.api.error_meaning import says_campaign_missing, says_other_missing, says_rate_limit, says_service_fails
from exporter.api.verdict import Verdict
from exporter.json_text import NotJson, loads
from exporter.text import LONGEST_SEARCHED
from tests.fuzz.http_text import response_in
from tests.fuzz.promises import check_verdict
from tests.fuzz.target import Target


class Judged(NamedTuple):
    """What is made of an error."""

    http: HttpResponse
    error: ErrorBody
    meanings: dict[str, bool]
    verdicts: list[Verdict]


def read(data: bytes) -> Judged:
    """As the answer of both calls."""
    http, _ = response_in(data)
    try:
        document: Any = loads(decode_body(http))
    except NotJson:
        document = decode_body(http)
    error = read_error(document)
    meanings = {
        "missing": says_campaign_missing(error.message),
        "other": says_other_missing(error.message),
        "fails": says_service_fails(error.message),
        "limit": says_rate_limit(error.message),
    }
    list_verdict = classify_list(http, url="https://h/list", now=0)
    verdicts = [classify_campaign(http, "cd-1", url="https://h/c", now=0)]
    return Judged(http, error, meanings, [*verdicts, *([list_verdict] if isinstance(list_verdict, Verdict) else [])])


def check(data: bytes, judged: Judged) -> None:
    """Bounded, and no absence from what says that the service fails."""
    assert len(judged.error.message) <= LONGEST_SEARCHED
    assert isinstance(judged.error.code, int | str | None)
    assert not (judged.meanings["missing"] and judged.meanings["other"])
    for verdict in judged.verdicts:
        check_verdict(verdict)
        if judged.http.status >= 500:
            assert verdict.kind in ("retry", "rate_limited")
        if verdict.kind == "not_found":
            assert judged.meanings["missing"] or judged.http.status in (404, 410)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "errors", "msg", "message", "code", "error", "status", "success", "statusCode", "detail", "title",
        "error_description", "campaign", "not found", "exceeded",
        "does not exist", "rate limit", "try again", "upstream", "no such campaign", "campaign store",
        "404\n\n", "400\n\n", "503\n\n", "200\n\n",
    ),
)  # fmt: skip
