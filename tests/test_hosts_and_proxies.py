"""`exporter.hosts_and_proxies`: hosts and proxies."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from exporter.hosts_and_proxies import is_loopback, proxy_for, read_host


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("platform.kore.ai", "https://platform.kore.ai"),
        ("https://platform.kore.ai/", "https://platform.kore.ai"),
        ("HTTPS://Platform.Kore.ai:443", "https://platform.kore.ai"),
        ("https://kore.internal:8443", "https://kore.internal:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_a_host_is_read_in_every_form(text: str, origin: str) -> None:
    assert read_host(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "http://platform.kore.ai",
        "ftp://x",
        "https://x/path",
        "https://u:p@x",
        "https://x?y",
        "https://x y",
        "https://:1",
        "http://3[::1]:9",
        "https://[::1]x",
        "https://x[::1]",
        "kore..ai",
        ".",
        "a" * 64 + ".example",
        "a." * 130 + "example",
        "127.0.1",
        "https://300.1.1.1",
        "https://[::::]",
    ],
)
def test_a_host_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "https//x.kore.ai:8443", "https:/x.kore.ai:8443", "https://https://x.kore.ai:8443/a?b", "x.kore.ai:8443/a",
        "http:///x.kore.ai:8443", "HTTPS:///x.kore.ai:8443", "x.kore.ai:8443?a", "https://http//x.kore.ai:8443#a",
        "htps://x.kore.ai:8443", "http://x.kore.ai:8443",
    ],
)  # fmt: skip
def test_what_is_to_be_written_instead_of_a_mistyped_host_is_that_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"write (only )?https://x\.kore\.ai:8443$"):
        read_host(text)


@pytest.mark.parametrize(
    "text", ["https://", "https//", "https:/", "http", "https://https", "://", "https://a b", "https://\ud800"]
)
def test_where_no_host_is_seen_an_example_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"write (only )?https://platform\.kore\.ai$"):
        read_host(text)


def test_proxies_of_the_environment_are_honoured_but_not_for_loopback() -> None:
    environ = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "internal.example"}
    assert proxy_for("https://platform.kore.ai", environ) == "http://proxy:3128"
    assert proxy_for("https://internal.example", environ) is None
    assert proxy_for("http://127.0.0.1:80", {"HTTP_PROXY": "proxy"}) is None


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("kore.corp.example", "localhost, corp.example", True),
        ("kore.corp.example", ".corp.example", True),
        ("kore.corp.example", "*.corp.example", True),
        ("kore.corp.example", "localhost  KORE.corp.example", True),
        ("kore.corp.example", "kore.corp.example.", True),
        ("kore.corp.example", "localhost,*", True),
        ("kore.corp.example", "evilcorp.example,orp.example", False),
        ("kore.corp.example", "kore.corp.example:443", True),
        ("kore.corp.example", "kore.corp.example:8443", False),
        ("kore.corp.example:8443", "corp.example:8443", True),
        ("kore.corp.example", "", False),
        ("kore.corp.example", " , .,:443,", False),
        ("kore.corp.example", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3:8443", "192.168.0.0/16 10.1.2.99/24", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8,10.0.0.0/99,10.0.0.0/", False),
        ("[fd00::1]", "fd00::/8", True),
        ("[fd00::1]:8443", "[fd00::1]:8443", True),
        ("[fd00:0:0:0:0:0:0:1]", "fd00:0:0:0:0:0:0:1", True),
        ("[fd00::1]", "fe80::/10,[fd00::1]:8443", False),
    ],
)
def test_no_proxy_names_hosts_domains_ports_and_networks(host: str, no_proxy: str, direct: bool) -> None:
    proxy = proxy_for(read_host(host), {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": no_proxy})
    assert (proxy is None) == direct


@given(st.lists(st.text("abc.:*/[]0123456789 ,-", max_size=12), max_size=4).map(",".join))
def test_whatever_no_proxy_is_it_never_raises(no_proxy: str) -> None:
    for host in ("https://kore.corp.example", "https://10.1.2.3:8443", "https://[fd00::1]"):
        proxy_for(host, {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": no_proxy})


@given(st.text(max_size=30) | st.from_regex(r"(https?://)?[a-z0-9.:@/\\\\#?%\\[\\]-]{0,25}", fullmatch=True))
@example("https://u:hush@ex\u2100mple.com")
@example("https://good.example\\\\.evil.example")
@example("http://[::1")
def test_whatever_a_host_is_it_is_an_origin_that_all_read_alike_or_refused(text: str) -> None:
    try:
        origin = read_host(text)
    except ValueError as error:
        assert "hush" not in str(error)
        return
    url = URL(origin)
    assert str(url.origin()) == origin
    assert url.scheme == "https" or is_loopback(url.host or "")


proxies = st.text(max_size=30) | st.from_regex(r"(https?://)?[a-z0-9.:@/%-]{0,25}", fullmatch=True)


@given(proxies)
@example("socks5://u:hush@p:1")
@example("http://u:hu/sh@p:1")
@example("http://[hush")
@example("http://3[::1]:9")
@example("http://[::1]hush:9")
def test_whatever_a_proxy_is_it_can_be_used_or_is_a_fault_that_does_not_show_it(text: str) -> None:
    try:
        proxy = proxy_for("https://platform.kore.ai", {"HTTPS_PROXY": text})
    except ValueError as error:
        assert "hush" not in str(error)
        return
    assert proxy is None or URL(proxy).host == urlsplit(proxy).hostname


@pytest.mark.parametrize(
    "proxy",
    [
        "http://3[::1]:9",
        "http://[::1]x:9",
        "http://x:y",
        "http://p:99999",
        "http://p:0",
        "http://a%3Ab:pw@p:1",
        "http://a..b",
        "http://u\\:p@p:1",
        "http://[::1]-u@p:1",
        "http://1.2.3:1",
    ],
)
def test_a_proxy_that_no_client_can_reach_is_refused(proxy: str) -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY names no HTTP proxy"):
        proxy_for("https://platform.kore.ai", {"HTTPS_PROXY": proxy})
    assert proxy_for("https://platform.kore.ai", {"HTTPS_PROXY": "http://[::1]:9"}) == "http://[::1]:9"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"])
def test_a_proxy_in_quotes_is_told_by_name(name: str) -> None:
    proxy = {} if name in ("HTTPS_PROXY", "ALL_PROXY") else {"HTTPS_PROXY": "http://proxy:3128"}
    with pytest.raises(ValueError, match=f"{name.upper()} is wrapped in quotes") as caught:
        proxy_for("https://platform.kore.ai", {**proxy, name: '"http://user:hush@proxy:3128"'})
    assert "hush" not in str(caught.value)
