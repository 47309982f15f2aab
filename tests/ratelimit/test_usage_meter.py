"""`exporter.ratelimit.usage_meter`: what a run has spent."""

from __future__ import annotations

import msgspec

from exporter.model import Requests, Seconds, Usage
from exporter.ratelimit.usage_meter import UsageMeter
from tests.support.virtual_time import ManualClock


def test_everything_that_is_counted_is_in_the_usage() -> None:
    clock = ManualClock()
    meter = UsageMeter(clock)
    for held in (1, 2, 3, 2):
        meter.sent(held)
    meter.listed()
    meter.retried()
    meter.rate_limited()
    meter.waited(1.25)
    meter.paused(2.5)
    clock.time += 12.0
    assert meter.usage() == Usage(Requests(4, 1, 1, 1, 3), Seconds(12.0, 1.25, 2.5))


def test_two_attempts_together_cost_their_sum_and_the_larger_of_the_busiest_windows() -> None:
    first = Usage(Requests(10, 1, 2, 3, 7), Seconds(0.1, 0.1, 0.1))
    second = Usage(Requests(5, 0, 1, 0, 4), Seconds(0.2, 0.2, 0.2))
    assert first.plus(second) == Usage(Requests(15, 1, 3, 3, 7), Seconds(0.3, 0.3, 0.3))
    assert first.plus(Usage()) == first


def test_it_is_written_as_the_manifest_has_it() -> None:
    assert msgspec.to_builtins(Usage()) == {
        "requests": {"total": 0, "list": 0, "retries": 0, "rate_limited": 0, "most_in_a_window": 0},
        "seconds": {"total": 0.0, "waiting_for_rate": 0.0, "paused": 0.0},
    }
