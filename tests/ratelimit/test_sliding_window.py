"""`exporter.ratelimit.sliding_window`: the rule of the rate limit."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ratelimit.sliding_window import SlidingWindow, Slot, Wait, wait_for
from exporter.units import Limit
from tests.support.examples import examples
from tests.support.strict_server import most_in_a_window

limits = st.builds(Limit, st.integers(1, 6), st.sampled_from([0.5, 1.0, 3.0, 10.0]))


def several(most: int) -> st.SearchStrategy[list[Limit]]:
    """Limits, that of the longest window last."""
    return st.lists(limits, min_size=1, max_size=most).map(lambda chosen: sorted(chosen, key=lambda one: one.seconds))


latencies = st.floats(0.0, 5.0)
callers = st.lists(st.tuples(st.floats(0.0, 4.0), latencies, st.floats(0.0, 1.0)), min_size=1, max_size=60)
ONE = [Limit(1, 60.0)]


def slot_of(window: SlidingWindow, now: float, limits: list[Limit] = ONE, *, probe: bool = False) -> Slot:
    """A slot that is free."""
    slot = window.acquire(limits, now, probe=probe)
    assert not isinstance(slot, Wait)
    return slot


def drive(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> tuple[list[float], list[tuple[float, float]]]:
    """Send each request as early as the rule allows: arrivals at the server, and (sent, allowed by the rule)."""
    window = SlidingWindow()
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
                window.release(slot, "answered", at)
                released.append(at)
            taken = window.acquire(all_limits, now)
            if not isinstance(taken, Wait):
                break
            now = min(now + taken.seconds, answers[0][0] if answers else math.inf)
        sends.append((now, max(ready, earliest(all_limits, sorted(released), len(answers), ready))))
        heapq.heappush(answers, (now + latency, taken))
        arrivals.append(now + latency * point)
    return arrivals, sends


def earliest(all_limits: list[Limit], released: list[float], under_way: int, ready: float) -> float:
    """The moment that the rule names, by another way of counting: the latest end of a slot too many."""
    moment = ready
    for limit in all_limits:
        ends = sorted(at + limit.seconds for at in released)
        too_many = len(ends) + under_way - limit.slots
        if too_many >= 0:
            moment = max(moment, ends[too_many] if too_many < len(ends) else math.inf)
    return moment


@settings(max_examples=examples(3))
@given(several(3), callers)
def test_no_window_of_the_server_holds_more_than_the_limit(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> None:
    """For any latencies, any arrival between sending and answer, any schedule of callers."""
    arrivals, _ = drive(all_limits, requests)
    for limit in all_limits:
        # A hair narrower than the window: sums of floats are not exact.
        assert most_in_a_window(arrivals, limit.seconds * (1 - 1e-9) - 1e-9) <= limit.slots


@settings(max_examples=examples(3))
@given(several(3), callers)
def test_it_never_waits_longer_than_the_rule_needs(
    all_limits: list[Limit], requests: list[tuple[float, float, float]]
) -> None:
    _, sends = drive(all_limits, requests)
    for sent, allowed in sends:
        assert sent <= allowed + 1e-3


@dataclass
class Silence:
    """A service that stands still now and then: a given-up request arrives at any moment up to the next answer to a
    request sent later."""

    limits: list[Limit]
    window: SlidingWindow = field(default_factory=SlidingWindow)
    now: float = 0.0
    under_way: dict[Slot, float] = field(default_factory=dict)
    """slot -> when its request was sent"""
    given_up: list[tuple[Slot, float, float, Slot]] = field(default_factory=list)
    """slot, sent, where between sending and the proof it arrives (0 to 1), newest slot when it was given up"""
    arrivals: list[float] = field(default_factory=list)
    probes: int = 0

    def send(self) -> None:
        """A request goes as soon as the rule allows, a probe where silence holds the slots."""
        probe = False
        while isinstance(slot := self.window.acquire(self.limits, self.now, probe=probe), Wait):
            if slot.silence:
                probe = True
                self.probes += 1
            elif math.isinf(slot.seconds):
                self.answer(next(iter(self.under_way)), 0.5)
            else:
                self.now += slot.seconds
        self.under_way[slot] = self.now

    def answer(self, slot: Slot, point: float) -> None:
        """The request is answered now; it arrived somewhere on the way."""
        sent = self.under_way.pop(slot)
        self.arrivals.append(sent + (self.now - sent) * point)
        self.window.release(slot, "answered", self.now)
        proved = [one for one in self.given_up if one[3] < slot]
        self.given_up = [one for one in self.given_up if one[3] >= slot]
        self.arrivals.extend(sent + (self.now - sent) * point for _, sent, point, _ in proved)

    def give_up(self, slot: Slot, point: float) -> None:
        """No answer came in time."""
        newest = max([slot, *self.under_way, *(one[0] for one in self.given_up)])
        self.given_up.append((slot, self.under_way.pop(slot), point, newest))
        self.window.release(slot, "given_up", self.now)


steps = st.lists(
    st.tuples(st.sampled_from(["send", "send", "answer", "give up"]), st.floats(0.0, 4.0), st.floats(0.0, 1.0)),
    min_size=1,
    max_size=80,
)


@settings(max_examples=examples(3))
@given(several(2), steps)
def test_given_up_requests_may_arrive_up_to_the_next_answer_and_only_probes_exceed_the_limit(
    all_limits: list[Limit], todo: list[tuple[str, float, float]]
) -> None:
    service = Silence(all_limits)
    for step, gap, point in todo:
        service.now += gap
        if step == "send":
            service.send()
        elif service.under_way:
            slot = list(service.under_way)[int(point * (len(service.under_way) - 1))]
            service.answer(slot, point) if step == "answer" else service.give_up(slot, point)
    for limit in all_limits:
        assert most_in_a_window(service.arrivals, limit.seconds * (1 - 1e-9) - 1e-9) <= limit.slots + service.probes


def test_a_slot_is_free_exactly_one_window_after_its_answer() -> None:
    window = SlidingWindow()
    slot = slot_of(window, 0.0)
    assert window.acquire(ONE, 100.0) == Wait(math.inf)
    window.release(slot, "answered", 100.0)
    assert window.acquire(ONE, 159.0) == Wait(1.0)
    assert window.acquire(ONE, 160.0) == slot + 1


def test_a_given_up_request_holds_its_slot_until_a_later_one_was_answered_and_one_window_more() -> None:
    window = SlidingWindow()
    window.release(slot_of(window, 0.0), "given_up", 30.0)
    assert window.acquire(ONE, 1e9) == Wait(math.inf, silence=True)
    probe = slot_of(window, 1e9, probe=True)
    assert window.held(ONE[0].seconds, 1e9) == 2
    window.release(probe, "answered", 1e9)
    assert window.acquire(ONE, 1e9) == Wait(60.0)


def test_an_answer_to_a_request_that_was_sent_before_proves_nothing() -> None:
    two = [Limit(2, 60.0)]
    window = SlidingWindow()
    first, second = slot_of(window, 0.0, two), slot_of(window, 1.0, two)
    window.release(first, "given_up", 30.0)
    window.release(second, "answered", 31.0)
    assert window.held(two[0].seconds, 1000.0) == 1


def test_a_failed_probe_holds_its_slot_too() -> None:
    window = SlidingWindow()
    window.release(slot_of(window, 0.0), "given_up", 30.0)
    for at in (40.0, 50.0):
        window.release(slot_of(window, at, probe=True), "given_up", at + 1)
    assert window.held(ONE[0].seconds, 60.0) == 3


def test_of_several_limits_the_strictest_counts() -> None:
    assert wait_for([Limit(2, 1.0), Limit(3, 100.0)], 50.0, 0, 0, [10.0, 20.0, 49.5]) == Wait(60.0)
    assert wait_for([Limit(3, 100.0), Limit(2, 1.0)], 50.0, 0, 0, [10.0, 49.25, 49.5]) == Wait(60.0)


def test_a_wait_is_never_too_short_for_the_clock_to_notice() -> None:
    just_before = math.nextafter(60.0, 0.0)
    assert wait_for(ONE, just_before, 0, 0, [0.0]) == Wait(1e-6)


def test_the_slot_of_a_request_that_was_not_sent_is_free_at_once() -> None:
    window = SlidingWindow()
    window.release(slot_of(window, 0.0), "not_sent", 1.0)
    slot_of(window, 1.0)
