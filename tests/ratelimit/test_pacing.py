"""`exporter.ratelimit.pacing`: `--pace auto`, `even`, `asap`."""

from __future__ import annotations

import pytest

from exporter.options import Pace
from exporter.ratelimit.pacing import Pacer, spacing
from exporter.units import Limit

MINUTE, HOUR = Limit(60, 60.0), Limit(1800, 3600.0)


@pytest.mark.parametrize(
    ("pace", "requests", "gap"),
    [("auto", 300, 0.0), ("auto", 301, 1.0), ("asap", 10_000, 0.0), ("even", 1, 1.0), ("even", 10_000, 1.0)],
)
def test_auto_sends_what_takes_up_to_five_windows_at_once_and_spreads_longer_work(
    pace: Pace, requests: int, gap: float
) -> None:
    assert spacing(pace, requests, [MINUTE]) == gap


def test_of_several_limits_auto_keeps_to_those_that_the_work_exceeds_by_five_windows() -> None:
    assert spacing("auto", 1800, [MINUTE, HOUR]) == 1.0
    assert spacing("auto", 9001, [MINUTE, HOUR]) == 2.0
    assert spacing("even", 1, [MINUTE, HOUR]) == 2.0


def test_the_first_request_goes_at_once_and_the_others_one_gap_apart() -> None:
    pacer = Pacer("even")
    assert pacer.wait(100.0) == 0.0
    pacer.sent(100.0, [MINUTE])
    assert pacer.wait(100.25) == 0.75
    pacer.sent(101.0, [MINUTE])
    assert pacer.wait(101.0) == 1.0


def test_a_request_that_goes_late_puts_off_no_other_but_a_long_wait_is_not_made_up_for() -> None:
    pacer = Pacer("even")
    pacer.sent(100.0, [MINUTE])
    pacer.sent(101.5, [MINUTE])
    assert pacer.wait(101.5) == 0.5
    pacer.sent(500.0, [MINUTE])
    pacer.sent(500.0, [MINUTE])
    assert pacer.wait(500.0) == 1.0


def test_at_once_nothing_waits() -> None:
    pacer = Pacer("auto")
    pacer.expect(300)
    for _ in range(10):
        pacer.sent(100.0, [MINUTE])
    assert pacer.wait(100.0) == 0.0
