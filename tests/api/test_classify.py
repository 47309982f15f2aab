"""`exporter.api.classify`: what a response means, from a good campaign to a 429, a 404 or an outage."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.classify import LARGEST_ERROR, ListPage, classify_campaign, classify_list, decode_body, item_id
from exporter.api.endpoints import HttpResponse
from exporter.api.verdict import Verdict
from tests.support.costs import peak_memory
from tests.support.odd_responses import odd_responses

ORIGIN = "https://platform.kore.ai"
ASKED = "/campaign/api/v2/public/st-1/campaign/cd-1?accountId=a"
NOW = 1_780_000_000.0


def judged(status: int, body: Any, **more: Any) -> tuple[str, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    verdict = classify_campaign(HttpResponse(status, raw, **more), "cd-1", url=ORIGIN + ASKED, now=NOW)
    return verdict.kind, verdict.error


def error(message: str, code: Any = None) -> dict[str, Any]:
    return {"errors": [{"msg": message} if code is None else {"msg": message, "code": code}]}


@pytest.mark.parametrize("key", ["_id", "id", "campId"])
def test_a_success_answer_about_the_id_is_good(key: str) -> None:
    body = {"status": "Success", "message": "Campaign rate limit not found retrieved", "data": {key: "cd-1"}}
    verdict = classify_campaign(HttpResponse(200, json.dumps(body).encode()), "cd-1", url=ORIGIN + ASKED, now=NOW)
    assert verdict.kind == "good"
    assert json.loads(verdict.text) == body


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"status": "success", "data": {"_id": "cd-2"}}, "wrong_campaign"),
        (200, {"status": "success", "data": {"results": [], "totalResults": 0}}, "wrong_campaign"),
        (200, {"status": "success", "data": {}}, "invalid"),
        (200, {"status": "success", "data": None}, "invalid"),
        (200, {"status": "success", "data": [1]}, "invalid"),
        (200, {"status": "success", "data": {"name": "x"}}, "invalid"),
        (200, [], "invalid"),
        (200, {}, "invalid"),
        (200, {"message": "You've exceeded the per-minute rate limit."}, "rate_limited"),
        (200, {"message": "Campaign not found"}, "invalid"),
        (200, {"message": "Campaign not found retrieved successfully", "data": {"_id": "cd-1"}}, "good"),
        (200, {"status": "error", "message": "what"}, "invalid"),
        (200, {"status": "failure", "message": "Campaign not found", "data": None}, "invalid"),
        (200, {"success": False, "error": {"code": "X", "message": "No such campaign"}}, "invalid"),
        (404, {"success": False, "error": {"code": "X", "message": "No such campaign"}}, "not_found"),
        (422, {"status": "failure", "message": "Campaign not found", "data": None}, "not_found"),
        (200, {"status": "error", "message": "You've exceeded the per-minute rate limit."}, "rate_limited"),
        (400, {"message": "Rate limit for this API has been reached."}, "rate_limited"),
        (400, error("Campaign not found", 400), "not_found"),
        (400, error("Invalid StreamId", 400), "invalid"),
        (400, error("Stream not found", 400), "invalid"),
        (401, error("Invalid SDK credentials", 4002), "denied"),
        (403, error("Invalid values in the body"), "denied"),
        (200, error("Invalid JWT token", 4002), "denied"),
        (408, b"", "retry"),
        (425, b"", "retry"),
        (429, b"", "rate_limited"),
        (500, error("boom"), "retry"),
        (503, b"<html>busy</html>", "retry"),
        (200, b"", "retry"),
        (200, b'{"status": "success", "data": {"_id": "cd', "retry"),
        (200, b"<!DOCTYPE html><html>", "retry"),
        (418, {"message": "teapot"}, "invalid"),
        (204, b"", "retry"),
        # What decides between two meanings.
        (200, error("x", "401"), "denied"),
        (200, error("Campaign not found", 401), "invalid"),
        (400, error("Campaign not found", 401), "not_found"),
        (400, error('Campaign "Rate limit" not found'), "not_found"),
        (400, b"rate limit reached", "rate_limited"),
        (400, b"campaign not found", "invalid"),
        (400, error("Campaign of this stream not found"), "not_found"),
        (400, error("It does not exist"), "invalid"),
        (400, error("user not found"), "invalid"),
        (199, {"data": {"_id": "cd-1"}}, "invalid"),
        (399, b"", "led_away"),
        (400, b"", "invalid"),
        (499, b"", "retry"),
        (599, b"", "retry"),
        (402, error("x"), "invalid"),
        (409, b"", "retry"),
    ],
)  # fmt: skip
def test_every_answer_has_its_meaning(status: int, body: Any, kind: str) -> None:
    assert judged(status, body)[0] == kind


def test_a_redirect_within_the_origin_is_followed_and_one_away_from_it_is_not() -> None:
    within = classify_campaign(HttpResponse(302, b"", location="/other?x=1"), "cd-1", url=ORIGIN + ASKED, now=NOW)
    assert within == Verdict("redirect", "HTTP 302", text=f"{ORIGIN}/other?x=1")
    kind, told = judged(307, b"", location="https://evil.example/x")
    assert kind == "led_away"
    assert told.startswith("HTTP 307 redirects to another origin")
    assert judged(302, b"")[0] == "led_away"


def test_a_list_page_is_read_with_what_it_says_of_itself() -> None:
    body = {"status": "success", "data": {"results": [{"id": "a"}, 7], "hasMore": True, "totalResults": 9}}
    page = classify_list(HttpResponse(200, json.dumps(body).encode()), url=ORIGIN + ASKED, now=NOW)
    assert page == ListPage(({"id": "a"}, {}), True, 9, len(json.dumps(body)))


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "unicode_escape", "rot13", "a\x00b", "\udcff", None])
def test_a_byte_that_is_no_utf_8_costs_a_character_and_not_the_campaign(charset: str | None) -> None:
    """Nor is a charset tried that is none for JSON."""
    response = HttpResponse(200, b'{"status":"success","data":{"_id":"a","name":"\xff+2D0-"}}', charset=charset)
    verdict = classify_campaign(response, "a", url=ORIGIN + ASKED, now=0.0)
    assert verdict == Verdict("good", text='{"status":"success","data":{"_id":"a","name":"\ufffd+2D0-"}}')


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"status":"success","data":{"_id":"cd-\xe9"}}', "wrong_campaign"),
        (200, b'{"status":"succ\xe9ss","data":{"_id":"cd-1"}}', "invalid"),
        (200, b'{"status":"success","\xe9":1,"data":{"_id":"cd-1"}}', "good"),
        (400, b'{"errors":[{"msg":"campaign \xe9 not found"}]}', "not_found"),
        (200, b"\xff\xfe" + '{"data":{"_id":"cd-1"}}'.encode("utf-16-le"), "good"),
    ],
)
def test_bytes_that_are_no_utf_8_in_the_id_the_status_or_a_key_end_in_a_verdict(
    status: int, body: bytes, kind: str
) -> None:
    assert judged(status, body)[0] == kind


def test_an_id_that_is_no_text_or_number_is_no_id() -> None:
    for found in ("[" * 400 + "]" * 400, '{"a":1}', "true"):
        answer = HttpResponse(200, b'{"status":"success","data":{"_id":' + found.encode() + b"}}")
        assert classify_campaign(answer, found, url=ORIGIN + ASKED, now=0.0).kind in ("invalid", "retry")


def test_a_list_item_whose_id_no_file_could_hold_has_none() -> None:
    odd: tuple[object, ...] = ("a\x1b[2J", "x" * 257, "a\ud800", "\u200b", ["x"], {}, None, True)
    for value in odd:
        assert item_id({"_id": value}) is None
    for text in ("../../x", "x" * 256):
        assert item_id({"_id": text}) == text
    assert item_id({"_id": "\ufeff cd-1\u200b"}) == "cd-1", "trimmed as in an IDs file"


@pytest.mark.parametrize(("before", "after"), [(b'{"errors":[{"msg":"', b'"}]}'), (b"", b"")])
def test_a_message_made_of_beginnings_of_tokens_takes_no_time(before: bytes, after: bytes) -> None:
    """The search for tokens takes the square of a text's length, so no long text is searched."""
    assert judged(400, before + b"eyJ" * 300_000 + after)[0] == "invalid"


@given(odd_responses, st.text(min_size=1, max_size=10))
def test_whatever_the_answer_is_it_is_judged(answer: HttpResponse, campaign_id: str) -> None:
    for verdict in (
        classify_campaign(answer, campaign_id, url=ORIGIN + ASKED, now=1e9),
        classify_list(answer, url=ORIGIN + ASKED, now=1e9),
    ):
        if isinstance(verdict, Verdict):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", verdict.error)
            (verdict.error + verdict.text).encode()
            assert verdict.retry_after is None or 0 <= verdict.retry_after < 1e13


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": " SUCCESS ", "data": {"_id": "cd-1"}}, "good"),
        ({"data": {"_id": "cd-1"}}, "good"),
        ({"data": {"_id": None, "id": "cd-1"}}, "good"),
        ({"status": "success", "data": {"_id": "cd-1"}, "errors": []}, "good"),
        ({"status": "success", "data": {"_id": "cd-1"}, "success": True}, "good"),
        ({"status": "success", "data": {"_id": "cd-1"}, "success": None}, "good"),
        ({"status": "success", "data": {"_id": "cd-1"}, "success": False}, "invalid"),
        ({"status": "success", "data": {"_id": "cd-1"}, "errors": [{"msg": "x"}]}, "invalid"),
        ({"status": None, "data": {"_id": "cd-1"}}, "invalid"),
        ({"status": "success", "data": {"_id": "cd-2", "id": "cd-1"}}, "wrong_campaign"),
    ],
)
def test_a_success_answer_says_success_and_no_error_and_carries_the_id(body: Any, kind: str) -> None:
    assert judged(200, body)[0] == kind
    assert judged(299, body)[0] == kind
    assert judged(300, body)[0] == "led_away"


def test_a_number_as_an_id_is_the_same_id() -> None:
    body = b'{"status":"success","data":{"_id":17}}'
    assert classify_campaign(HttpResponse(200, body), "17", url=ORIGIN + ASKED, now=NOW) == Verdict(
        "good", text=body.decode()
    )


def test_a_good_answer_in_the_charset_that_its_header_names_is_read() -> None:
    body = '{"status":"success","data":{"_id":"cd-1","name":"é"}}'
    answer = HttpResponse(200, body.encode("latin-1"), charset="iso-8859-1")
    assert classify_campaign(answer, "cd-1", url=ORIGIN + ASKED, now=NOW) == Verdict("good", text=body)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, {"status": "success", "data": {}}, "a success answer without a campaign in it"),
        (200, {"status": "success", "data": {}, "message": "please try again"},
         "a success answer without a campaign in it, which says that the service fails"),
        (200, {"status": "success", "data": {"name": "x"}}, "a success answer whose campaign has no ID"),
        (200, {"status": "success", "data": {"results": []}}, "the answer is that of a list call"),
        (200, {"status": "success", "data": {"_id": "cd-2"}}, "the answer is about another campaign: cd-2"),
        (200, {"status": "success", "data": {"id": "x" * 99}},
         "the answer is about another campaign: " + "x" * 79 + "…"),
        (200, {"status": "error", "message": "what"}, "not a success answer: HTTP 200: what"),
        (200, {"status": "error"}, "not a success answer: HTTP 200"),
        (299, {"status": "error"}, "not a success answer: HTTP 299"),
        (418, {"message": "tea\npot"}, "HTTP 418: tea pot"),
        (418, {"message": "x" * 300}, "HTTP 418: " + "x" * 199 + "…"),
        (418, b"<p>tea</p>", "HTTP 418: <p>tea</p>"),
        (500, {"message": "boom"}, "HTTP 500: boom"),
        (200, b"", "HTTP 200, but the body is empty"),
        (200, b" \n", "HTTP 200, but the body is empty"),
        (200, b" <!DOCTYPE HTML><html>", "HTTP 200, but the body is an HTML page"),
        (200, b"<HTML>", "HTTP 200, but the body is an HTML page"),
        (200, b'{"data": ', "HTTP 200, but the body is cut off or not JSON"),
        (200, b"\xff\xfe", "HTTP 200, but the body is cut off or not JSON"),
        (200, b'{"data": {"_id": "cd-1", "x": -Infinity}}', "HTTP 200, but the body is not JSON: it holds -Infinity"),
        (401, error("Invalid SDK credentials", 4002), "HTTP 401: Invalid SDK credentials"),
        (404, b"", "HTTP 404"),
        (429, error("wait"), "HTTP 429: wait"),
    ],
)  # fmt: skip
def test_each_verdict_says_what_came(status: int, body: Any, told: str) -> None:
    assert judged(status, body)[1] == told


def test_a_429_carries_what_its_retry_after_says() -> None:
    later = datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for header, seconds in (("7", 7.0), (later, 90.0), (None, None)):
        verdict = classify_campaign(HttpResponse(429, b"{}", retry_after=header), "cd-1", url=ORIGIN + ASKED, now=NOW)
        assert verdict == Verdict("rate_limited", "HTTP 429", retry_after=seconds)
        assert classify_list(HttpResponse(429, b"{}", retry_after=header), url=ORIGIN + ASKED, now=NOW) == verdict


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
def test_a_date_in_retry_after_is_one_of_the_services_clock(off: float) -> None:
    def date(seconds: float) -> str:
        return datetime.fromtimestamp(NOW + off + seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    answer = HttpResponse(429, b"{}", retry_after=date(90), date=date(0))
    assert classify_campaign(answer, "cd-1", url=ORIGIN + ASKED, now=NOW).retry_after == 90.0


def test_an_oversized_body_is_judged_by_its_status_first() -> None:
    good = {"status": "success", "data": {"_id": "cd-1"}}
    assert judged(200, good, oversized=True) == ("invalid", "HTTP 200: the body is longer than --max-body allows")
    assert judged(404, good, oversized=True)[0] == "gateway_404"
    assert judged(500, good, oversized=True)[0] == "retry"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "success", "data": []}, "a list answer without `data.results`"),
        ({"status": "success", "data": {"results": {}}}, "a list answer whose `data.results` is not a list"),
        ({"status": "success", "data": {}}, "a list answer without `data.results`"),
        ({"status": "error", "message": "x"}, "not a success answer: HTTP 200: x"),
    ],
)
def test_a_list_answer_without_results_is_invalid(body: Any, told: str) -> None:
    page = classify_list(HttpResponse(200, json.dumps(body).encode()), url=ORIGIN + ASKED, now=NOW)
    assert page == Verdict("invalid", told)


@pytest.mark.parametrize(
    ("more", "total", "read"),
    [
        (False, 0, (False, 0)), ("true", "120", (True, 120)), (" False", "9.0", (False, 9)), (1, True, (None, None)),
        (None, 2.5, (None, None)), ("yes", "many", (None, None)), (None, -5, (None, None)), (None, 1e300, (None, None)),
        (None, 20.0, (None, 20)), ([], {}, (None, None)), (None, "9" * 400, (None, None)),
    ],
)  # fmt: skip
def test_flags_and_numbers_of_a_list_page_are_read_as_text_too(more: Any, total: Any, read: Any) -> None:
    body = {"data": {"results": None, "hasMore": more, "totalResults": total}}
    page = classify_list(HttpResponse(200, json.dumps(body).encode()), url=ORIGIN + ASKED, now=NOW)
    more_read, total_read = read
    assert page == ListPage((), more_read, total_read, len(json.dumps(body)))


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"_id": "a", "id": "b", "campId": "c"}, "a"), ({"id": "b", "campId": "c"}, "b"), ({"campId": "c"}, "c"),
        ({"_id": 7}, "7"), ({"_id": True, "id": "b"}, "b"), ({"_id": "", "id": None, "campId": "c"}, "c"),
        ({"_id": ["a"]}, None), ({}, None),
    ],
)  # fmt: skip
def test_the_id_of_a_list_item_is_the_first_that_is_one(item: Any, found: str | None) -> None:
    assert item_id(item) == found


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"])
def test_a_body_in_another_form_of_unicode_is_read_with_or_without_a_mark(name: str) -> None:
    body = '{"status":"success","data":{"_id":"cd-1","name":"naïve 日本"}}'
    verdict = classify_campaign(HttpResponse(200, body.encode(name)), "cd-1", url=ORIGIN + ASKED, now=NOW)
    assert (verdict.kind, verdict.text.removeprefix("\ufeff")) == ("good", body)


def test_a_body_is_utf_8_or_what_its_header_names() -> None:
    assert decode_body(HttpResponse(200, "é".encode(), charset="latin-1")) == "é"
    assert decode_body(HttpResponse(200, b"\xe9", charset="latin-1")) == "é"
    for charset in (None, "", "no such charset", "ascii", "a\0b"):
        assert decode_body(HttpResponse(200, b"\xe9", charset=charset)) == "\ufffd"


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be"])
def test_a_text_that_begins_with_a_mark_of_utf_16_needs_no_header(mark: str) -> None:
    """No character of it is ASCII, as those of JSON are, so no byte of it is zero."""
    assert decode_body(HttpResponse(502, "\ufeff網關錯誤".encode(mark))) == "網關錯誤"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 530, 599, 408, 425, 409, 421, 423, 449, 499])
@pytest.mark.parametrize("message", ["Campaign not found", "Invalid JWT token", "Not found", "ns not found"])
def test_whatever_a_failure_of_the_service_says_in_its_text_it_is_retried(status: int, message: str) -> None:
    for body in (error(message, 404), error(message, 4002), {"status": status, "message": message}, message.encode()):
        assert judged(status, body)[0] == "retry"
    assert judged(429, error(message))[0] == "rate_limited"


@pytest.mark.parametrize("status", [200, 400, 404, 410, 422])
def test_a_part_of_the_service_that_is_missing_is_no_absence_of_the_campaign(status: int) -> None:
    message = "Unable to find instance for campaign-service"
    assert judged(status, error(message))[0] == "retry"
    assert judged(status, {"status": "failure", "message": message, "data": None})[0] == "retry"


@pytest.mark.parametrize("status", [200, 400, 404, 410, 422])
@pytest.mark.parametrize(
    "message",
    ["Campaign store not found", "Campaign data source not found", "No campaign engine found", "Dialer not found",
     "Campaign provider could not be resolved: not found", "Campaign cd-1 exists but its dialer was not found",
     "campaign: getaddrinfo ENOTFOUND campaign-db", "campaign not found in cache, reloading", "Campaign not found yet"],
)  # fmt: skip
def test_an_unknown_thing_that_is_missing_is_asked_for_again(status: int, message: str) -> None:
    """It may be a part of the service. A 404 that says so again, while others are answered, is believed."""
    again = ("retry", "gateway_404") if status in (404, 410) else ("retry",)
    assert judged(status, error(message, 404))[0] in again


@pytest.mark.parametrize("status", [400, 404, 410, 422])
@pytest.mark.parametrize("campaign_id", ["cd-1", "nope", "missing-one", "Spring Sale", "upstream-2", "7", "Rate limit"])
@pytest.mark.parametrize(
    "text",
    ["Campaign {} not found", "campaign_id {} not found", "No campaign found with id {}", "Unknown campaign {}",
     "Could not find campaign {}", "The campaign {} has been deleted", "Campaign not found: {}",
     "Campaign id {} is invalid or does not exist", "Campaign {} doesn't exist for the given account",
     "We couldn't find the campaign {} you are looking for"],
)  # fmt: skip
def test_whatever_stands_in_the_id_that_was_asked_for_its_absence_is_read(
    status: int, campaign_id: str, text: str
) -> None:
    body = json.dumps(error(text.format(campaign_id))).encode()
    assert classify_campaign(HttpResponse(status, body), campaign_id, url=ORIGIN + ASKED, now=NOW) == Verdict(
        "not_found", f"HTTP {status}: {text.format(campaign_id)}"
    )


LIMITED: list[dict[str, Any]] = [
    *(error(text) for text in (
        "RATE_LIMIT_EXCEEDED", "rate_limit_exceeded", "RateLimitExceeded", "rate-limit exceeded",
        "TOO_MANY_REQUESTS", "TooManyRequests", "You've exceeded the per-minute rate\nlimit.",
        "per-minute rate  limit", "API_RATE_LIMIT", "Campaign not found: rate limit exceeded",
        "Too many requests, campaign not found",
    )),
    error("refused", "RateLimitExceeded"), error("refused", "TOO_MANY_REQUESTS"),
    {"success": False, "error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Request refused"}},
    {"title": "Too Many Requests", "status": 400}, {"title": "x", "detail": "The rate limit is exceeded"},
    {"error": "invalid_request", "error_description": "Rate limit exceeded"},
]  # fmt: skip


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500])
def test_the_rate_limit_is_read_in_every_spelling_and_place(status: int) -> None:
    for body in LIMITED:
        assert judged(status, body)[0] == "rate_limited", body


MISSING_AND_A_LIMIT = [
    "Campaign not found. Rate limit: 60 per minute", "Campaign not found: Rate limit test",
    "Unknown campaign: rate limit test", "Campaign not found: rate-limit-test", "Campaign not found: Too many calls",
    "Campaign not found. Rate limit: 60 per minute. Support can be reached by mail.",
    "Campaign not found. The rate limit of 60 per minute must not be exceeded.",
    'Campaign "Too many requests" not found', "No campaign with the name 'Rate limit exceeded' found",
]  # fmt: skip


@pytest.mark.parametrize("message", MISSING_AND_A_LIMIT)
def test_an_absence_whose_text_names_the_rate_limit_pauses_no_worker(message: str) -> None:
    """It would without end: another try gives the same text."""
    for status, kind in ((404, "not_found"), (410, "not_found"), (400, "not_found"), (403, "not_found"),
                         (422, "not_found"), (200, "invalid"), (500, "retry"), (401, "denied")):  # fmt: skip
        assert judged(status, {"status": "error", "message": message})[0] == kind
        assert judged(status, error(message, status))[0] == kind


@pytest.mark.parametrize(
    "message", ["Campaign Rate limit test not found", "Could not find the campaign Rate limit test",
                "Unknown campaign Rate limit test", "'Rate limit test' campaign not found",
                "Rate limit policy not found", "Resource not found. Rate limit: 60 per minute",
                "Campaign cd-1 does not exist (rate limit 60/min)", "Not found; rate limit: 60 over the last minute"],
)  # fmt: skip
def test_whatever_is_missing_its_name_is_no_rate_limit(message: str) -> None:
    for status in (200, 400, 403, 404, 410, 422, 500):
        assert judged(status, {"status": "error", "message": message})[0] != "rate_limited"
        assert judged(status, message.encode())[0] != "rate_limited"


@pytest.mark.parametrize(
    "message", ["Campaign not found: the rate limit was reached", "Campaign not found: you hit the rate limit",
                "Campaign not found, since you are rate limited", "Rate limit exhausted: campaign not found",
                "Stream not found: RATE_LIMIT_HIT", "Campaign not found. Rate limit: 60. You have exceeded it.",
                "Campaign not found: you are over the per-minute rate limit"],
)  # fmt: skip
def test_a_rate_limit_that_is_said_to_be_exceeded_is_one_whatever_is_missing(message: str) -> None:
    for status in (200, 400, 403, 404, 410, 422, 500):
        assert judged(status, error(message))[0] == "rate_limited"
        assert judged(status, message.encode())[0] == "rate_limited"


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (403, {"title": "Forbidden", "error": "Rate limit exceeded"}, "rate_limited", "Rate limit exceeded; Forbidden"),
        (400, {"error": {"message": "Too many requests."}, "detail": "see docs"}, "rate_limited",
         "Too many requests; see docs"),
        (400, {"error": {"message": "try again later"}, "title": "Bad Request"}, "retry",
         "try again later; Bad Request"),
        (400, {"title": "Bad Request", "error": {"message": "Campaign not found"}}, "not_found",
         "Campaign not found; Bad Request"),
        (400, {"error": "rate_limit_exceeded", "error_description": "a\nb"}, "rate_limited",
         "rate_limit_exceeded; a b"),
        (404, {"error": "API_RATE_LIMIT", "title": "Not Found"}, "rate_limited", "API_RATE_LIMIT; Not Found"),
        (404, {"error": "Campaign not found", "detail": "Rate limit: 60 per minute"}, "not_found",
         "Campaign not found; Rate limit: 60 per minute"),
        # A status's name beside a word of failure is no error of the API.
        (404, {"status": "error", "title": "Not Found"}, "gateway_404", "Not Found"),
        (404, {"success": False, "detail": "Not Found", "error": " "}, "gateway_404", "Not Found"),
        (404, {"success": False, "title": "Campaign #", "error_description": "not found"}, "gateway_404",
         "not found; Campaign #"),
        (404, {"success": False, "detail": "Campaign #", "title": "not found"}, "gateway_404", "Campaign #; not found"),
    ],
)  # fmt: skip
def test_no_text_of_an_error_hides_another(status: int, body: Any, kind: str, told: str) -> None:
    assert judged(status, body) == (kind, f"HTTP {status}: {told}")


SAYS_SOMETHING = st.sampled_from(
    ["Rate limit exceeded", "RATE_LIMIT", "Too many requests.", "Please try again later", "Bad gateway",
     "Campaign not found", "Campaign cd-1 does not exist."]
)  # fmt: skip
SAYS_NOTHING: st.SearchStrategy[Any] = st.sampled_from(
    ["Bad Request", "Forbidden", "see docs", "about:blank", "E17", "", " \n", None, 7, [], {}]
)
PLACES = ("message", "msg", "error", "detail", "error_description", "title")


@given(
    status=st.sampled_from([200, 400, 403, 404, 410, 422, 500]),
    envelope=st.sampled_from([{}, {"status": "error"}, {"success": False}]),
    text=SAYS_SOMETHING,
    place=st.sampled_from(PLACES),
    inner=st.sampled_from([None, "message", "msg"]),
    neighbours=st.dictionaries(st.sampled_from(PLACES[2:]), SAYS_NOTHING),
    order=st.randoms(use_true_random=False),
)
def test_what_one_text_of_an_error_means_its_neighbours_do_not_hide(
    status: int, envelope: Any, text: str, place: str, inner: str | None, neighbours: dict[str, Any], order: Random
) -> None:
    placed: Any = {inner: text} if inner and place == "error" else text
    alone = {**envelope, place: placed}
    entries = list({**neighbours, **alone}.items())
    order.shuffle(entries)
    assert judged(status, dict(entries))[0] == judged(status, alone)[0]


@pytest.mark.parametrize("text", ["Retry in 5 seconds", "retrying", "Please try again", "Retry later"])
def test_an_absence_that_is_said_of_the_moment_is_asked_again(text: str) -> None:
    assert judged(404, error(f"Campaign not found. {text}"))[0] == "retry"


def test_a_code_without_end_is_not_searched_to_its_end() -> None:
    """4 MB took seconds."""
    assert judged(200, error("x", "t " * 2000 + "rate limit"))[0] == "invalid"


@pytest.mark.parametrize(
    "message", ["Stream not found", "Account does not exist", "Template for campaign cd-1 not found", "No such user"]
)
def test_another_thing_that_is_missing_is_no_absence_of_the_campaign(message: str) -> None:
    assert judged(400, error(message))[0] == "invalid"
    assert judged(404, error(message))[0] == "invalid"
    assert judged(200, {"status": "error", "message": message})[0] == "invalid"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"Not Found", b"default backend - 404", b"<html><h1>404 Not Found</h1></html>", {}, [], "Not Found",
        {"message": "Not Found"}, {"message": "no Route matched with those values"},
        {"timestamp": "2026-01-01", "status": 404, "error": "Not Found", "path": "/campaign/api/v2"},
        {"statusCode": 404, "message": "Cannot GET /campaign", "error": "Not Found"},
        {"errors": [{"status": "404", "title": "Not Found"}]}, {"errors": ["Not Found"]}, {"errors": "gone"},
        {"success": False, "errors": [{"code": 7003, "message": "Could not route to /campaign/api/v2"}]},
        {"status": "error", "message": "default backend - 404"}, error("Route not found"),
    ],
)  # fmt: skip
def test_a_404_that_any_gateway_gives_is_no_proof_of_absence(body: Any) -> None:
    assert judged(404, body)[0] == "gateway_404"
    assert judged(410, body)[0] == "gateway_404"


@pytest.mark.parametrize(
    "body",
    [
        error("Campaign not found", 404), error("Not found"), {"status": "error", "message": "x"},
        error("cd-1 not found"), error("Resource not found"), error("Entity with id 'cd-1' does not exist"),
        {"success": False, "error": {"code": "X", "message": "no"}}, {"message": "Campaign cd-1 does not exist"},
        {"error": "No such campaign"}, {"status": 404, "message": "The requested campaign was not found"},
    ],
)  # fmt: skip
def test_a_404_with_an_error_of_the_api_is_absence(body: Any) -> None:
    assert judged(404, body)[0] == "not_found"
    assert judged(410, body)[0] == "not_found"


@pytest.mark.parametrize("status", [404, 410])
def test_a_404_whose_body_is_a_success_answer_is_no_absence(status: int) -> None:
    told = f"HTTP {status}, but the body is a success answer"
    assert judged(status, {"status": "success", "data": {"_id": "cd-1"}}) == ("retry", told)
    body = json.dumps({"status": "success", "data": {"results": [{"id": "cd-1"}]}}).encode()
    assert classify_list(HttpResponse(status, body), url=ORIGIN + ASKED, now=NOW) == Verdict("retry", told)
    assert judged(status, {"status": "success", "data": None})[0] == "gateway_404"


@pytest.mark.parametrize(
    "message",
    ["Request timed out", "Internal Server Error", "Please try again later", "Gateway Timeout", "connect ECONNREFUSED",
     "The service is temporarily unavailable", "Something went wrong", "Deadlock found", "socket hang up",
     "context deadline exceeded", "DEADLINE_EXCEEDED", "Try later", "Please try after some time", "Try after sometime",
     "Retry your request", "service_unavailable", "Server error", "InternalServerError", "INTERNAL_ERROR",
     "Service is down for maintenance", "Too many connections", "Circuit breaker is open", "Resource is locked",
     "API calls quota exceeded", "getaddrinfo EAI_AGAIN db", "Slow down", "You have exceeded the number of requests",
     "Unable to process your request at this time"],
)  # fmt: skip
def test_an_error_of_the_moment_inside_another_status_is_retried(message: str) -> None:
    assert judged(200, {"status": "error", "message": message})[0] == "retry"
    assert judged(400, error(message))[0] == "retry"
    assert judged(200, {"status": "success", "message": message, "data": None})[0] == "retry"
    assert judged(401, error(message))[0] == "denied"


@pytest.mark.parametrize("status", [200, 400, 403, 404, 410, 422])
@pytest.mark.parametrize(
    "message",
    ["Campaign not found, please try again", "Campaign cd-1 could not be found: the look-up timed out",
     "No such campaign. Try again later."],
)  # fmt: skip
def test_an_absence_of_the_moment_is_no_proof(status: int, message: str) -> None:
    assert judged(status, error(message, 404))[0] == "retry"
    assert judged(status, {"status": "failure", "message": message, "data": None})[0] == "retry"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(500, "retry"), ("503", "retry"), (408, "retry"), (429, "rate_limited"), (404, "invalid"), (500.0, "retry"),
     ("UNAVAILABLE", "retry"), ("NO_SUCH_KIND", "invalid")],
)  # fmt: skip
def test_a_status_inside_another_status_counts(code: Any, kind: str) -> None:
    assert judged(200, error("oops", code))[0] == kind
    assert judged(400, error("oops", code))[0] == kind
    assert judged(200, {"error": {"code": code}})[0] == kind
    if code not in ("UNAVAILABLE", "NO_SUCH_KIND"):
        for key in ("statusCode", "httpStatus", "status"):
            assert judged(200, {key: code, "message": "oops"})[0] == kind


@pytest.mark.parametrize("status", [429, 503, 500, 408, 404, 409])
def test_retry_after_is_read_whatever_the_status(status: int) -> None:
    verdict = classify_campaign(HttpResponse(status, b"", retry_after="7"), "cd-1", url=ORIGIN + ASKED, now=NOW)
    assert verdict.retry_after == 7.0


def test_a_403_whose_error_says_that_the_campaign_does_not_exist_is_absence_and_a_401_never() -> None:
    assert judged(403, error("Campaign not found"))[0] == "not_found"
    assert judged(401, error("Campaign not found"))[0] == "denied"


def test_a_list_answer_out_of_step_is_known_as_such() -> None:
    body = json.dumps({"status": "success", "data": {"_id": "cd-1", "name": "n"}}).encode()
    page = classify_list(HttpResponse(200, body), url=ORIGIN + ASKED, now=NOW)
    assert isinstance(page, Verdict)
    assert (page.kind, page.error) == ("wrong_campaign", "the answer is that of a single campaign")


LARGE_ERRORS: dict[str, Callable[[], bytes]] = {
    "message": lambda: b'{"message":"' + b"campaign of the x not found " * 600_000 + b'"}',
    "errors": lambda: b'{"errors":[' + b'{"msg":"campaign x, no such y"},' * 500_000 + b'{"msg":"z"}]}',
    "keys": lambda: b"{" + b",".join(b'"k%d":"not found"' % n for n in range(700_000)) + b"}",
    "text": lambda: b"campaign not found " * 800_000,
    "undecodable": lambda: b'{"message":"\xff' + b"campaign of the x not found " * 600_000 + b'"}',
}


@pytest.mark.parametrize("kind", LARGE_ERRORS)
@pytest.mark.parametrize("status", [400, 500])
def test_of_an_error_of_16_mib_no_more_than_a_part_is_read(status: int, kind: str) -> None:
    body = LARGE_ERRORS[kind]()
    assert peak_memory(lambda: judged(status, body)) < 2**20


def test_an_error_body_is_read_as_json_up_to_its_bound() -> None:
    body = json.dumps(error("Campaign not found")).encode()
    assert judged(400, body.ljust(LARGEST_ERROR))[0] == "not_found"
    assert judged(400, body.ljust(LARGEST_ERROR + 1))[0] == "invalid"
