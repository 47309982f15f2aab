"""`exporter.api.http`: one real send a request, within bounds. Against the simulator, over sockets."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from exporter.api.endpoints import HttpResponse, Request
from exporter.api.http import HttpTransport
from exporter.api.transport_errors import TransportError
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from tests.support.certificates import issue
from tests.support.hostile import Asked, hostile, http, listening

CAMPAIGNS = sample_campaigns(3)
FIRST = CAMPAIGNS[0].campaign_id
PATH = "/campaign/api/v2/public/st-1/campaign/"


@asynccontextmanager
async def connected(fault: str | None = None, **options: Any) -> AsyncIterator[tuple[Behaviour, HttpTransport, str]]:
    behaviour = Behaviour(CAMPAIGNS, check_credentials=False)
    if fault is not None:
        behaviour.faults[FIRST] = [fault]
    bounds = {"timeout": 2.0, "max_body": 2**20, "connections": 4, **options}
    async with serve(behaviour) as url, HttpTransport(**bounds) as transport:
        yield behaviour, transport, url


async def get(transport: HttpTransport, url: str, *, on_sent: Callable[[], None] = lambda: None) -> HttpResponse:
    return await transport.send(Request("GET", url + PATH + FIRST, {"auth": "t"}), on_sent=on_sent)


async def test_an_answer_comes_back_as_it_is() -> None:
    async with connected() as (behaviour, transport, url):
        answer = await get(transport, url)
        assert (answer.status, answer.charset, answer.oversized) == (200, None, False)
        assert FIRST.encode() in answer.body
        assert len(behaviour.arrivals) == 1


async def test_an_answer_that_is_not_ascii_brings_the_charset_of_its_header() -> None:
    latin = http(b'"\xe9"', "Content-Type: application/json; charset=ISO-8859-1")
    with hostile({FIRST: latin}) as (_, url):
        async with HttpTransport(timeout=2.0, max_body=100, connections=1) as transport:
            answer = await get(transport, url)
    assert (answer.body, answer.charset) == (b'"\xe9"', "ISO-8859-1")


async def test_a_server_that_drops_every_connection_sees_each_request_once() -> None:
    """aiohttp would send the GET again by itself, and the service would count two."""

    async def once_only(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(service.asked) % 2 == 0:
            writer.close()  # the second request of a connection is never answered
        else:
            writer.write(http("{}"))

    with hostile({FIRST: once_only}) as (service, url):
        async with HttpTransport(timeout=2.0, max_body=1000, connections=1) as transport:
            answered = 0
            on_sent = Mock()
            for sent in range(1, 11):
                try:
                    await get(transport, url, on_sent=on_sent)
                    answered += 1
                except TransportError as error:
                    assert error.head is None
                assert len(service.asked) == on_sent.call_count == sent
    assert answered == 5


@pytest.mark.parametrize("fault", ["reset", "truncated", "silent", "drip"])
async def test_what_is_no_complete_answer_is_reported_as_unanswered(fault: str) -> None:
    async with connected(fault, timeout=0.5) as (_, transport, url):
        on_sent = Mock()
        with pytest.raises(TransportError) as caught:
            await get(transport, url, on_sent=on_sent)
        on_sent.assert_called_once()
        assert (caught.value.head is not None) is (fault in ("truncated", "drip")), "an answer had begun to come"
        assert not caught.value.dropped, "the connection was new"


@pytest.mark.parametrize(
    "broken",
    [
        http('{"errors":', "Retry-After: 4", "Connection: close", status="429 Too Many Requests", length=99),
        http("{}", "Retry-After: 4", "Content-Encoding: br", status="429 Too Many Requests"),
        http(b"\x1f\x8b\x08z", "Retry-After: 4", status="429 Too Many Requests"),
    ],
)
async def test_what_was_said_before_the_body_broke_is_kept(broken: bytes) -> None:
    with hostile({FIRST: broken}) as (_, url):
        async with HttpTransport(timeout=2.0, max_body=1000, connections=1) as transport:
            with pytest.raises(TransportError) as caught:
                await get(transport, url)
    assert caught.value.head == HttpResponse(429, b"", retry_after="4")


@pytest.mark.parametrize("fault", ["bomb", "endless"])
async def test_a_body_without_end_is_given_up_while_reading(fault: str) -> None:
    # Packing the bomb takes the server most of a second, and many on a busy machine: the time limit is not the claim.
    async with connected(fault, timeout=60.0) as (_, transport, url):
        answer = await get(transport, url)
        assert answer.oversized
        assert len(answer.body) <= 4096


@pytest.mark.parametrize("header", ["", "Content-Encoding: gzip;q=1", 'Content-Encoding: "gzip"'])
async def test_a_gzip_body_is_unpacked_though_its_header_is_odd_or_missing(header: str) -> None:
    packed = gzip.compress(b'{"a":1}')
    answers = {body: http(body, *filter(None, [header])) for body in (packed, gzip.compress(b"0" * 9999), packed[:-1])}
    read = []
    for answer in answers.values():
        with hostile({FIRST: answer}) as (_, url):
            async with HttpTransport(timeout=2.0, max_body=1000, connections=1) as transport:
                try:
                    read.append(await get(transport, url))
                except TransportError as error:
                    assert "cut off" in str(error)
    assert [(answer.body[:7], answer.oversized) for answer in read] == [(b'{"a":1}', False), (b"0000000", True)]


async def test_no_connection_is_reported_as_not_sent() -> None:
    async with HttpTransport(timeout=2.0, max_body=1000, connections=1) as transport:
        on_sent = Mock()
        with pytest.raises(TransportError):
            await get(transport, "http://127.0.0.1:1", on_sent=on_sent)
        on_sent.assert_not_called()


async def test_headers_without_end_are_refused() -> None:
    async def endless(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Long: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    with hostile({FIRST: endless}) as (_, url):
        async with HttpTransport(timeout=3.0, max_body=1000, connections=1) as transport:
            with pytest.raises(TransportError):
                await get(transport, url)


@pytest.mark.parametrize(
    ("user", "signed"), [("u:pw", "dTpwdw=="), ("u", "dTo="), ("a%2Fb:p%E2%82%AC", "YS9iOnDigqw="), (":pw", "OnB3")]
)
async def test_a_proxy_is_signed_in_to_and_its_url_shows_no_password(user: str, signed: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(http(b"", status="407 No"))

    heads: list[str] = []
    with listening(refuse) as port:
        proxy = f"http://{user}@127.0.0.1:{port}"
        async with HttpTransport(timeout=2, max_body=1, connections=1, proxy=proxy) as transport:
            with pytest.raises(TransportError, match="proxy answered HTTP 407") as told:
                await get(transport, "https://kore.example")
    assert f"Proxy-Authorization: Basic {signed}\r\n" in heads[0]
    assert user not in str(told.value)


async def test_a_redirect_is_an_answer_and_is_not_followed_here() -> None:
    async with connected("redirect-away") as (behaviour, transport, url):
        answer = await get(transport, url)
        assert (answer.status, answer.location) == (302, "http://127.0.0.1:9/elsewhere")
        assert len(behaviour.arrivals) == 1


async def test_a_certificate_that_ca_file_vouches_for_is_trusted(tmp_path: Path) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    with hostile(tls=tls) as (_, url):
        async with HttpTransport(timeout=20.0, max_body=1000, connections=1, ca_file=str(ca_file)) as transport:
            assert (await get(transport, url)).status == 200
