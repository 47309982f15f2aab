"""`exporter.fetch.service_health`: is it this ID or the service? In virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.endpoints import HttpResponse
from exporter.api.transport_errors import TransportError
from exporter.errors import CredentialsRefused, ServiceDown
from exporter.model import Failure
from exporter.units import Limit
from tests.support.made_up_service import (
    DENIED,
    DOWN,
    FORBIDDEN,
    NOT_THE_API,
    Asked,
    Fetching,
    MadeUpService,
    fetched,
    good,
)
from tests.support.virtual_time import run_virtually

GOOD = [f"cd-{number}" for number in range(60)]
BAD = [f"bad-{number}" for number in range(20)]
MANY = [f"cd-{number}" for number in range(900)]
FAILED = HttpResponse(500, b'{"errors":[{"msg":"Internal Server Error","code":500}]}')


class Service(MadeUpService):
    """Answers every campaign well but those in `bad`, and none while it is `down` (from, until)."""

    def __init__(self, *, down: tuple[float, float] = (0.0, 0.0), bad: HttpResponse = FAILED) -> None:
        def answer(asked: Asked) -> HttpResponse:
            if down[0] <= asked.at < down[1]:
                return FAILED
            return bad if asked.campaign_id in BAD else good(asked.campaign_id)

        super().__init__(answer)


@pytest.mark.parametrize("bad", [3, 5, 20])
def test_ids_that_always_fail_are_no_outage_though_nothing_else_is_left_to_ask_for(bad: int) -> None:
    async def main() -> float:
        fetching = Fetching(Service())
        outcomes = await fetching.fetch([*GOOD, *BAD[:bad]])
        assert [outcomes[campaign_id] for campaign_id in BAD[:bad]] == ["failed"] * bad
        assert all(outcomes[campaign_id] == "ok" for campaign_id in GOOD)
        return fetching.clock.monotonic() - 1000

    assert run_virtually(main()) < 120


def test_tried_again_alone_they_fail_again_and_the_run_ends() -> None:
    """As the command does after exit 1: only what failed is asked for, and one campaign is known to be there."""
    service = Service()
    assert set(fetched(service, BAD[:5], canary="cd-1").values()) == {"failed"}
    assert all(service.times_asked(campaign_id) == 5 for campaign_id in BAD[:5])
    assert service.times_asked("cd-1") <= 15


@pytest.mark.parametrize("canary", [None, "cd-1"])
def test_an_outage_with_bad_ids_at_the_end_costs_no_good_campaign(canary: str | None) -> None:
    outcomes = fetched(Service(down=(1000.02, 1400.0)), [*GOOD, *BAD[:5]], canary=canary)
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome == "failed"} == set(BAD[:5])
    assert len(outcomes) == 65


@pytest.mark.parametrize("outage", [3.0, 30.0, 600.0])
def test_in_an_outage_only_the_canary_is_asked_and_no_id_uses_up_its_attempts(outage: float) -> None:
    service = Service(down=(1002.0, 1002.0 + outage))
    outcomes = fetched(service, MANY, attempts=2)
    assert set(outcomes.values()) == {"ok"}
    in_outage = [asked for asked in service.asked if 1003.5 <= asked.at < 1002.0 + outage]
    assert len(in_outage) <= 8 + outage / 60, "one probe at growing intervals"
    assert len({asked.campaign_id for asked in in_outage}) <= 1


def test_an_outage_that_outlasts_the_patience_ends_the_run() -> None:
    service = Service(down=(1002.0, 1e9))
    with pytest.raises(ServiceDown, match="--patience"):
        fetched(service, MANY, patience=120.0)
    assert 1120 < service.asked[-1].at < 1125


def test_a_wait_for_the_rate_limit_between_failures_uses_up_no_patience() -> None:
    """Six requests in twenty seconds: the last ID to fail is asked in the next window, and the service is well then."""
    failing = {"bad-0": 2, "bad-1": 2, "bad-2": 1}
    service = MadeUpService(
        lambda asked: DOWN if asked.before_for_it < failing.get(asked.campaign_id, 0) else good(asked.campaign_id)
    )
    ids = [*GOOD[:4], *failing]
    assert set(fetched(service, ids, limits=(Limit(6, 20.0),), patience=10.0).values()) == {"ok"}


def test_where_nothing_was_ever_answered_well_no_id_has_failed() -> None:
    with pytest.raises(ServiceDown):
        fetched(Service(), BAD[:1], patience=60.0)


@pytest.mark.parametrize("canary", [None, "cd-59"])
def test_many_ids_that_a_gateway_does_not_know_are_absent_and_no_outage_that_never_ends(canary: str | None) -> None:
    """Their second 404s open the breaker while one of them has the canary asked for it: that request may probe."""
    outcomes = fetched(Service(bad=NOT_THE_API), [*GOOD[:30], *BAD], canary=canary, limits=(Limit(60, 60.0),))
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome == "not_found"} == set(BAD)
    assert len(outcomes) == 50


def test_an_id_that_is_refused_when_an_outage_begins_ends_with_it() -> None:
    """The canary fails as the third, and opens the breaker; the refused ID is asked again as the probe."""
    first = {"cd-0": (FORBIDDEN, 1.3), "cd-1": (DOWN, 0.45), "cd-2": (DOWN, 0.45), "known": (DOWN, 0.4)}
    service = MadeUpService(
        lambda asked: good(asked.campaign_id) if asked.before_for_it else first[asked.campaign_id][0],
        lambda asked: 0.1 if asked.before_for_it else first[asked.campaign_id][1],
    )
    assert set(fetched(service, GOOD[:3], canary="known").values()) == {"ok"}


ANOTHER = good("cd-another")
"""An answer about another campaign."""

AWAY = HttpResponse(302, b"", location="https://status.example/")
IN_A_CIRCLE = HttpResponse(302, b"", location="?")
CUT = TransportError("the answer was cut off")

MOST_REQUESTS, MOST_SECONDS = 1000, 4000

ANSWERS = st.sampled_from([good, DENIED, FORBIDDEN, ANOTHER, NOT_THE_API, AWAY, IN_A_CIRCLE, DOWN, CUT])
SCRIPTS = st.tuples(
    st.lists(ANSWERS, max_size=3), st.lists(ANSWERS, min_size=1, max_size=3), st.sampled_from([0.1, 0.45, 1.4])
)
"""What one ID gets at first, what it gets from then on, by turns for ever, and after how many seconds."""


Scripts = list[tuple[list[Any], list[Any], float]]


def see_it_end(
    scripts: Scripts, *, known: bool, listed: bool = False, limits: tuple[Limit, ...] = (), attempts: int = 5
) -> None:
    """`known`: whether an earlier attempt has fetched the first one. `listed`: whether the list call was answered."""

    def answer(asked: Asked) -> HttpResponse | TransportError:
        assert asked.before < MOST_REQUESTS
        first, then, _ = scripts[GOOD.index(asked.campaign_id)]
        turn = asked.before_for_it - len(first)
        found = first[asked.before_for_it] if turn < 0 else then[turn % len(then)]
        return good(asked.campaign_id) if found is good else cast(HttpResponse | TransportError, found)

    service = MadeUpService(answer, lambda asked: scripts[GOOD.index(asked.campaign_id)][2])
    ids = GOOD[known : len(scripts)]

    async def main() -> None:
        canary = GOOD[0] if known else None
        fetching = Fetching(service, canary=canary, limits=limits, attempts=attempts, patience=60.0)
        fetching.client.has_listed = listed
        with suppress(CredentialsRefused, ServiceDown):
            assert len(await fetching.fetch(ids)) == len(ids)

    run_virtually(main())
    assert service.asked[-1].at < 1000 + MOST_SECONDS


@given(
    scripts=st.lists(SCRIPTS, min_size=2, max_size=7),
    known=st.booleans(),
    listed=st.booleans(),
    limits=st.sampled_from([(), (Limit(6, 20.0),)]),
    attempts=st.sampled_from([1, 5]),
)
def test_whatever_is_answered_a_run_ends(
    scripts: Scripts, known: bool, listed: bool, limits: tuple[Limit, ...], attempts: int
) -> None:
    """No request waits for what only another one behind it could bring, and no rhythm of answers, be it of an ID or of
    the canary, makes an outage begin again for ever."""
    see_it_end(scripts, known=known, listed=listed, limits=limits, attempts=attempts)


@pytest.mark.parametrize(
    "rhythms",
    [
        ([good], [NOT_THE_API, AWAY]),
        ([CUT, good], [NOT_THE_API]),
        ([CUT, CUT, good], [DOWN]),
        ([CUT, good], [DOWN], [DOWN], [DOWN]),
        ([ANOTHER], [DOWN], [DOWN]),
        ([DENIED], [DOWN], [DOWN]),
        ([ANOTHER, CUT], [DOWN, NOT_THE_API], [AWAY, NOT_THE_API]),
    ],
)
def test_no_rhythm_of_the_canary_and_of_bad_ids_keeps_a_run_from_its_end(rhythms: tuple[list[Any], ...]) -> None:
    see_it_end([([], rhythm, 0.1) for rhythm in rhythms], known=True)


@pytest.mark.parametrize("rhythms", [([DENIED], [DOWN]), ([DENIED, NOT_THE_API],), ([DENIED, NOT_THE_API],) * 2])
def test_an_id_that_is_refused_while_no_other_was_ever_fetched_does_not_end_an_outage_for_ever(
    rhythms: tuple[list[Any], ...],
) -> None:
    see_it_end([([], rhythm, 0.1) for rhythm in rhythms], known=False, listed=True)


@pytest.mark.parametrize("answers", [(NOT_THE_API, AWAY), (AWAY, NOT_THE_API)])
def test_an_id_that_is_led_away_and_not_routed_by_turns_while_others_are_answered_is_invalid(
    answers: tuple[HttpResponse, HttpResponse],
) -> None:
    service = MadeUpService(
        lambda asked: answers[asked.before_for_it % 2] if asked.campaign_id == BAD[0] else good(asked.campaign_id)
    )
    assert fetched(service, [*GOOD, BAD[0]])[BAD[0]] == "invalid"
    assert service.times_asked(BAD[0]) == 2


@pytest.mark.parametrize("in_between", [(ANOTHER,), (FORBIDDEN,), (ANOTHER, DOWN, DENIED, DOWN)])
def test_a_canary_that_is_answered_oddly_ends_no_outage_for_ever(in_between: tuple[HttpResponse, ...]) -> None:
    fetched_once: set[str] = set()

    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id in fetched_once:
            return in_between[asked.before_for_it % len(in_between)]
        if asked.at >= 1001.0:
            return DOWN
        fetched_once.add(asked.campaign_id)
        return good(asked.campaign_id)

    service = MadeUpService(answer)
    with pytest.raises(ServiceDown):
        fetched(service, MANY, patience=120.0)
    assert service.asked[-1].at < 1300


def test_a_canary_that_is_gone_is_replaced() -> None:
    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id == "old":
            return HttpResponse(404, b'{"errors":[{"msg":"Campaign not found","code":404}]}')
        return FAILED if asked.campaign_id in BAD else good(asked.campaign_id)

    outcomes = fetched(MadeUpService(answer), [*BAD[:4], *GOOD], canary="old")
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome == "failed"} == set(BAD[:4])


@pytest.mark.parametrize("refusal", [FORBIDDEN, DENIED])
def test_one_id_that_is_refused_among_good_answers_has_failed_alone(refusal: HttpResponse) -> None:
    """A firewall that blocks one ID: 403. It is asked again with a token of its own; another campaign decides."""
    service = Service(bad=refusal)

    async def main() -> tuple[Fetching, dict[str, str]]:
        fetching = Fetching(service)
        return fetching, await fetching.fetch([*GOOD[:20], BAD[0], *GOOD[20:]])

    fetching, outcomes = run_virtually(main())
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome != "ok"} == {BAD[0]}
    failure = fetching.failure(BAD[0])
    assert (failure.outcome, failure.http_status, failure.attempts) == ("failed", refusal.status, 2)
    tokens = {asked.token for asked in service.asked if asked.campaign_id == BAD[0]}
    assert len(tokens) == 2
    assert len(service.asked) == 60 + 2 + 1


def test_one_refusal_that_a_second_request_does_not_get_costs_nothing() -> None:
    def answer(asked: Asked) -> HttpResponse:
        return DENIED if asked.campaign_id == "cd-30" and not asked.before_for_it else good(asked.campaign_id)

    assert set(fetched(MadeUpService(answer), GOOD).values()) == {"ok"}


def refused_while_another_campaign_gets(answer_to_another: HttpResponse) -> Callable[[Asked], HttpResponse]:
    """One ID is refused twice. The campaign that is to decide about it gets `answer_to_another`, once."""
    left = [answer_to_another]

    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id == "cd-30":
            return DENIED if asked.before_for_it < 2 else NOT_THE_API if asked.before_for_it == 2 else good("cd-30")
        return left.pop() if asked.before_for_it and left else good(asked.campaign_id)

    return answer


def test_a_404_that_the_deciding_campaign_gets_is_no_evidence_of_the_refused_ids_absence() -> None:
    service = MadeUpService(refused_while_another_campaign_gets(NOT_THE_API))
    assert set(fetched(service, GOOD).values()) == {"ok"}, "it got one such 404 of its own, and then its campaign"


def test_what_the_deciding_campaign_gets_is_not_kept_as_the_refused_ids_answer() -> None:
    service = MadeUpService(refused_while_another_campaign_gets(FAILED))

    async def main() -> Failure:
        fetching = Fetching(service, attempts=1)
        await fetching.fetch(GOOD)
        return fetching.failure("cd-30")

    failure = run_virtually(main())
    assert (failure.outcome, failure.http_status, failure.body_start) == ("failed", None, None)
    assert failure.error == "HTTP 500: Internal Server Error"


def test_a_first_refusal_ends_the_run_when_what_an_earlier_attempt_has_fetched_is_refused_too() -> None:
    service = MadeUpService(lambda _: DENIED)

    with pytest.raises(CredentialsRefused):
        fetched(service, GOOD, canary="cd-1")
    assert len(service.asked) == 2


@pytest.mark.parametrize("refusal", [FORBIDDEN, DENIED])
def test_after_a_good_answer_of_the_list_call_the_first_campaign_may_be_refused_alone(refusal: HttpResponse) -> None:
    async def main(service: MadeUpService, ids: list[str]) -> dict[str, str]:
        fetching = Fetching(service)
        fetching.client.has_listed = True
        return await fetching.fetch(ids)

    service = Service(bad=refusal)
    outcomes = run_virtually(main(service, [BAD[0], *GOOD]))
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome != "ok"} == {BAD[0]}
    once = MadeUpService(lambda asked: good(asked.campaign_id) if asked.before else refusal)
    assert set(run_virtually(main(once, GOOD)).values()) == {"ok"}
    for ids, most in ((GOOD, 3), (GOOD[:1], 2)):
        revoked = MadeUpService(lambda _: refusal)
        with pytest.raises(CredentialsRefused):
            run_virtually(main(revoked, ids))
        assert len(revoked.asked) == most


def test_an_id_that_is_refused_alone_is_so_too_where_it_is_all_that_is_left() -> None:
    """As after exit 1, or where the attempt before was stopped just before this ID."""
    service = Service(bad=DENIED)
    assert fetched(service, BAD[:1], canary="cd-1") == {BAD[0]: "failed"}
    assert (service.times_asked(BAD[0]), service.times_asked("cd-1")) == (2, 2)


def test_absence_by_a_404_that_is_not_the_apis_counts_when_it_comes_again_and_others_are_answered() -> None:
    service = Service(bad=NOT_THE_API)
    outcomes = fetched(service, [*GOOD, *BAD[:2]])
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome == "not_found"} == set(BAD[:2])
    assert [service.times_asked(campaign_id) for campaign_id in BAD[:2]] == [2, 2]


def test_while_a_gateway_answers_404_to_all_nothing_is_absent() -> None:
    """A back end that restarts for three minutes."""

    def answer(asked: Asked) -> HttpResponse:
        return NOT_THE_API if 1002.0 <= asked.at < 1180.0 else good(asked.campaign_id)

    assert set(fetched(MadeUpService(answer), MANY).values()) == {"ok"}


@pytest.mark.parametrize("redirect", [AWAY, IN_A_CIRCLE])
def test_while_all_are_led_away_or_in_a_circle_no_id_is_invalid(redirect: HttpResponse) -> None:
    """A maintenance page."""
    service = MadeUpService(lambda asked: redirect if 1002.0 <= asked.at < 1180.0 else good(asked.campaign_id))
    assert set(fetched(service, MANY).values()) == {"ok"}


def test_an_id_that_is_led_away_again_while_others_are_answered_is_invalid() -> None:
    service = Service(bad=AWAY)
    outcomes = fetched(service, [*GOOD, *BAD])
    assert {campaign_id for campaign_id, outcome in outcomes.items() if outcome == "invalid"} == set(BAD)
    assert [service.times_asked(campaign_id) for campaign_id in BAD] == [2] * len(BAD)


@pytest.mark.parametrize("bad", [AWAY, NOT_THE_API])
def test_what_came_once_before_is_no_last_word_when_it_comes_again_in_an_outage(bad: HttpResponse) -> None:
    """The outage begins just when they are asked again."""
    once, began = GOOD[20:26], [math.inf]

    def answer(asked: Asked) -> HttpResponse:
        if asked.campaign_id in once and asked.before_for_it == 1:
            began[0] = min(began[0], asked.at)
        is_first = asked.campaign_id in once and not asked.before_for_it
        return bad if is_first or 0.0 <= asked.at - began[0] < 100.0 else good(asked.campaign_id)

    service = MadeUpService(answer, lambda _: 0.5)
    assert set(fetched(service, MANY).values()) == {"ok"}
    assert began[0] < service.asked[-1].at - 100.0


def test_ids_that_are_led_away_are_so_too_where_they_are_all_that_is_left() -> None:
    """As after exit 1: the host is not wrong, for an earlier attempt has fetched campaigns from it."""
    service = Service(bad=AWAY)
    assert fetched(service, BAD, canary="cd-1") == dict.fromkeys(BAD, "invalid")
    assert [service.times_asked(campaign_id) for campaign_id in BAD] == [2] * len(BAD)


def test_where_an_earlier_attempt_has_fetched_campaigns_being_led_away_at_first_is_an_outage() -> None:
    service = MadeUpService(lambda asked: AWAY if asked.at < 1180.0 else good(asked.campaign_id))
    assert set(fetched(service, MANY, canary="known").values()) == {"ok"}


def test_where_nothing_was_ever_answered_well_a_404_that_is_not_the_apis_proves_no_absence() -> None:
    async def main() -> None:
        fetching = Fetching(MadeUpService(lambda _: NOT_THE_API), patience=60.0)
        with pytest.raises(ServiceDown):
            await fetching.fetch(BAD[:2])
        assert fetching.clock.monotonic() - 1000 < 80

    run_virtually(main())
