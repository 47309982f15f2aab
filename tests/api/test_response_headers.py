"""`exporter.api.response_headers`: Retry-After, Date and Location."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from exporter.api.response_headers import NotFollowed, read_date, read_retry_after, redirect_target
from exporter.text import has_control

ORIGIN = "https://platform.kore.ai"
CAMPAIGNS = f"{ORIGIN}/campaign/api/v2/public/st-1/campaign"
ASKED = f"{CAMPAIGNS}/cd-1?accountId=a"
NOW = 1_780_000_000.0


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
        ("Thu, 28 May 2026 20:27:40 GMT", 60.0),
        ("Thu, 28 May 2026 20:27:40 -0000", 60.0),
        ("1.5", 1.5),
        ("1" * 9, 111_111_111.0),
        ("1" * 10, None),
        ("nan", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,2} \w{3} \d{1,4} \d\d:\d\d:\d\d [+-]\d{4}", fullmatch=True))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("9" * 400)
@example("-5")
def test_whatever_retry_after_says_it_is_seconds_or_nothing(value: str) -> None:
    seconds = read_retry_after(value, 1e9)
    assert seconds is None or 0 <= seconds < 1e12


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize("zone", ["GMT", "UTC", "+0000", "-0000", "EST"])
def test_a_date_is_read_alike_in_every_zone_of_this_machine(zone: str) -> None:
    later = 5 * 3600.0 if zone == "EST" else 0.0
    assert read_date(f"Thu, 28 May 2026 20:26:40 {zone}") == NOW + later


def test_a_date_of_the_service_is_read_or_is_none() -> None:
    assert read_date("Thu, 28 May 2026 20:26:40 GMT") == NOW
    assert [read_date(value) for value in (None, "", "soon", "9")] == [None, None, None, None]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other?x=1", f"{ORIGIN}/other?x=1"),
        ("cd-1/?accountId=a", f"{CAMPAIGNS}/cd-1/?accountId=a"),
        ("./cd-2", f"{CAMPAIGNS}/cd-2"),
        ("../campaign/cd-1", f"{CAMPAIGNS}/cd-1"),
        ("?again", f"{CAMPAIGNS}/cd-1?again"),
        ("#part", f"{CAMPAIGNS}/cd-1?accountId=a"),
        ("//platform.kore.ai/x", f"{ORIGIN}/x"),
        ("https://PLATFORM.kore.ai/x", "https://platform.kore.ai/x"),
        ("https://platform.kore.ai:443/x", f"{ORIGIN}/x"),
        ("/a%2Fb:@~ c?q=a?b%41 d", f"{ORIGIN}/a%2Fb:@~%20c?q=a?b%41%20d"),
        ("/\udcff?q=\udcff", f"{ORIGIN}/%FF?q=%FF"),
    ],
)
def test_a_relative_redirect_is_resolved_against_the_url_that_was_asked(location: str, target: str) -> None:
    assert redirect_target(location, ASKED) == target


@given(st.from_regex(r"(\.{0,2}/)?[a-z0-9._~-]{1,8}(/[a-z0-9._~-]{0,8}){0,3}(\?[a-z=&]{0,8})?", fullmatch=True))
def test_a_relative_redirect_leads_where_the_standard_library_says(location: str) -> None:
    assert redirect_target(location, ASKED) == urljoin(ASKED, location).removesuffix("?")


@given(
    st.text(max_size=40) | st.from_regex(r"(https?:)?(//)?(kore\.example)?[@:/\\?#.\t%a-z0-9]{0,20}", fullmatch=True)
)
def test_whatever_a_redirect_names_only_our_own_origin_is_asked(location: str) -> None:
    try:
        target = redirect_target(location, "https://kore.example/campaign/cd-1?accountId=a")
    except NotFollowed as error:
        assert not has_control(str(error))
        return
    url = URL(target, encoded=True)
    assert (url.scheme, url.host, url.port, url.user) == ("https", "kore.example", 443, None)
    assert re.fullmatch(r"[\x21-\x7e]+", target)


@pytest.mark.parametrize(
    "location",
    [
        "//evil.example/x",
        "http://platform.kore.ai/x",
        "https://platform.kore.ai@evil.example/",
        "https://user@platform.kore.ai/",
        "https://platform.kore.ai:8443/",
        "https://platform.kore.ai.evil.example/",
        "https://platform.kore.ai\\.evil.example/",
        "https://\tevil.example/",
        "javascript:alert(1)",
        "https://[::1",
        "https://platform.kore.ai:99999/",
        "http://evil.example/\udcff\x1b[2J",
    ],
)
def test_a_redirect_to_another_origin_is_never_followed(location: str) -> None:
    with pytest.raises(NotFollowed) as caught:
        redirect_target(location, ASKED)
    assert str(caught.value).isprintable()


def test_the_port_that_a_scheme_implies_is_the_same_origin_and_another_is_not() -> None:
    for origin, location, followed in (
        ("http://127.0.0.1", "http://127.0.0.1:80/x", True),
        ("http://127.0.0.1:80", "http://127.0.0.1/x", True),
        ("http://127.0.0.1", "http://127.0.0.1:443/x", False),
        ("https://127.0.0.1", "https://127.0.0.1:80/x", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", False),
    ):
        if followed:
            assert redirect_target(location, origin + "/a") == f"{origin}/x"
        else:
            with pytest.raises(NotFollowed):
                redirect_target(location, origin + "/a")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (None, "without a place to go to; check KORE_HOST"),
        ("", "without a place to go to; check KORE_HOST"),
        ("https://[broken/", "to a place that is not a URL; check KORE_HOST"),
        ("https://platform.kore.ai:99999/", "to a place that is not a URL; check KORE_HOST"),
        ("https://evil.example/" + "x" * 120 + "?token=secret",
         "redirects to another origin (https://evil.example/" + "x" * 98 + "…), not followed, since the credentials "
         "would go with it; check KORE_HOST"),
        ("https://user:pw@evil.example/x?token=secret",
         "redirects to another origin (https://evil.example/x), not followed, since the credentials would go with it; "
         "check KORE_HOST"),
    ],
)  # fmt: skip
def test_a_redirect_that_is_not_followed_says_why_and_hides_query_and_password(
    location: str | None, reason: str
) -> None:
    with pytest.raises(NotFollowed) as caught:
        redirect_target(location, ASKED)
    assert str(caught.value) == reason
