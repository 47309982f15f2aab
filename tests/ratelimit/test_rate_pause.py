"""`exporter.ratelimit.rate_pause`: the pause after a 429, with and without `Retry-After`."""

from __future__ import annotations

import math

import pytest

from exporter.ratelimit.rate_pause import RatePause


def test_retry_after_of_a_429_is_taken_as_it_is_and_has_no_upper_bound() -> None:
    pause = RatePause(60.0)
    assert pause.begin(100.0, 7200.0) == 7200.0
    assert pause.wait(100.0) == 7200.0
    assert pause.wait(7300.0) == 0.0


def test_after_a_429_without_retry_after_the_pause_doubles_from_a_second_to_the_shortest_window() -> None:
    pause = RatePause(10.0)
    assert [pause.begin(100.0, None) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_an_answer_that_is_no_429_ends_the_backoff() -> None:
    pause = RatePause(60.0)
    pause.begin(100.0, None)
    pause.probe = "a"
    assert pause.answered("a", 103.0) == 3.0
    assert pause.begin(104.0, None) == 2.0, "refused again at once"
    pause.probe = "b"
    pause.answered("b", 107.0)
    assert pause.answered("c", 108.0) is None
    assert pause.begin(109.0, None) == 1.0


def test_a_probe_with_a_429_and_too_short_a_retry_after_backs_off() -> None:
    pause = RatePause(60.0)
    assert pause.begin(100.0, 0.0) == 0.0
    pause.probe = "a"
    assert pause.begin(100.1, 0.0) == 2.0
    assert pause.began == 100.0


def test_while_the_probe_is_under_way_all_others_wait() -> None:
    pause = RatePause(60.0)
    pause.begin(100.0, 5.0)
    pause.probe = "a"
    assert pause.wait(200.0) == math.inf


def test_a_request_that_was_sent_before_is_no_news_but_may_name_a_longer_wait() -> None:
    pause = RatePause(60.0)
    assert not pause.is_known_to("a")
    pause.begin(100.0, 10.0)
    assert pause.is_known_to("b")
    assert pause.prolong(101.0, None) is None
    assert pause.prolong(101.0, 9.5) is None, "by half a second: not worth an announcement"
    assert pause.prolong(101.0, 20.0) == 20.0
    assert pause.wait(101.0) == 20.0
    assert pause.answered("b", 102.0) is None, "only the probe ends the pause"


@pytest.mark.parametrize("longest", [0.001, 0.5])
def test_a_window_shorter_than_a_second_makes_no_pause_shorter_than_a_second(longest: float) -> None:
    assert RatePause(longest).begin(100.0, None) == 1.0
