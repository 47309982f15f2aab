"""`exporter.api.endpoints`: what is asked of the service."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from exporter import __version__
from exporter.api.endpoints import CampaignApi, HttpResponse, Request, body_start, is_askable, quote_id, without_token
from exporter.model import Identity
from exporter.text import TOKEN_HIDDEN

ORIGIN = "https://platform.kore.ai"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def api(version: Any = "v2") -> CampaignApi:
    return CampaignApi(Identity(ORIGIN, "st-1", "acc 1", version), "st-1")


def test_a_printed_request_shows_its_url_and_no_token() -> None:
    request = api().get("cd-1", "token")
    assert "token" not in repr(request) + pretty_repr(request)
    assert request.url in pretty_repr(request, max_width=500)


def test_v1_asks_on_the_older_path() -> None:
    assert api("v1").get("cd-1", "t").url.startswith(f"{ORIGIN}/agentassist/api/v1/public/st-1/campaign/cd-1?")


def test_the_list_request_sorts_by_creation() -> None:
    request = api().list("voice", limit=50, skip=100, page=3, token="t")
    assert (request.method, json.loads(request.body or b"")) == (
        "POST",
        {"type": "voice", "limit": 50, "skip": 100, "page": 3, "sortBy": {"createdAt": "asc"}},
    )


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_whatever_is_in_an_id_stays_in_its_path_segment(campaign_id: str) -> None:
    url = urlsplit(api().get(campaign_id, "t").url)
    segments = url.path.split("/")
    assert len(segments) == 8
    assert unquote(segments[-1]) == campaign_id
    assert segments[-1] not in (".", "..")
    assert url.query == "accountId=acc%201"


@pytest.mark.parametrize("campaign_id", ["../x", "a?b", "a#b", "a%2Fb", "..", ".", "a/b", "a;b", "a\\b"])
def test_signs_that_mean_something_in_a_url_are_escaped(campaign_id: str) -> None:
    assert not set("/?#;\\") & set(quote_id(campaign_id))
    assert unquote(quote_id(campaign_id)) == campaign_id


def test_the_token_of_a_request_is_hidden_wherever_it_comes_back() -> None:
    token = "opaque/t0ken=="
    body = b'{"a":"opaque/t0ken==","b":"opaque\\/t0ken==","c":"opaque%2Ft0ken%3D%3D"}'
    answer = without_token(HttpResponse(302, body, location="https://x/?t=opaque%2Ft0ken%3D%3D"), token)
    assert b"t0ken" not in answer.body
    assert "t0ken" not in str(answer.location)
    only_there = without_token(HttpResponse(302, b"{}", location=f"https://x/?t={token}&u=1"), token)
    assert (only_there.body, only_there.location) == (b"{}", "https://x/?t=-&u=1")
    only_in_body = without_token(HttpResponse(200, token.encode(), location="https://x/"), token)
    assert (only_in_body.body, only_in_body.location) == (TOKEN_HIDDEN.encode(), "https://x/")
    untouched = HttpResponse(200, b"{}")
    assert without_token(untouched, token) is untouched


def test_requests_are_complete_and_differ_only_in_what_the_pages_say() -> None:
    headers = {
        "iid": "app-1", "accountId": "a/1", "Accept": "application/json",
        "User-Agent": f"campaign-export/{__version__}", "auth": "t1",
    }  # fmt: skip
    own = CampaignApi(Identity(ORIGIN, "st/1", "a/1", "v2"), "app-1")
    base = f"{ORIGIN}/campaign/api/v2/public/st%2F1/campaign"
    get = own.get("cd/1", "t1")
    assert get == Request("GET", f"{base}/cd%2F1?accountId=a%2F1", headers)
    assert repr(get) == f"Request(GET {get.url})"
    listing = own.list("sms", limit=50, skip=0, page=1, token="t1")
    assert listing.url == f"{base}/getAllCampaignDetails?accountId=a%2F1"
    assert listing.headers == {**headers, "Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("text", "quoted"), [(".", "%2E"), ("..", "%2E%2E"), ("a.b", "a.b"), ("...", "..."), ("é/", "%C3%A9%2F")]
)
def test_only_a_segment_of_dots_has_its_dots_quoted(text: str, quoted: str) -> None:
    assert quote_id(text) == quoted


def test_steps_in_a_path_are_the_only_ids_that_a_url_cannot_carry() -> None:
    assert [is_askable(one) for one in (".", "..", "...", "a.b", "%2E")] == [False, False, True, True, True]


def test_the_beginning_of_a_body_is_500_characters_without_tokens() -> None:
    assert body_start(HttpResponse(200, ("é" * 600).encode())) == "é" * 500
    assert body_start(HttpResponse(200, b"a\xffb" + TOKEN.encode())) == "a\ufffdb[token hidden]"
    assert body_start(HttpResponse(200, "\U0001f600".encode() * 501)) == "\U0001f600" * 500
