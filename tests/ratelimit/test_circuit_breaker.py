"""`exporter.ratelimit.circuit_breaker`: whether the service as a whole is failing."""

from __future__ import annotations

import pytest

from exporter.ratelimit.circuit_breaker import CircuitBreaker


def in_outage(patience: float = 900.0) -> CircuitBreaker:
    """Three IDs failed at 100, 101 and 102."""
    outage = CircuitBreaker(patience)
    for at, item in enumerate("abc", 100):
        outage.failed(item, float(at))
    return outage


def test_the_third_id_to_fail_in_a_row_makes_an_outage_that_began_with_the_first() -> None:
    outage = CircuitBreaker(900.0)
    assert [outage.failed(item, at) for item, at in (("a", 100.0), ("b", 101.0), ("c", 102.0))] == [False, False, True]
    assert outage.began == 100.0


def test_one_id_failing_again_and_again_is_no_outage() -> None:
    outage = CircuitBreaker(900.0)
    assert not any(outage.failed("a", float(at)) for at in range(9))
    assert outage.began is None


def test_an_answer_in_between_ends_the_row() -> None:
    outage = CircuitBreaker(900.0)
    outage.failed("a", 1.0)
    outage.failed("b", 2.0)
    outage.answered(3.0)
    assert not outage.failed("c", 4.0)
    assert not outage.covers(1.5)


def test_during_an_outage_every_failure_makes_it_last_longer() -> None:
    outage = in_outage()
    assert outage.failed("a", 103.0)
    assert outage.began == 100.0


def test_other_evidence_makes_an_outage_at_once_from_the_first_failure_in_the_row() -> None:
    outage = CircuitBreaker(900.0)
    outage.suspected(50.0)
    assert outage.began == 50.0
    outage = CircuitBreaker(900.0)
    outage.failed("a", 40.0)
    outage.suspected(50.0)
    assert outage.began == 40.0


def test_probes_come_after_a_second_then_twice_as_long_and_never_more_than_a_minute_apart() -> None:
    outage = in_outage()
    waits = [outage.next_probe(102.0)]
    for _ in range(8):
        outage.failed("a", 102.0)
        waits.append(outage.next_probe(102.0))
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_after_an_answer_probing_begins_at_a_second_again() -> None:
    outage = in_outage()
    outage.failed("a", 103.0)
    outage.answered(104.0)
    assert outage.next_probe(104.0) == 0.0
    outage.suspected(200.0)
    assert outage.next_probe(200.0) == 1.0


def test_a_probe_is_no_later_than_the_end_of_the_patience() -> None:
    outage = in_outage(patience=10.0)
    assert outage.next_probe(109.5) == 0.5
    assert outage.next_probe(111.0) == 0.0


@pytest.mark.parametrize(("now", "over"), [(102.0, False), (109.5, False), (110.0, True), (111.0, True)])
def test_patience_is_counted_from_the_beginning_of_the_outage(now: float, over: bool) -> None:
    assert in_outage(patience=10.0).outlasted(now) is over


def test_without_an_outage_no_patience_is_lost() -> None:
    assert not CircuitBreaker(10.0).outlasted(1e9)


def test_a_failure_within_an_outage_is_no_ids_fault_also_when_it_is_over() -> None:
    outage = in_outage()
    assert [outage.covers(at) for at in (99.0, 100.0, 500.0)] == [False, True, True]
    outage.answered(200.0)
    outage.suspected(300.0)
    outage.answered(310.0)
    covered = [outage.covers(at) for at in (99.0, 100.0, 200.0, 201.0, 299.0, 300.0, 310.0, 311.0)]
    assert covered == [False, True, True, False, False, True, True, False]


def test_what_was_no_outage_covers_no_failure_any_more_and_other_outages_stay() -> None:
    outage = in_outage()
    outage.answered(110.0)
    for at, item in enumerate("abc", 200):
        outage.failed(item, float(at))
    outage.answered(210.0)
    outage.acquit(100.0)
    assert (outage.covers(105.0), outage.covers(205.0)) == (False, True)
