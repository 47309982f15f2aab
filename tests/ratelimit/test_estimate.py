"""`exporter.ratelimit.estimate`: how long it will take, before the first request."""

from __future__ import annotations

import pytest

from exporter.ratelimit.estimate import TYPICAL_LATENCY, seconds_for, shared
from exporter.units import Limit

MINUTE = Limit(60, 60.0)


@pytest.mark.parametrize(
    ("requests", "seconds"),
    [(-1, 0.0), (0, 0.0), (1, 0.5), (60, 0.5), (61, 61.0), (120, 61.0), (121, 121.5), (5000, 83 * 60.5 + 0.5)],
)
def test_the_first_60_go_at_once_and_each_further_60_wait_for_a_window_and_its_answers(
    requests: int, seconds: float
) -> None:
    assert seconds_for(requests, [MINUTE], latency=0.5, pace="asap") == seconds


def test_where_nothing_was_measured_a_typical_latency_is_taken() -> None:
    assert seconds_for(61, [MINUTE]) == pytest.approx(60.0 + 2 * TYPICAL_LATENCY)


def test_an_even_pace_sends_one_request_a_second() -> None:
    assert seconds_for(1, [MINUTE], latency=0.5, pace="even") == 0.5
    assert seconds_for(3, [MINUTE], latency=0.5, pace="even") == 2.5


def test_an_even_pace_waits_for_slots_too_that_are_held_through_the_latency() -> None:
    assert seconds_for(61, [MINUTE], latency=0.5, pace="even") == 61.0
    assert seconds_for(63, [MINUTE], latency=0.5, pace="even") == 63.0
    assert seconds_for(121, [MINUTE], latency=0.5, pace="even") == 121.5


def test_auto_takes_the_time_of_asap_up_to_five_windows_and_of_even_beyond() -> None:
    for requests, pace in ((300, "asap"), (301, "even"), (5000, "even")):
        assert seconds_for(requests, [MINUTE]) == seconds_for(requests, [MINUTE], pace=pace)  # type: ignore[arg-type]


def test_of_several_limits_the_slowest_counts_and_without_one_only_the_latency() -> None:
    assert seconds_for(1801, [MINUTE, Limit(1800, 3600.0)], latency=0.5) == 3601.0
    assert seconds_for(61, [MINUTE, Limit(1800, 3600.0)], latency=0.5) == 61.0
    assert seconds_for(1000, [], latency=0.5) == 0.5


def test_a_share_of_a_limit_is_rounded_down_but_is_never_nothing() -> None:
    assert shared([MINUTE, Limit(9, 1.0), Limit(1, 2.0)], 0.5) == (Limit(30, 60.0), Limit(4, 1.0), Limit(1, 2.0))
    assert shared([Limit(100, 60.0)], 0.29) == (Limit(29, 60.0),)
