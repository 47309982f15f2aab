"""`exporter.pipeline.check`: a good account, and what can be wrong with one."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.errors import CredentialsRefused, ExportError, ServiceDown, SettingsError
from exporter.events import ignore
from exporter.options import FetchOptions
from exporter.pipeline.check import check_account
from exporter.pipeline.check_findings import NAMES, CheckResult, Finding
from exporter.settings_reader import read_settings
from exporter.simulator.list_call import ListHabits
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from exporter.stop import Stop
from tests.support.certificates import issue
from tests.support.hostile import hostile, http, listening
from tests.support.serving import environment

ENVIRONMENT = environment("http://127.0.0.1:9", "/nowhere")


async def check(url: str, patience: float = 2.0, /, *, dest: str | None = None, **env: str) -> CheckResult:
    fetch = FetchOptions(rates=(), patience=patience, timeout=5.0)
    settings = read_settings({**ENVIRONMENT, "KORE_HOST": url, **env})
    return await check_account(settings, fetch, dest=dest, environ={}, clock=SystemClock(), emit=ignore, stop=Stop())


async def check_service(service: Behaviour, **env: str) -> CheckResult:
    async with serve(service) as url:
        return await check(url, **env)


def finding(result: CheckResult, name: str) -> Finding:
    (found,) = [one for one in result.findings if one.name == name]
    return found


def states(result: CheckResult) -> dict[str, str]:
    return {one.name: one.state for one in result.findings}


async def test_a_good_account_is_all_right_with_three_requests(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(20, voice_share=0.4))
    async with serve(service) as url:
        result = await check(url, dest=str(tmp_path / "exports"))
    assert states(result) == dict.fromkeys(NAMES, "ok")
    assert (result.error, result.requests, len(service.arrivals)) == (None, 3, 3)
    voice = sum(one.campaign_type == "voice" for one in service.campaigns.values())
    assert finding(result, "list").detail == f"{20 - voice} SMS and {voice} voice campaigns"
    assert "without parse issues" in finding(result, "campaign").detail
    assert not (tmp_path / "exports").exists(), "a check leaves nothing behind"


@pytest.mark.parametrize(
    ("habits", "detail"),
    [
        (ListHabits(), "250 SMS campaigns; a page holds as many as are asked for"),
        (ListHabits(most=150), "250 SMS campaigns; a page holds 150 at most"),
        (ListHabits(most=20, totals="text"), "250 SMS campaigns; a page holds 20 at most"),
    ],
)
async def test_the_largest_page_of_the_list_is_found(habits: ListHabits, detail: str) -> None:
    service = Behaviour(sample_campaigns(250))
    service.listing = habits
    result = await check_service(service)
    assert (finding(result, "list").detail, result.requests) == (detail, 3)


async def test_keys_that_no_column_knows_and_parse_issues_are_named() -> None:
    campaigns = sample_campaigns(1)
    campaigns[0].data.update({"brandNew": {"deep": 1}, "createdAt": "yesterday"})
    result = await check_service(Behaviour(campaigns))
    assert finding(result, "campaign").state == "warning"
    assert "brandNew.deep" in finding(result, "campaign").detail
    assert "created" in finding(result, "campaign").detail
    assert result.error is None


async def test_an_unknown_host_is_an_error_of_the_setting() -> None:
    result = await check("https://nowhere.invalid")
    assert (result.error, finding(result, "host").state) == (SettingsError, "failed")
    assert "KORE_HOST" in finding(result, "host").advice
    assert states(result)["token"] == "skipped"


async def test_a_closed_port_is_an_error_of_the_setting() -> None:
    result = await check("http://127.0.0.1:9")
    assert (result.error, finding(result, "host").state) == (SettingsError, "failed")
    assert "nothing listens" in finding(result, "host").detail


async def test_too_many_open_files_are_no_error_of_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    result = await check("https://kore.example")
    assert (result.error, finding(result, "host").state) == (ServiceDown, "failed")
    assert "ulimit -n" in finding(result, "host").detail


async def test_an_untrusted_certificate_is_an_error_that_names_ssl_cert_file(tmp_path: Path) -> None:
    _, tls = issue(tmp_path, "127.0.0.1")
    with hostile(tls=tls) as (service, url):
        result = await check(url)
    assert (result.error, service.asked) == (SettingsError, [])
    assert finding(result, "certificate").state == "failed"
    assert "SSL_CERT_FILE" in finding(result, "certificate").detail


async def test_a_proxy_that_refuses_is_an_error_that_names_https_proxy() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    with listening(refuse) as port:
        result = await check("https://kore.example", HTTPS_PROXY=f"http://127.0.0.1:{port}")
    assert (result.error, finding(result, "proxy").state) == (SettingsError, "failed")
    assert "HTTPS_PROXY" in finding(result, "proxy").advice


@pytest.mark.parametrize(
    "env", [{"KORE_CLIENT_SECRET": "another-secret-" * 5}, {"KORE_STREAM_ID": "st-wrong"}, {"KORE_ACCOUNT_ID": "wrong"}]
)
async def test_a_wrong_secret_stream_or_account_is_refused_with_all_settings_it_can_be(env: dict[str, str]) -> None:
    service = Behaviour(sample_campaigns(3))
    result = await check_service(service, **env)
    assert (result.error, result.requests) == (CredentialsRefused, 1)
    assert states(result)["host"] == "ok"
    assert finding(result, "token").state == "failed"
    for name in ("KORE_CLIENT_SECRET", "KORE_STREAM_ID", "KORE_ACCOUNT_ID", "Dev Tools"):
        assert name in finding(result, "token").advice


async def test_a_missing_scope_is_distinguished_from_a_refused_token() -> None:
    service = Behaviour(sample_campaigns(3))
    service.always = "scope"
    result = await check_service(service)
    assert (result.error, states(result)["token"], states(result)["scope"]) == (CredentialsRefused, "ok", "failed")
    assert "API Scopes" in finding(result, "scope").advice


async def test_after_a_good_list_call_one_refusal_is_no_proof_and_two_leave_the_token_accepted() -> None:
    service = Behaviour(sample_campaigns(1))
    (campaign_id,) = service.campaigns
    service.faults[campaign_id] = ["401"]
    async with serve(service) as url:
        assert (await check(url)).error is None
        service.faults[campaign_id] = ["401", "401"]
        result = await check(url)
    assert (result.error, result.requests) == (CredentialsRefused, 4)
    assert [states(result)[name] for name in ("token", "scope", "list", "campaign")] == ["ok", "ok", "ok", "failed"]
    assert "firewall" in finding(result, "campaign").advice


async def test_a_token_that_is_refused_as_a_replay_leaves_what_an_earlier_answer_has_shown() -> None:
    replay = http('{"errors":[{"msg":"JTI was seen before"}]}', status="401 Unauthorized")
    listing = http('{"status":"success","data":{"results":[{"_id":"cd-1"}]}}')
    with hostile({"getAllCampaignDetails": listing, "cd-1": replay}) as (_, url):
        result = await check(url)
    assert [states(result)[name] for name in ("token", "scope", "account", "list")] == ["failed", "ok", "ok", "ok"]
    assert "not KORE_JWT" in finding(result, "token").advice


@pytest.mark.parametrize(("ahead", "detail"), [(7200.0, "behind"), (-7200.0, "ahead of")])
async def test_a_clock_that_is_off_is_a_warning(ahead: float, detail: str) -> None:
    result = await check_service(Behaviour(sample_campaigns(3), clock_ahead=ahead))
    assert (result.error, finding(result, "clock").state) == (None, "warning")
    assert f"{detail} the service's" in finding(result, "clock").detail


async def test_an_account_without_campaigns_is_a_warning() -> None:
    result = await check_service(Behaviour([]))
    assert (result.error, finding(result, "list").state) == (None, "warning")
    assert "KORE_STREAM_ID" in finding(result, "list").advice
    assert finding(result, "campaign").state == "skipped"


async def test_a_service_that_is_down_is_neither_the_host_nor_the_token() -> None:
    service = Behaviour(sample_campaigns(3))
    service.always = "503-not-found"
    result = await check_service(service)
    assert (result.error, states(result)["host"], states(result)["list"]) == (ServiceDown, "ok", "failed")
    assert "--patience" in finding(result, "list").advice


@pytest.mark.parametrize("fault", ["500", "404-html", "html", "wrong-id", "not-found-400"])
async def test_a_campaign_that_fails_is_not_blamed_on_the_list_that_was_answered(fault: str) -> None:
    service = Behaviour(sample_campaigns(1))
    (campaign_id,) = service.campaigns
    service.faults[campaign_id] = [fault]
    async with serve(service) as url:
        result = await check(url, 0.0)
    assert (result.error, states(result)["list"], states(result)["campaign"]) == (ServiceDown, "ok", "failed")
    assert finding(result, "campaign").detail.startswith(f"{campaign_id}, which the list shows: ")
    assert "KORE_API" in finding(result, "campaign").advice


async def test_what_is_no_campaign_api_is_reported_and_proves_no_credentials() -> None:
    with hostile({"getAllCampaignDetails": http(b'{"hello":"world"}')}) as (_, url):
        result = await check(url)
    assert result.error is ServiceDown
    assert "KORE_API" in finding(result, "list").advice
    assert {states(result)[name] for name in ("token", "scope", "account")} == {"skipped"}


async def test_a_host_that_leads_away_is_an_error_of_the_setting() -> None:
    away = http(b"", "Location: https://login.example/", status="302 Found")
    with hostile({"getAllCampaignDetails": away}) as (_, url):
        result = await check(url)
    assert (result.error, finding(result, "host").state, result.requests) == (SettingsError, "failed", 1)
    assert "https://login.example/" in finding(result, "host").detail
    assert finding(result, "host").advice == "Check KORE_HOST."


@pytest.mark.parametrize(
    ("fault", "error"),
    [("html", SettingsError), ("empty", SettingsError), ("404-html", SettingsError), ("404-empty", SettingsError),
     ("503", ServiceDown), ("408", ServiceDown), ("timed-out-200", ServiceDown)],
)  # fmt: skip
async def test_pages_of_another_server_are_told_from_a_service_that_fails(fault: str, error: type[ExportError]) -> None:
    service = Behaviour(sample_campaigns(3))
    service.always = fault
    async with serve(service) as url:
        result = await check(url, 0.0)
    assert (result.error, finding(result, "host").state) == (error, "failed" if error is SettingsError else "ok")
    assert "KORE_HOST" in finding(result, "host" if error is SettingsError else "list").advice


@pytest.mark.parametrize(
    ("answer", "error", "name", "advice"),
    [
        (http('{"errors":[{"msg":"jwt expired"}]}', status="400 Bad Request"), CredentialsRefused, "token", "clock"),
        (http('{"errors":[{"msg":"Unauthorized"}]}'), CredentialsRefused, "token", "KORE_CLIENT_SECRET"),
        (http('{"message":"streamId is invalid"}', status="400 Bad Request"), ServiceDown, "list", "KORE_STREAM_ID"),
        (http(b"", status="429 Too Many Requests"), ServiceDown, "list", "--rate-share"),
        (http('{"status":"success","data":{"results":[{"name":"x"}]}}'), ServiceDown, "campaign", "KORE_API"),
    ],
)
async def test_the_advice_fits_what_the_service_says(
    answer: bytes, error: type[ExportError], name: str, advice: str
) -> None:
    with hostile({"getAllCampaignDetails": answer}) as (_, url):
        result = await check(url, 0.0)
    assert (result.error, finding(result, name).state) == (error, "failed")
    assert advice in finding(result, name).advice


async def test_a_transient_fault_is_retried() -> None:
    service = Behaviour(sample_campaigns(3))
    service.faults["list"] = ["429-retry-after"]
    assert (await check_service(service)).error is None


async def test_a_destination_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with serve(Behaviour(sample_campaigns(3))) as url:
        result = await check(url, dest=str(tmp_path / "file"))
    assert (result.error, finding(result, "destination").state) == (SettingsError, "failed")
    assert states(result)["campaign"] == "ok"


async def test_the_folder_of_a_snapshot_is_no_destination(tmp_path: Path) -> None:
    async with serve(Behaviour(sample_campaigns(3))) as url:
        result = await check(url, dest=str(tmp_path / "snapshot=20261127T153204Z"))
    assert (result.error, finding(result, "destination").state) == (SettingsError, "failed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", ["exports", "x" * 300])
async def test_folders_that_were_made_to_try_the_destination_are_removed_again(tmp_path: Path, last: str) -> None:
    (tmp_path / "mine").mkdir()
    async with serve(Behaviour(sample_campaigns(3))) as url:
        result = await check(url, dest=str(tmp_path / "mine" / "a" / "b" / last))
    assert finding(result, "destination").state == ("ok" if last == "exports" else "failed")
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
