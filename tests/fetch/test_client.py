"""`exporter.fetch.client`: permit, token, send, classify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec
import pytest

from exporter.api.endpoints import HttpResponse, Request
from exporter.api.transport_errors import TooManyFiles, TransportError
from exporter.errors import CredentialsRefused, MachineExhausted, ServiceDown, SettingsError
from exporter.events import Warned
from exporter.fetch.client import MOST_LED_AWAY, MOST_REDIRECTS, Exchange
from exporter.model import Requests
from exporter.units import Limit
from tests.support.made_up_service import Asked, Fetching, MadeUpService, fetched, good
from tests.support.virtual_time import EPOCH, run_virtually

LISTING = HttpResponse(200, b'{"status":"success","data":{"results":[]}}')


def dropped() -> TransportError:
    error = TransportError("the connection was dropped")
    error.dropped = True
    return error


def cut_off(status: int, retry_after: str | None = None) -> TransportError:
    error = TransportError("connection broke")
    error.head = HttpResponse(status, b"", retry_after=retry_after)
    return error


def unknown_host() -> TransportError:
    return TransportError("the name of the host h is unknown; check KORE_HOST", permanent=True)


def test_what_can_never_work_ends_the_run_with_its_setting_where_nothing_was_ever_answered() -> None:
    with pytest.raises(SettingsError, match="KORE_HOST"):
        fetched(MadeUpService(lambda _: unknown_host()), ["cd-1", "cd-2"])


def test_too_many_open_files_end_the_run_as_the_machines_fault_where_nothing_was_ever_answered() -> None:
    """No setting is wrong: the same command resumes."""
    with pytest.raises(MachineExhausted, match="ulimit"):
        fetched(MadeUpService(lambda _: TooManyFiles("raise ulimit -n", permanent=True)), ["cd-1", "cd-2"])


class NoHttp(MadeUpService):
    """What it answers badly is no HTTP at all."""

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        try:
            return await super().send(request, on_sent=on_sent)
        except TransportError as error:
            error.permanent = True
            raise


def test_one_response_that_is_no_http_ends_no_run_while_others_are_under_way() -> None:
    """The first of all is slow, and so it is the bad one that comes first."""
    service = NoHttp(
        lambda asked: TransportError("no HTTP") if asked.campaign_id == "cd-1" and asked.at < 1010
        else good(asked.campaign_id),
        latency=lambda asked: 8.0 if asked.campaign_id == "cd-0" else 0.1 if asked.campaign_id == "cd-1" else 5.0,
    )  # fmt: skip
    assert set(fetched(service, [f"cd-{number}" for number in range(6)]).values()) == {"ok"}


def test_where_every_response_is_no_http_the_run_ends_with_its_setting() -> None:
    service = NoHttp(lambda asked: TransportError("no HTTP; check KORE_HOST"), latency=lambda asked: 0.1 + asked.before)
    with pytest.raises(SettingsError, match="KORE_HOST"):
        fetched(service, [f"cd-{number}" for number in range(20)])
    assert len(service.asked) < 20


def test_after_an_answer_it_is_a_failure_like_others() -> None:
    """A name server that knows nothing for a minute costs no ID."""
    service = MadeUpService(
        lambda asked: good(asked.campaign_id) if asked.at < 1001 or asked.at > 1060 else unknown_host()
    )
    assert set(fetched(service, [f"cd-{number}" for number in range(300)]).values()) == {"ok"}


@pytest.mark.parametrize("good_ones", [0, 1])
def test_a_host_whose_every_answer_leads_to_another_origin_ends_the_run(good_ones: int) -> None:
    away = HttpResponse(302, b"", location="https://login.example/")
    service = MadeUpService(lambda asked: good(asked.campaign_id) if asked.campaign_id < f"cd-{good_ones:03}" else away)
    ids = [f"cd-{number:03}" for number in range(100)]
    if good_ones:
        assert list(fetched(service, ids).values()).count("invalid") == 99
    else:
        with pytest.raises(SettingsError, match="; check KORE_HOST"):
            fetched(service, ids)
        assert len(service.asked) < MOST_LED_AWAY + 20


@pytest.mark.parametrize("ids", [MOST_LED_AWAY - 1, 100])
def test_a_good_answer_of_the_list_call_makes_no_outage_of_campaigns_that_all_lead_away(ids: int) -> None:
    """It would wait out the patience, and say no word of the host. Few of them are invalid, each with the cause."""
    away = HttpResponse(302, b"", location="https://login.example/")
    service = MadeUpService(lambda asked: away if asked.before else LISTING)

    async def main() -> None:
        fetching = Fetching(service)
        assert (await fetching.client.list_page("sms", limit=50, skip=0, page=1)).verdict.kind == "good"
        if ids < MOST_LED_AWAY:
            assert set((await fetching.fetch([f"cd-{number}" for number in range(ids)])).values()) == {"invalid"}
            assert "check KORE_HOST" in fetching.failure("cd-0").error
        else:
            with pytest.raises(SettingsError, match=r"campaign.*login\.example.*; check KORE_HOST"):
                await fetching.fetch([f"cd-{number}" for number in range(ids)])
        assert fetching.clock.monotonic() < 1010

    run_virtually(main())
    assert len(service.asked) < MOST_LED_AWAY + 20


@pytest.mark.parametrize("location", ["https://login.example/", None, "?again"])
def test_a_host_whose_list_call_leads_away_ends_the_run_where_nothing_was_answered_well(location: str | None) -> None:
    away = HttpResponse(302, b"", location=location)
    service = MadeUpService(lambda asked: good("cd-1") if asked.campaign_id == "cd-1" else away)

    async def main() -> None:
        with pytest.raises(SettingsError, match="; check KORE_HOST"):
            await Fetching(service).client.list_page("sms", limit=50, skip=0, page=1)
        fetching = Fetching(service)
        await fetching.client.campaign("cd-1")
        assert (await fetching.client.list_page("sms", limit=50, skip=0, page=1)).verdict.kind == "led_away"

    run_virtually(main())


def test_a_request_under_which_a_kept_alive_connection_was_dropped_is_sent_again_and_is_no_failure() -> None:
    service = MadeUpService(lambda asked: good(asked.campaign_id) if asked.before_for_it == 3 else dropped())

    async def main() -> Requests:
        fetching = Fetching(service, attempts=1)
        outcomes = await fetching.fetch([f"cd-{number}" for number in range(10)])
        assert set(outcomes.values()) == {"ok"}
        return fetching.meter.usage().requests

    requests = run_virtually(main())
    assert (requests.total, requests.retries) == (40, 30), "each may have reached the service"


@pytest.mark.parametrize(("status", "attempts"), [(429, 1), (503, 2), (200, 2)])
def test_retry_after_is_honoured_where_the_body_is_cut_off(status: int, attempts: int) -> None:
    """A 429 uses up no attempt, and holds back the others, too."""
    cut = cut_off(status, "33")
    service = MadeUpService(lambda asked: cut if asked.before == 20 else good(asked.campaign_id))

    async def main() -> int:
        fetching = Fetching(service, attempts=attempts)
        assert set((await fetching.fetch([f"cd-{number}" for number in range(200)])).values()) == {"ok"}
        return fetching.meter.usage().requests.rate_limited

    is_limited = status == 429
    assert run_virtually(main()) == is_limited
    refused = service.asked[20]
    again = next(asked.at for asked in service.asked if asked.campaign_id == refused.campaign_id and asked.before > 20)
    assert again - refused.at >= 33.0
    held_back = not any(refused.at + 0.2 < asked.at < again for asked in service.asked)
    assert held_back is is_limited


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_credentials_ends_the_run_though_its_body_is_cut_off(status: int) -> None:
    service = MadeUpService(lambda _: cut_off(status))
    with pytest.raises(CredentialsRefused, match=f"HTTP {status}"):
        fetched(service, ["cd-1", "cd-2"])
    assert len(service.asked) == 1


def test_a_status_whose_body_is_cut_off_is_no_last_word_on_a_campaign() -> None:
    """Of what a 404 or a 400 says in its body, all is open; what went before it is no evidence."""
    statuses = {"cd-1": 404, "cd-2": 400, "cd-3": 410}
    service = MadeUpService(
        lambda asked: cut_off(statuses[asked.campaign_id]) if asked.campaign_id in statuses and asked.before_for_it < 4
        else good(asked.campaign_id)
    )  # fmt: skip
    assert set(fetched(service, [f"cd-{number}" for number in range(60)]).values()) == {"ok"}


def test_a_request_that_was_not_sent_holds_no_slot() -> None:
    service = MadeUpService(
        lambda asked: good(asked.campaign_id) if asked.at > 1003 or not asked.before else unknown_host()
    )

    async def main() -> None:
        fetching = Fetching(service, limits=(Limit(3, 60.0),))
        await fetching.fetch(["cd-0", "cd-1", "cd-2"])
        assert fetching.meter.usage().requests.total == 3
        assert fetching.clock.monotonic() < 1060

    run_virtually(main())


def test_redirects_are_followed_each_with_a_token_and_a_permit_of_its_own() -> None:
    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id.startswith("cd-"):
            return HttpResponse(307, b"", location="moved/there")
        return good("cd-1")

    service = MadeUpService(answer)

    async def main() -> int:
        fetching = Fetching(service)
        exchange = await fetching.client.campaign("cd-1")
        assert exchange.verdict.kind == "good"
        return fetching.meter.usage().requests.total

    assert run_virtually(main()) == 2
    assert len({asked.token for asked in service.asked}) == 2


@pytest.mark.parametrize("ids", [1, 20])
def test_redirects_to_a_page_that_is_no_answer_do_not_hide_an_outage(ids: int) -> None:
    """A login page: it is there at every probe, and the patience ends the run."""
    login = HttpResponse(200, b"<html>Log in</html>")
    service = MadeUpService(
        lambda asked: login if asked.campaign_id == "login" else HttpResponse(302, b"", location="/login")
    )

    async def main() -> float:
        fetching = Fetching(service, patience=60.0)
        with pytest.raises(ServiceDown):
            async with asyncio.timeout(600.0):
                await fetching.fetch([f"cd-{number}" for number in range(ids)])
        return fetching.clock.monotonic()

    assert run_virtually(main()) < 1100
    assert len(service.asked) < 100


class Recorder(MadeUpService):
    """Keeps the requests themselves."""

    requests: list[Request]

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        self.requests.append(request)
        return await super().send(request, on_sent=on_sent)


def test_a_redirected_list_call_is_the_same_request_with_a_token_of_its_own() -> None:
    service = Recorder(lambda asked: LISTING if asked.before else HttpResponse(307, b"", location="/there"))
    service.requests = []

    async def main() -> None:
        exchange = await Fetching(service).client.list_page("sms", limit=50, skip=0, page=1)
        assert exchange.verdict.kind == "good"

    run_virtually(main())
    first, second = service.requests
    assert first.method == "POST"
    assert second == Request("POST", "https://h/there", {**first.headers, "auth": second.headers["auth"]}, first.body)
    assert second.headers["auth"] != first.headers["auth"]


@pytest.mark.parametrize(("places", "requests"), [(1, 3), (3, 7), (1000, MOST_REDIRECTS + 1)])
def test_redirects_without_end_are_invalid(places: int, requests: int) -> None:
    service = MadeUpService(lambda asked: HttpResponse(307, b"", location=f"?{asked.before % places}"))

    async def main() -> Exchange:
        fetching = Fetching(service)
        fetching.limiter.open_breaker("for a test")
        exchange = await fetching.client.campaign("cd-1", may_probe=True)
        assert fetching.limiter.outage_began is None, "a last word, as any other that is invalid, ends an outage"
        return exchange

    assert run_virtually(main()).verdict.kind == "invalid"
    assert len(service.asked) == requests


def test_as_many_redirects_as_browsers_follow_are_followed() -> None:
    service = MadeUpService(
        lambda asked: good("cd-1") if asked.before == 10 else HttpResponse(307, b"", location=f"?{asked.before}")
    )
    assert fetched(service, ["cd-1"]) == {"cd-1": "ok"}


def test_a_redirect_to_the_url_that_was_asked_is_followed() -> None:
    """A hop of a balancer: the second request is good."""
    hop = HttpResponse(307, b"", location="?accountId=a")
    service = MadeUpService(lambda asked: good(asked.campaign_id) if asked.before_for_it else hop)
    ids = [f"cd-{number}" for number in range(40)]
    assert set(fetched(service, ids).values()) == {"ok"}
    assert len(service.asked) == 2 * len(ids)


@pytest.mark.parametrize("answer", [HttpResponse(307, b"", location="moved/there"), dropped()])
def test_a_request_that_has_become_the_probe_is_it_until_there_is_an_outcome(
    answer: HttpResponse | TransportError,
) -> None:
    """After a silence no other request can find out whether the service is back."""
    service = MadeUpService(
        lambda asked: good("cd-1") if asked.before > 2 else answer,
        lambda asked: 0.1 if asked.before > 1 else 1e6,
    )

    async def main() -> str:
        fetching = Fetching(service, limits=(Limit(2, 60.0),))
        given_up = [asyncio.create_task(fetching.client.campaign(f"cd-{number}")) for number in range(2)]
        await asyncio.sleep(5)
        for task in given_up:
            task.cancel()
        return (await fetching.client.campaign("cd-1")).verdict.kind

    assert run_virtually(main()) == "good"


@pytest.mark.parametrize("campaign_id", [".", ".."])
def test_an_id_that_no_url_can_carry_is_not_asked_for(campaign_id: str) -> None:
    service = MadeUpService(lambda asked: good(asked.campaign_id))

    async def main() -> Exchange:
        return await Fetching(service).client.campaign(campaign_id)

    assert run_virtually(main()).verdict.kind == "not_found"
    assert service.asked == []


@pytest.mark.parametrize(("seconds", "words"), [(0, []), (50, []), (90, ["behind"]), (-3600, ["ahead of"])])
def test_a_clock_that_differs_from_the_services_date_is_reported_once(seconds: int, words: list[str]) -> None:
    def answer(asked: Asked) -> HttpResponse:
        theirs = format_datetime(datetime.fromtimestamp(asked.at + EPOCH + seconds, UTC), usegmt=True)
        return msgspec.structs.replace(good(asked.campaign_id), date=theirs)

    async def main() -> list[str]:
        fetching = Fetching(MadeUpService(answer))
        await fetching.fetch(["cd-1", "cd-2", "cd-3"])
        return [event.message for event in fetching.events if isinstance(event, Warned)]

    warnings = run_virtually(main())
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))


def test_a_refusal_names_the_clock_where_the_services_date_shows_that_it_is_off() -> None:
    refused = HttpResponse(401, b'{"errors":[{"msg":"Invalid SDK credentials"}]}', date="Thu, 01 Jan 2026 00:00:00 GMT")

    with pytest.raises(CredentialsRefused, match="this machine's clock is"):
        fetched(MadeUpService(lambda _: refused), ["cd-1"])
