"""The real program before a service that fails in ways users have met: no campaign is lost silently."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run, snapshot
from tests.support.hostile import Asked, Handler, Reaction, campaign, hostile, http, listening
from tests.support.running import rows_of, snapshot_folders, write_ids
from tests.support.serving import environment, serving

PASSING = [
    "500", "502", "503", "503-not-found", "500-not-found", "408", "409", "421", "423", "425", "449", "499", "404-html",
    "404-text", "404-empty", "redirect", "redirect-relative", "wrong-id", "timed-out-200", "error-200", "missing-200",
    "bad-utf8", "x-gzip", "second-answer", "long-header", "many-headers", "429", "429-retry-after",
    "rate-text-200", "rate-text-400", "html", "empty", "reset", "truncated",
]  # fmt: skip


@pytest.mark.slow
def test_transient_faults_cost_no_campaign_and_make_none_absent(tmp_path: Path) -> None:
    """Among it a gateway that answers 40 of 200 with an HTML 404 while a back end restarts."""
    service = Behaviour(sample_campaigns(200))
    ids = list(service.campaigns)
    for number, fault in enumerate(PASSING):
        service.faults[ids[4 * number + 3]] = [fault]
    for campaign_id in ids[130:170]:
        service.faults[campaign_id] = ["404-html"]
    with serving(service) as url:
        done = snapshot(tmp_path, url, ids)
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert [row["campaign_id"] for row in rows_of(folder)] == ids
    assert rows_of(folder, "failures") == []


def test_what_stays_a_failure_of_the_service_is_failed_and_not_absent(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(60))
    ids = list(service.campaigns)
    failing = ids[7::11]
    faults = ["503-not-found", "500-not-found", "missing-200", "409", "timed-out-200"]
    for campaign_id, fault in zip(failing, faults, strict=True):
        service.faults[campaign_id] = [fault] * 99
    with serving(service) as url:
        done = snapshot(tmp_path, url, ids, "--attempts", "2", "--max-failures", "10%")
    assert done.returncode == 1, done.stderr
    rows = rows_of(snapshot_folders(tmp_path / "out")[0], "failures")
    assert [(row["campaign_id"], row["outcome"], row["attempts"]) for row in rows] == [
        (campaign_id, "failed", 2) for campaign_id in failing
    ]


def test_ids_that_are_refused_with_401_or_403_after_good_answers_are_failed_alone(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(60))
    ids = list(service.campaigns)
    refused = ids[7::20]
    for campaign_id, fault in zip(refused, ["401", "403", "403-html"], strict=True):
        service.faults[campaign_id] = [fault] * 99
    with serving(service) as url:
        done = snapshot(tmp_path, url, ids, "--workers", "1")
    assert done.returncode == 1, done.stderr
    rows = rows_of(snapshot_folders(tmp_path / "out")[0], "failures")
    assert [(row["campaign_id"], row["outcome"]) for row in rows] == [(refused_id, "failed") for refused_id in refused]


def test_a_body_with_a_byte_that_is_no_utf_8_is_kept_with_the_byte_replaced(tmp_path: Path) -> None:
    body = campaign("odd").replace('"n"', '"caf?"').encode().replace(b"?", b"\xe9")
    with hostile({"odd": http(body, "Content-Type: application/json")}) as (_, url):
        done = snapshot(tmp_path, url, ["one", "odd", "two"])
    assert done.returncode == 0, done.stderr
    rows = {row["campaign_id"]: row for row in rows_of(snapshot_folders(tmp_path / "out")[0])}
    assert rows["odd"]["name"] == "caf\ufffd"


def test_bytes_that_are_no_utf_8_in_the_id_or_the_status_end_no_run(tmp_path: Path) -> None:
    bodies: dict[str, Reaction] = {
        "odd-1": http(b'{"status":"success","data":{"_id":"odd-\xe9"}}'),
        "odd-2": http(b'{"status":"succ\xe9ss","data":{"_id":"odd-2"}}'),
        "odd-3": http(b'{"status":"success","data":{"_id":"\xff\xfe"}}'),
    }
    with hostile(bodies) as (_, url):
        done = snapshot(tmp_path, url, ["one", *bodies, "two"], "--max-failures", "60%")
    assert done.returncode == 1, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert [row["campaign_id"] for row in rows_of(folder)] == ["one", "two"]
    outcomes = {row["campaign_id"]: row["outcome"] for row in rows_of(folder, "failures")}
    assert outcomes == dict.fromkeys(bodies, "invalid")


LISTS: dict[str, dict[str, Any]] = {
    "text-totals-and-a-cap": {"totals": "text", "most": 20},
    "pages-only-and-a-cap": {"totals": "pages", "most": 20},
    "no-totals-and-page-numbers": {"totals": "none", "uses": "page", "most": 20},
    "null-at-the-end-and-no-totals": {"end": "null", "totals": "none", "most": 20},
}
"""`tests/fetch/test_list_pass.py` has all of them."""


@pytest.mark.parametrize("habit", LISTS)
def test_every_campaign_of_the_list_is_found_whatever_the_list_call_makes_of_pages(tmp_path: Path, habit: str) -> None:
    service = Behaviour(sample_campaigns(120))
    for name, value in LISTS[habit].items():
        setattr(service.listing, name, value)
    with serving(service) as url:
        done = run("discover", "--rate", "off", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 121


def test_the_list_call_follows_a_redirect_and_keeps_its_question(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(30))
    service.faults["list"] = ["redirect"]
    with serving(service) as url:
        done = run("discover", "--rate", "off", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 31


@pytest.mark.parametrize("fault", ["503-not-found", "404-html", "second-answer"])
def test_a_list_call_with_a_transient_fault_is_retried(tmp_path: Path, fault: str) -> None:
    service = Behaviour(sample_campaigns(30))
    service.faults["list"] = [fault]
    with serving(service) as url:
        done = run("discover", "--rate", "off", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 31


def speaking(answer: bytes) -> Handler:
    """A server that says the same whatever it is asked."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await writer.drain()

    return speak


def first_contact(tmp_path: Path, host: str, **env: str) -> tuple[int, str]:
    """Exit code and log of a run in which nothing is tried again, nor waited for."""
    ids = write_ids(tmp_path / "ids.csv", ["a", "b", "c"])
    env = {**environment(host, tmp_path), **env}
    done = run("snapshot", str(ids), "--out", str(tmp_path / "out"), "-v", env=env)
    assert "; again in" not in done.stderr
    assert "the service is failing" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://no-such-host.invalid", ["no-such-host.invalid", "unknown", "KORE_HOST"]),
        ("http://127.0.0.1:1", ["nothing listens", "KORE_HOST"]),
        ("https://127.0.0.1:1", ["nothing listens", "KORE_HOST"]),
    ],
)
def test_a_host_that_is_not_there_is_reported_at_once_with_its_setting(
    tmp_path: Path, host: str, words: list[str]
) -> None:
    code, stderr = first_contact(tmp_path, host)
    assert code == 2, stderr
    assert not [word for word in words if word not in stderr]


def test_tls_where_plain_http_is_spoken_and_the_reverse_are_reported_at_once(tmp_path: Path) -> None:
    with serving(Behaviour(sample_campaigns(3))) as url:
        code, stderr = first_contact(tmp_path, url.replace("http://", "https://"))
        assert (code, "KORE_HOST" in stderr, "TLS" in stderr) == (2, True, True), stderr
    for answer in (b"\x15\x03\x01\x00\x02\x02\x46", b"220 mail.example ESMTP ready\r\n"):
        with listening(speaking(answer)) as port:
            code, stderr = first_contact(tmp_path, f"http://127.0.0.1:{port}")
        assert (code, "does not speak HTTP" in stderr, "KORE_HOST" in stderr) == (2, True, True), stderr


def test_a_proxy_that_is_not_there_is_reported_at_once(tmp_path: Path) -> None:
    code, stderr = first_contact(tmp_path, "https://kore.example", HTTPS_PROXY="http://127.0.0.1:1")
    assert (code, "HTTPS_PROXY" in stderr) == (2, True), stderr


def test_a_header_that_is_too_long_is_reported_at_once(tmp_path: Path) -> None:
    async def with_a_header(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(http(campaign(asked.campaign_id), "Content-Security-Policy: " + "x" * 80_000))
        await writer.drain()

    answers: dict[str, Reaction] = dict.fromkeys(("a", "b", "c"), with_a_header)
    with hostile(answers) as (_, url):
        code, stderr = first_contact(tmp_path, url)
    assert (code, "65,536" in stderr, "KORE_HOST" in stderr) == (2, True, True), stderr


def test_headers_of_60_kb_and_hundreds_of_them_are_read(tmp_path: Path) -> None:
    async def with_headers(asked: Asked, writer: asyncio.StreamWriter) -> None:
        many = [f"Set-Cookie: c{number}=1" for number in range(500)]
        writer.write(http(campaign(asked.campaign_id), "Content-Security-Policy: " + "x" * 60_000, *many))
        await writer.drain()

    answers: dict[str, Reaction] = dict.fromkeys(("a", "b", "c"), with_headers)
    with hostile(answers) as (_, url):
        code, stderr = first_contact(tmp_path, url)
    assert code == 0, stderr
