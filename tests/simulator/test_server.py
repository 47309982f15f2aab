"""`exporter.simulator.server`: replies and faults over real sockets, seen by a client that is not ours."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from exporter.simulator.change_simulator import CHANGE_PATH
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import STRAY
from exporter.simulator.simulated_service import STREAM_ID, Behaviour
from tests.support.serving import serving


@contextmanager
def service(**options: float) -> Iterator[tuple[Behaviour, http.client.HTTPConnection, str]]:
    behaviour = Behaviour(sample_campaigns(5), check_credentials=False, **options)  # type: ignore[arg-type]
    with serving(behaviour) as url, closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        yield behaviour, connection, f"/campaign/api/v2/public/{STREAM_ID}/campaign/"


def get(connection: http.client.HTTPConnection, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response, response.read()


def test_a_stray_second_answer_comes_behind_the_first_on_the_connection() -> None:
    with service() as (behaviour, connection, path):
        first = next(iter(behaviour.campaigns))
        behaviour.faults[first] = ["second-answer"]
        with socket.create_connection(("127.0.0.1", connection.port), timeout=10) as raw:
            raw.sendall(f"GET {path}{first} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = b""
            while not received.endswith(STRAY):
                received += raw.recv(65536)
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert first.encode() in received


def test_x_gzip_is_gzip() -> None:
    with service() as (behaviour, connection, path):
        first = next(iter(behaviour.campaigns))
        behaviour.faults[first] = ["x-gzip"]
        response, body = get(connection, path + first)
        assert response.headers["Content-Encoding"] == "x-gzip"
        assert json.loads(gzip.decompress(body))["data"]["_id"] == first


def test_a_campaign_is_found_with_a_slash_behind_its_id() -> None:
    with service() as (behaviour, connection, path):
        first = next(iter(behaviour.campaigns))
        assert get(connection, path + first + "/?accountId=a")[0].status == 200
        assert get(connection, path + first + "/x")[0].status == 404


def test_the_clock_of_the_service_can_be_wrong() -> None:
    with service(clock_ahead=7200.0) as (behaviour, connection, path):
        response, _ = get(connection, path + next(iter(behaviour.campaigns)))
        ahead = parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
        assert 7100 < ahead < 7300


def test_a_number_of_changes_that_is_none_is_a_bad_request_and_changes_nothing() -> None:
    with service() as (behaviour, connection, _):
        before = list(behaviour.campaigns)
        for number in ("abc", "-5", "", "9" * 5000):
            connection.request("POST", f"{CHANGE_PATH}?number={number}")
            response = connection.getresponse()
            assert (response.status, b"whole number" in response.read()) == (400, True)
        assert list(behaviour.campaigns) == before
