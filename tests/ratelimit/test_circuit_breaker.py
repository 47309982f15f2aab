"""`exporter.ratelimit.circuit_breaker`: closed, open, half-open; an outage, its probes, the patience."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ratelimit.circuit_breaker import CircuitBreaker, State


def opened(patience: float = 900.0) -> CircuitBreaker:
    """Three IDs failed at 100, 101 and 102."""
    breaker = CircuitBreaker(patience)
    assert [breaker.request_failed(request, 100.0 + at) for at, request in enumerate("abc")] == [False, False, True]
    return breaker


def test_the_third_id_to_fail_in_a_row_opens_it_and_the_outage_began_with_the_first() -> None:
    breaker = opened()
    assert (breaker.state, breaker.began, breaker.next_probe) == (State.OPEN, 100.0, 103.0)


def test_one_id_failing_again_and_again_is_no_outage() -> None:
    breaker = CircuitBreaker(900.0)
    assert not any(breaker.request_failed("a", float(at)) for at in range(9))
    assert breaker.is_closed


def test_an_answer_in_between_ends_the_row() -> None:
    breaker = CircuitBreaker(900.0)
    breaker.request_failed("a", 1.0)
    breaker.request_failed("b", 2.0)
    assert not breaker.answered()
    assert not breaker.request_failed("c", 4.0)


def test_other_evidence_opens_it_at_once_from_the_first_failure_in_the_row() -> None:
    breaker = CircuitBreaker(900.0)
    breaker.request_failed("a", 40.0)
    assert breaker.trip(50.0)
    assert breaker.began == 40.0
    breaker.probe_sent()
    assert not breaker.trip(51.0), "once"
    assert breaker.state is State.HALF_OPEN


def test_probes_come_after_a_second_then_twice_as_long_and_never_more_than_a_minute_apart() -> None:
    breaker = opened()
    waits = [breaker.next_probe - 102.0]
    for _ in range(8):
        breaker.probe_sent()
        breaker.probe_failed(102.0)
        waits.append(breaker.next_probe - 102.0)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_service_that_names_a_longer_time_with_retry_after_is_left_alone_for_it() -> None:
    breaker = opened()
    breaker.probe_sent()
    breaker.probe_failed(103.0, retry_after=120.0)
    assert breaker.next_probe == 223.0
    breaker = CircuitBreaker(900.0)
    for request in "abc":
        breaker.request_failed(request, 100.0, retry_after=45.0)
    assert breaker.next_probe == 145.0


def test_the_answered_probe_closes_it_and_the_next_outage_is_probed_after_a_second_again() -> None:
    breaker = opened()
    breaker.probe_sent()
    assert breaker.state is State.HALF_OPEN
    assert breaker.answered()
    assert breaker.is_closed
    breaker.trip(200.0)
    assert breaker.next_probe == 201.0


def test_an_answer_to_a_request_that_was_sent_before_closes_it_too() -> None:
    breaker = opened()
    assert breaker.answered()
    breaker.probe_failed(103.0)
    breaker.probe_lost(103.0)
    assert breaker.is_closed, "a probe of the outage that is over is no news"


def test_a_probe_without_an_outcome_is_followed_by_another_at_once() -> None:
    breaker = opened()
    breaker.probe_sent()
    breaker.probe_lost(110.0)
    assert (breaker.state, breaker.next_probe) == (State.OPEN, 110.0)


def test_a_failure_of_a_request_sent_before_is_no_news() -> None:
    breaker = opened()
    assert not breaker.request_failed("d", 102.5)
    breaker.probe_failed(102.5)
    assert breaker.next_probe == 103.0


def test_a_probe_is_no_later_than_the_end_of_the_patience() -> None:
    breaker = opened(patience=10.0)
    for _ in range(5):
        breaker.probe_sent()
        breaker.probe_failed(105.0, retry_after=1000.0)
    assert breaker.next_probe == 112.0


@pytest.mark.parametrize(("now", "over"), [(102.0, False), (111.5, False), (112.0, True), (113.0, True)])
def test_patience_is_counted_from_when_the_breaker_opened(now: float, over: bool) -> None:
    """Between the failures of the row the run may have waited for the rate limit."""
    assert opened(patience=10.0).outlasted(now) is over


@given(st.floats(1e3, 1e6), st.floats(0.1, 1e3), st.floats(0.0, 100.0))
def test_the_probe_at_the_end_of_the_patience_is_the_last(opened_at: float, patience: float, later: float) -> None:
    breaker = CircuitBreaker(patience)
    breaker.trip(opened_at)
    breaker.probe_sent()
    breaker.probe_failed(opened_at + min(later, patience), retry_after=1e6)
    assert breaker.outlasted(breaker.next_probe)


def test_without_an_outage_no_patience_is_lost() -> None:
    assert not CircuitBreaker(10.0).outlasted(1e9)
