"""`exporter.ratelimit.sliding_window`: the promise about the limit."""

from __future__ import annotations

import heapq
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ratelimit.sliding_window import SlidingWindow, wait_for
from exporter.units import Limit
from tests.support.examples import examples
from tests.support.strict_server import most_in_a_window

limits = st.builds(Limit, st.integers(1, 6), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
latencies = st.floats(0.0, 5.0)
callers = st.lists(st.tuples(st.floats(0.0, 4.0), latencies, st.floats(0.0, 1.0)), min_size=1, max_size=60)


def drive(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> tuple[list[float], list[tuple[float, float]]]:
    """Send each request as early as the rule allows: arrivals at the server, and (sent, allowed by the rule)."""
    windows = SlidingWindow()
    now, ready = 0.0, 0.0
    answers: list[tuple[float, int]] = []
    arrivals: list[float] = []
    released: list[float] = []
    sends: list[tuple[float, float]] = []
    for gap, latency, point in requests:
        ready = max(ready, now) + gap
        now = max(now, ready)
        while True:
            while answers and answers[0][0] <= now:
                at, slot = heapq.heappop(answers)
                windows.release(slot, at)
                released.append(at)
            taken, wait = windows.acquire(all_limits, now)
            if taken is not None:
                break
            now = min(now + wait, answers[0][0] if answers else math.inf)
        sends.append((now, max(ready, earliest(all_limits, sorted(released), len(answers), ready))))
        heapq.heappush(answers, (now + latency, taken))
        arrivals.append(now + latency * point)
    return arrivals, sends


def earliest(all_limits: list[Limit], released: list[float], under_way: int, ready: float) -> float:
    """The moment that the rule names, by another way of counting: the latest end of a place too many."""
    moment = ready
    for limit in all_limits:
        ends = sorted(at + limit.seconds for at in released)
        too_many = len(ends) + under_way - limit.slots
        if too_many >= 0:
            moment = max(moment, ends[too_many] if too_many < len(ends) else math.inf)
    return moment


@settings(max_examples=examples(3), deadline=None)
@given(st.lists(limits, min_size=1, max_size=3), callers)
def test_no_window_of_the_server_holds_more_than_the_limit(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> None:
    """For any latencies, any arrival between sending and answer, any schedule of callers."""
    arrivals, _ = drive(all_limits, requests)
    for limit in all_limits:
        # A hair narrower than the window: sums of floats are not exact.
        assert most_in_a_window(arrivals, limit.seconds * (1 - 1e-9) - 1e-9) <= limit.slots


@settings(max_examples=examples(3), deadline=None)
@given(st.lists(limits, min_size=1, max_size=3), callers)
def test_it_never_waits_longer_than_the_rule_needs(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> None:
    _, sends = drive(all_limits, requests)
    for sent, allowed in sends:
        assert sent <= max(allowed, 0.0) + 1e-3


def test_a_place_is_free_exactly_one_window_after_its_answer() -> None:
    limit = Limit(1, 60.0)
    windows = SlidingWindow()
    slot, _ = windows.acquire([limit], 0.0)
    assert windows.acquire([limit], 100.0) == (None, math.inf)
    assert slot is not None
    windows.release(slot, 100.0)
    assert windows.acquire([limit], 159.0) == (None, 1.0)
    assert windows.acquire([limit], 160.0) == (slot + 1, 0.0)


def test_of_several_limits_the_strictest_counts() -> None:
    assert wait_for([Limit(2, 1.0), Limit(3, 100.0)], 50.0, 0, [10.0, 20.0, 49.5]) == 60.0
    assert wait_for([Limit(3, 100.0), Limit(2, 1.0)], 50.0, 0, [10.0, 49.25, 49.5]) == 60.0


def test_a_wait_is_never_too_short_for_the_clock_to_notice() -> None:
    just_before = math.nextafter(60.0, 0.0)
    assert wait_for([Limit(1, 60.0)], just_before, 0, [0.0]) == 1e-6


def test_a_cancelled_place_is_free_at_once() -> None:
    windows = SlidingWindow()
    slot, _ = windows.acquire([Limit(1, 60.0)], 0.0)
    assert slot is not None
    windows.cancel(slot)
    assert windows.acquire([Limit(1, 60.0)], 0.0)[0] is not None
