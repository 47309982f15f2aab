"""`exporter.fetch.worker_pool`: the pool before a made-up service, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.classify import classify_campaign
from exporter.api.endpoints import HttpResponse
from exporter.api.transport_errors import TransportError
from exporter.errors import CredentialsRefused, Interrupted
from exporter.events import Stopping
from exporter.fetch.worker_pool import FIRST_ALONE, FIRST_FEW, LATER, MOST_OUT_OF_STEP
from tests.support.made_up_service import DENIED, DOWN, Asked, Fetching, MadeUpService, fetched, good
from tests.support.odd_responses import odd_responses
from tests.support.virtual_time import run_virtually

IDS = [f"cd-{number}" for number in range(40)]
MANY = [f"cd-{number}" for number in range(400)]
STOPPED = Interrupted("stopped by SIGTERM.", signal_number=15)


def answered_well(asked: Asked) -> HttpResponse:
    return good(asked.campaign_id)


def test_a_first_id_that_is_slow_does_not_hold_up_the_others() -> None:
    service = MadeUpService(answered_well, lambda asked: 25.0 if asked.campaign_id == "cd-0" else 0.1)

    async def main() -> dict[str, float]:
        fetching = Fetching(service)
        await fetching.fetch(IDS)
        return fetching.ended_at

    ended_at = run_virtually(main())
    others = [at for campaign_id, at in ended_at.items() if campaign_id != "cd-0"]
    assert len(others) == 39
    assert max(others) - service.asked[0].at < FIRST_ALONE + 2


@pytest.mark.parametrize(("latency", "most"), [(FIRST_ALONE / 2, 1), (FIRST_ALONE * 5, FIRST_FEW)])
def test_wrong_credentials_cost_a_handful_of_requests_however_slow_the_refusal(latency: float, most: int) -> None:
    service = MadeUpService(lambda _: DENIED, lambda _: latency)

    with pytest.raises(CredentialsRefused):
        fetched(service, MANY)
    assert len(service.asked) == most


def test_credentials_revoked_in_mid_run_cost_no_more_than_what_was_under_way() -> None:
    service = MadeUpService(lambda asked: answered_well(asked) if asked.before < 100 else DENIED)
    made: list[Fetching] = []

    async def main() -> None:
        made.append(Fetching(service))
        await made[0].fetch(MANY)

    with pytest.raises(CredentialsRefused):
        run_virtually(main())
    assert len(service.asked) <= 100 + 16 + 4, "one was asked again, and a campaign known to be there"
    assert len(made[0].outcomes) == 100, "what was answered before is kept"
    (stopping,) = [event for event in made[0].events if isinstance(event, Stopping)]
    assert "\n" not in stopping.why


def test_an_answer_about_another_campaign_closes_the_connection_and_the_id_is_asked_again() -> None:
    service = MadeUpService(lambda asked: good(asked.campaign_id if asked.before_for_it else "cd-another"))
    assert set(fetched(service, IDS).values()) == {"ok"}
    assert service.dropped == len(IDS)


def test_an_id_that_is_answered_with_another_campaign_again_and_again_is_invalid() -> None:
    service = MadeUpService(lambda asked: good("cd-another" if asked.campaign_id == "cd-7" else asked.campaign_id))
    outcomes = fetched(service, IDS)
    assert [campaign_id for campaign_id, outcome in outcomes.items() if outcome != "ok"] == ["cd-7"]
    assert outcomes["cd-7"] == "invalid"
    assert service.times_asked("cd-7") == service.dropped == MOST_OUT_OF_STEP


def test_a_first_answer_about_another_campaign_is_not_the_last_word_after_other_failures() -> None:
    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id != "cd-7" or asked.before_for_it > MOST_OUT_OF_STEP:
            return answered_well(asked)
        return DOWN if asked.before_for_it < MOST_OUT_OF_STEP else good("cd-another")

    assert set(fetched(MadeUpService(answer), IDS).values()) == {"ok"}


@pytest.mark.parametrize("status", [503, 500, 408, 425])
def test_retry_after_is_honoured_on_every_status_that_is_retried(status: int) -> None:
    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id == "cd-7" and not asked.before_for_it:
            return HttpResponse(status, b"busy", retry_after="33")
        return answered_well(asked)

    service = MadeUpService(answer)
    assert fetched(service, IDS)["cd-7"] == "ok"
    first, second = [asked.at for asked in service.asked if asked.campaign_id == "cd-7"]
    assert 33.0 <= second - first < 34.0


def test_a_404_that_is_not_the_apis_is_asked_again_later() -> None:
    def answer(asked: Asked) -> HttpResponse:
        restarting = asked.campaign_id in IDS[10:20] and not asked.before_for_it
        return HttpResponse(404, b"404 page not found") if restarting else answered_well(asked)

    service = MadeUpService(answer)
    assert set(fetched(service, IDS).values()) == {"ok"}
    asked_again = [asked.at for asked in service.asked if asked.campaign_id == "cd-10"]
    assert asked_again[1] - asked_again[0] >= LATER


async def stop_after_30(fetching: Fetching) -> float:
    """Stop it when 30 requests have been sent, wait for its end; when it was stopped (monotonic seconds)."""
    task = asyncio.create_task(fetching.fetch(MANY))
    while len(fetching.service.asked) < 30:
        await asyncio.sleep(0.05)
    stopped_at = fetching.clock.monotonic()
    fetching.stop.ask(STOPPED)
    with pytest.raises(Interrupted):
        await task
    return stopped_at


@pytest.mark.parametrize("how", ["at once", "in its grace"])
def test_after_a_stop_no_request_is_sent_and_the_grace_is_not_used_up(how: str) -> None:
    """What fails or is refused in the grace is not asked for again, and nothing waits for its retry."""

    def answer(asked: Asked) -> HttpResponse | TransportError:
        return answered_well(asked) if asked.before < 20 else DOWN

    service = MadeUpService(answer, lambda asked: 0.1 if asked.before < 20 or how == "at once" else 2.0)

    async def main() -> tuple[float, float]:
        fetching = Fetching(service)
        return await stop_after_30(fetching), fetching.clock.monotonic()

    stopped_at, ended_at = run_virtually(main())
    assert max(asked.at for asked in service.asked) <= stopped_at
    assert ended_at - stopped_at <= 2.1


def test_a_request_that_hangs_in_a_stop_gets_the_grace_and_not_more() -> None:
    service = MadeUpService(answered_well, lambda asked: 0.1 if asked.before < 20 else 1000.0)

    async def main() -> float:
        fetching = Fetching(service, grace=10.0)
        stopped_at = await stop_after_30(fetching)
        return fetching.clock.monotonic() - stopped_at

    assert run_virtually(main()) == pytest.approx(10.0)


def goes_on(response: HttpResponse) -> bool:
    """Whether the run goes on after it: credentials that are refused end it, and what gets a 429 is asked for ever."""
    return classify_campaign(response, "odd", url="https://h/odd", now=0.0).kind not in ("denied", "rate_limited")


@given(st.lists(odd_responses.filter(goes_on), min_size=1, max_size=6))
def test_no_answer_whatever_it_holds_ends_a_run_or_costs_another_id_its_campaign(odd: list[HttpResponse]) -> None:
    def answer(asked: Asked) -> HttpResponse:
        return good(asked.campaign_id) if asked.campaign_id != "odd" else odd[asked.before_for_it % len(odd)]

    outcomes = fetched(MadeUpService(answer), ["cd-0", "odd", "cd-1", "cd-2"])
    assert set(outcomes) == {"cd-0", "odd", "cd-1", "cd-2"}
    assert {outcomes[name] for name in ("cd-0", "cd-1", "cd-2")} == {"ok"}
