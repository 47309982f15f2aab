"""`exporter.api.classify`: what an answer means."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from exporter.api.classify import ListPage, classify_campaign, decode_body, item_id, read_list_page, read_retry_after
from exporter.api.endpoints import HttpResponse, Verdict
from exporter.text import one_line
from tests.support.json_values import json_values

ORIGIN = "https://platform.kore.ai"
NOW = 1_780_000_000.0
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def judged(status: int, body: Any, **more: Any) -> tuple[str, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    verdict = classify_campaign(HttpResponse(status, raw, **more), "cd-1", origin=ORIGIN, now=NOW)
    return verdict.kind, verdict.error


def error(message: str, code: Any = None) -> dict[str, Any]:
    return {"errors": [{"msg": message} if code is None else {"msg": message, "code": code}]}


@pytest.mark.parametrize("key", ["_id", "id", "campId"])
def test_a_success_answer_about_the_id_is_good(key: str) -> None:
    body = {"status": "Success", "message": "Campaign rate limit not found retrieved", "data": {key: "cd-1"}}
    verdict = classify_campaign(HttpResponse(200, json.dumps(body).encode()), "cd-1", origin=ORIGIN, now=NOW)
    assert verdict.kind == "good"
    assert json.loads(verdict.text) == body


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"status": "success", "data": {"_id": "cd-2"}}, "invalid"),
        (200, {"status": "success", "data": {}}, "invalid"),
        (200, {"status": "success", "data": None}, "invalid"),
        (200, {"status": "success", "data": [1]}, "invalid"),
        (200, {"status": "success", "data": {"name": "x"}}, "invalid"),
        (200, [], "invalid"),
        (200, {}, "invalid"),
        (200, {"data": {"_id": "cd-1"}}, "good"),
        (200, {"message": "You've exceeded the per-minute rate limit."}, "rate_limited"),
        (200, {"message": "Campaign not found"}, "not_found"),
        (200, {"message": "Campaign not found retrieved successfully", "data": {"_id": "cd-1"}}, "good"),
        (200, {"status": "error", "message": "what"}, "invalid"),
        (200, {"status": "failure", "message": "Campaign not found", "data": None}, "not_found"),
        (200, {"success": False, "error": {"code": "X", "message": "No such campaign"}}, "not_found"),
        (200, {"status": "error", "message": "You've exceeded the per-minute rate limit."}, "rate_limited"),
        (400, {"message": "Rate limit for this API has been reached."}, "rate_limited"),
        (400, error("Campaign not found", 400), "not_found"),
        (400, error("Invalid StreamId", 400), "invalid"),
        (400, error("Stream not found", 400), "invalid"),
        (401, error("Invalid SDK credentials", 4002), "denied"),
        (403, error("Invalid values in the body"), "denied"),
        (200, error("Invalid JWT token", 4002), "denied"),
        (404, b"<html>", "not_found"),
        (410, b"", "not_found"),
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
    ],
)  # fmt: skip
def test_every_answer_has_its_meaning(status: int, body: Any, kind: str) -> None:
    assert judged(status, body)[0] == kind


def test_a_redirect_within_the_origin_is_followed_and_one_away_from_it_is_not() -> None:
    assert judged(302, b"", location="/other?x=1")[0] == "redirect"
    for away in (
        "https://evil.example/x",
        "http://platform.kore.ai/x",
        "//evil.example/x",
        "https://platform.kore.ai:8443/",
    ):
        kind, told = judged(307, b"", location=away)
        assert kind == "invalid"
        assert "another origin" in told
    assert judged(302, b"")[0] == "invalid"


def test_an_oversized_body_is_invalid_and_says_which_option() -> None:
    kind, told = judged(200, b"{", oversized=True)
    assert kind == "invalid"
    assert "--max-body" in told


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("86400", 86400.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


def test_retry_after_as_a_date_is_counted_from_now() -> None:
    later = datetime.fromtimestamp(NOW + 4000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert read_retry_after(later, NOW) == 4000.0


def test_a_list_page_is_read_with_what_it_says_of_itself() -> None:
    body = {"status": "success", "data": {"results": [{"id": "a"}, 7], "hasMore": True, "totalResults": 9}}
    page = read_list_page(HttpResponse(200, json.dumps(body).encode()), origin=ORIGIN, now=NOW)
    assert page == ListPage(({"id": "a"},), True, 9, len(json.dumps(body)))


@given(st.integers(100, 599), st.binary(max_size=60) | st.just(b'{"data":{}}'), st.none() | st.text(max_size=20))
def test_no_answer_makes_judging_raise(status: int, body: bytes, header: str | None) -> None:
    answer = HttpResponse(status, body, retry_after=header, location=header, charset=header)
    classify_campaign(answer, "cd-1", origin=ORIGIN, now=NOW)
    read_list_page(answer, origin=ORIGIN, now=NOW)


likely_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "errors", "msg", "message", "error", "code", "_id"]), inner
        )
    ),
    max_leaves=9,
)


@given(st.sampled_from([200, 400, 401, 404, 429, 500]), likely_values)
def test_no_json_makes_judging_raise(status: int, value: Any) -> None:
    classify_campaign(HttpResponse(status, json.dumps(value).encode()), "cd-1", origin=ORIGIN, now=NOW)


OURS = "https://kore.example"


@pytest.mark.parametrize(
    "location",
    [
        "//evil.example/x",
        "http://kore.example/x",
        "https://kore.example@evil.example/",
        "https://user@kore.example/",
        "https://kore.example:8443/",
        "https://kore.example.evil.example/",
        "https://kore.example\\.evil.example/",
        "https://\tevil.example/",
        "javascript:alert(1)",
        "https://[::1",
        "https://kore.example:99999/",
        "http://evil.example/\udcff\x1b[2J",
    ],
)
def test_a_redirect_that_leads_elsewhere_is_never_followed(location: str) -> None:
    verdict = classify_campaign(HttpResponse(302, b"", location=location), "cd-1", origin=OURS, now=0.0)
    assert verdict.kind == "invalid"
    verdict.error.encode()
    assert verdict.error.isprintable()


@given(
    st.text(max_size=40) | st.from_regex(r"(https?:)?(//)?(kore\.example)?[@:/\\?#.\t%a-z0-9]{0,20}", fullmatch=True)
)
def test_whatever_a_redirect_names_only_our_own_origin_is_asked(location: str) -> None:
    verdict = classify_campaign(HttpResponse(302, b"", location=location), "cd-1", origin=OURS, now=0.0)
    assert verdict.kind in ("invalid", "redirect")
    if verdict.kind == "redirect":
        url = URL(verdict.text, encoded=True)
        assert (url.scheme, url.host, url.port, url.user) == ("https", "kore.example", 443, None)
        assert re.fullmatch(r"[\x21-\x7e]+", verdict.text)


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "unicode_escape", "rot13", "a\x00b", "\udcff"])
def test_a_charset_that_is_none_for_json_is_not_tried(charset: str) -> None:
    answer = HttpResponse(200, b'{"status":"success","data":{"_id":"a","name":"\xff+2D0-"}}', charset=charset)
    assert classify_campaign(answer, "a", origin=OURS, now=0.0).kind == "retry"


def test_an_id_that_is_no_text_or_number_is_no_id() -> None:
    for found in ("[" * 400 + "]" * 400, '{"a":1}', "true"):
        answer = HttpResponse(200, b'{"status":"success","data":{"_id":' + found.encode() + b"}}")
        assert classify_campaign(answer, found, origin=OURS, now=0.0).kind in ("invalid", "retry")


def test_a_list_item_whose_id_no_file_could_hold_has_none() -> None:
    odd: tuple[object, ...] = ("a\x1b[2J", "x" * 257, "a\ud800", "\u200b", ["x"], {}, None, True)
    for value in odd:
        assert item_id({"_id": value}) is None
    for text in ("../../x", "x" * 256):
        assert item_id({"_id": text}) == text
    assert item_id({"_id": "\ufeff cd-1\u200b"}) == "cd-1", "trimmed as in an IDs file"


def test_a_message_made_of_beginnings_of_tokens_takes_no_time() -> None:
    """The search for tokens takes the square of a text's length, so no long text is searched."""
    body = b'{"errors":[{"msg":"' + b"eyJ" * 1_000_000 + b'"}]}'
    assert classify_campaign(HttpResponse(400, body), "a", origin=OURS, now=0.0).kind == "invalid"


envelopes = st.fixed_dictionaries(
    {},
    optional={
        key: json_values | st.sampled_from(["success", "error", "not found", "rate limit"])
        for key in ("status", "data", "errors", "error", "message", "success", "code", "Errors")
    },
)


def success(data: object) -> bytes:
    return json.dumps({"status": "success", "data": data}).encode()


bodies = (
    st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | envelopes.map(lambda value: json.dumps(value).encode())
    | json_values.map(
        lambda value: json.dumps({"status": "success", "data": {"_id": value, "results": [value]}}).encode()
    )
)
answers = st.builds(
    HttpResponse,
    st.integers(100, 999),
    bodies,
    retry_after=st.none() | st.text(max_size=20),
    location=st.none() | st.text(max_size=20),
    charset=st.none() | st.sampled_from(["latin-1", "utf-16", "punycode", "none"]),
    oversized=st.booleans(),
)


@given(answers, st.text(min_size=1, max_size=10))
def test_whatever_the_answer_is_it_is_judged(answer: HttpResponse, campaign_id: str) -> None:
    for verdict in (
        classify_campaign(answer, campaign_id, origin=OURS, now=1e9),
        read_list_page(answer, origin=OURS, now=1e9),
    ):
        if isinstance(verdict, Verdict):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", verdict.error)
            (verdict.error + verdict.text).encode()
            assert verdict.retry_after is None or 0 <= verdict.retry_after < 1e13


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,2} \w{3} \d{1,4} \d\d:\d\d:\d\d [+-]\d{4}", fullmatch=True))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("9" * 400)
@example("-5")
def test_whatever_retry_after_says_it_is_seconds_or_nothing(value: str) -> None:
    seconds = read_retry_after(value, 1e9)
    assert seconds is None or 0 <= seconds < 1e12
    assert one_line("x" * 50, 50) == "x" * 50
    assert one_line("x" * 51, 50) == "x" * 49 + "…"


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
        ({"status": "success", "data": {"_id": "cd-2", "id": "cd-1"}}, "invalid"),
    ],
)
def test_a_success_answer_says_success_and_no_error_and_carries_the_id(body: Any, kind: str) -> None:
    assert judged(200, body)[0] == kind
    assert judged(299, body)[0] == kind
    assert judged(300, body)[0] == "invalid"


def test_a_number_as_an_id_is_the_same_id() -> None:
    body = b'{"status":"success","data":{"_id":17}}'
    assert classify_campaign(HttpResponse(200, body), "17", origin=ORIGIN, now=NOW) == Verdict(
        "good", text=body.decode()
    )


def test_a_good_answer_in_the_charset_that_its_header_names_is_read() -> None:
    body = '{"status":"success","data":{"_id":"cd-1","name":"é"}}'
    answer = HttpResponse(200, body.encode("latin-1"), charset="iso-8859-1")
    assert classify_campaign(answer, "cd-1", origin=ORIGIN, now=NOW) == Verdict("good", text=body)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, {"status": "success", "data": {}}, "a success answer without a campaign in it"),
        (200, {"status": "success", "data": {"name": "x"}}, "a success answer whose campaign has no ID"),
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
        (401, error("Invalid SDK credentials", 4002), "HTTP 401: Invalid SDK credentials"),
        (404, b"", "HTTP 404"),
        (429, error("wait"), "HTTP 429: wait"),
    ],
)  # fmt: skip
def test_each_verdict_says_what_came(status: int, body: Any, told: str) -> None:
    assert judged(status, body)[1] == told


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, error("x", "401"), "denied"),
        (200, error("Campaign not found", 401), "not_found"),
        (400, error("Rate limit campaign not found"), "not_found"),
        (400, b"rate limit reached", "rate_limited"),
        (400, b"campaign not found", "invalid"),
        (400, error("Campaign of this stream not found"), "not_found"),
        (400, error("It does not exist"), "not_found"),
        (400, error("user not found"), "invalid"),
        (199, {"data": {"_id": "cd-1"}}, "invalid"),
        (399, b"", "invalid"),
        (400, b"", "invalid"),
        (499, b"", "invalid"),
        (599, b"", "retry"),
        (402, error("x"), "invalid"),
        (409, b"", "invalid"),
    ],
)
def test_what_decides_between_two_meanings(status: int, body: Any, kind: str) -> None:
    assert judged(status, body)[0] == kind


def test_a_rate_limited_answer_carries_what_retry_after_says() -> None:
    later = datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for header, seconds in (("7", 7.0), (later, 90.0), (None, None)):
        verdict = classify_campaign(HttpResponse(429, b"{}", retry_after=header), "cd-1", origin=ORIGIN, now=NOW)
        assert verdict == Verdict("rate_limited", "HTTP 429", retry_after=seconds)
        assert read_list_page(HttpResponse(429, b"{}", retry_after=header), origin=ORIGIN, now=NOW) == verdict


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other?x=1", f"{ORIGIN}/other?x=1"),
        ("other", f"{ORIGIN}/other"),
        ("https://PLATFORM.kore.ai/x", "https://platform.kore.ai/x"),
        ("https://platform.kore.ai:443/x", f"{ORIGIN}/x"),
        ("/a%2Fb:@~ c?q=a?b%41 d", f"{ORIGIN}/a%2Fb:@~%20c?q=a?b%41%20d"),
        ("/\udcff?q=\udcff", f"{ORIGIN}/%FF?q=%FF"),
    ],
)
def test_a_redirect_names_the_place_to_ask_instead(location: str, target: str) -> None:
    verdict = classify_campaign(HttpResponse(308, b"", location=location), "cd-1", origin=ORIGIN, now=NOW)
    assert verdict == Verdict("redirect", "HTTP 308", text=target)
    assert read_list_page(HttpResponse(308, b"", location=location), origin=ORIGIN, now=NOW) == verdict


def test_the_port_that_a_scheme_implies_is_the_same_origin_and_another_is_not() -> None:
    for origin, location, kind in (
        ("http://127.0.0.1", "http://127.0.0.1:80/x", "redirect"),
        ("http://127.0.0.1:80", "http://127.0.0.1/x", "redirect"),
        ("http://127.0.0.1", "http://127.0.0.1:443/x", "invalid"),
        ("https://127.0.0.1", "https://127.0.0.1:80/x", "invalid"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", "invalid"),
    ):
        verdict = classify_campaign(HttpResponse(307, b"", location=location), "cd-1", origin=origin, now=NOW)
        assert verdict.kind == kind


def test_a_redirect_that_is_not_followed_says_why_and_hides_the_query() -> None:
    assert judged(300, b"") == ("invalid", "HTTP 300 without a place to go to")
    assert judged(302, b"", location="https://evil.example/" + "x" * 120 + "?token=secret") == (
        "invalid",
        "HTTP 302 redirects to another origin (https://evil.example/" + "x" * 98 + "…); not followed, since the "
        "credentials would go with it. Check KORE_HOST",
    )
    assert judged(302, b"", location="https://evil.example/x?token=secret")[1].count("(https://evil.example/x);") == 1
    assert "(https://evil.example/x)" in judged(302, b"", location="https://user:pw@evil.example/x")[1]
    told = "HTTP 302 to a place that is no URL"
    assert judged(302, b"", location="https://[broken/") == ("invalid", told)


def test_an_oversized_body_is_judged_by_its_status_first() -> None:
    good = {"status": "success", "data": {"_id": "cd-1"}}
    assert judged(200, good, oversized=True) == ("invalid", "HTTP 200: the body is longer than --max-body allows")
    assert judged(404, good, oversized=True)[0] == "not_found"
    assert judged(500, good, oversized=True)[0] == "retry"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1.5", 1.5), ("1" * 9, 111_111_111.0), ("1" * 10, None), ("Thu, 28 May 2026 20:27:40 -0000", 60.0),
     ("nan", None)],
)  # fmt: skip
def test_retry_after_in_odd_forms(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "success", "data": []}, "a list answer without `data.results`"),
        ({"status": "success", "data": {"results": {}}}, "a list answer without `data.results`"),
        ({"status": "success", "data": {}}, "a list answer without `data.results`"),
        ({"status": "error", "message": "x"}, "not a success answer: HTTP 200: x"),
    ],
)
def test_a_list_answer_without_results_is_invalid(body: Any, told: str) -> None:
    page = read_list_page(HttpResponse(200, json.dumps(body).encode()), origin=ORIGIN, now=NOW)
    assert page == Verdict("invalid", told)


@pytest.mark.parametrize(
    ("more", "total", "read"),
    [(False, 0, (False, 0)), ("true", "9", (None, None)), (1, True, (None, None)), (None, 2.5, (None, None))],
)
def test_what_a_list_page_says_of_itself_is_taken_only_in_its_type(more: Any, total: Any, read: Any) -> None:
    body = {"data": {"results": [], "hasMore": more, "totalResults": total}}
    page = read_list_page(HttpResponse(200, json.dumps(body).encode()), origin=ORIGIN, now=NOW)
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


def test_a_body_is_utf_8_or_what_its_header_names() -> None:
    assert decode_body(HttpResponse(200, "é".encode(), charset="latin-1")) == "é"
    assert decode_body(HttpResponse(200, b"\xe9", charset="latin-1")) == "é"
    for charset in (None, "", "no such charset", "ascii", "a\0b"):
        assert decode_body(HttpResponse(200, b"\xe9", charset=charset)) is None
