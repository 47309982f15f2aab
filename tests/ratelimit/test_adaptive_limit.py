"""`exporter.ratelimit.adaptive_limit`: the limit that is learned from refusals (429)."""

from __future__ import annotations

import pytest

from exporter.ratelimit.adaptive_limit import CAREFUL, AdaptiveLimit
from exporter.units import Limit

CONFIGURED = Limit(60, 10.0)


def lowered(slots: int = 30) -> AdaptiveLimit:
    """Refused twice, at 95 and 100, after `slots` were granted."""
    limit = AdaptiveLimit(CONFIGURED)
    limit.refused(95.0, slots)
    assert limit.refused(100.0, slots)
    return limit


def test_the_limit_is_the_configured_one_until_there_is_evidence() -> None:
    limit = AdaptiveLimit(CONFIGURED)
    assert limit.limit == CONFIGURED
    assert not limit.try_more(1e6)


def test_one_refusal_may_be_another_programs_doing_and_two_are_evidence() -> None:
    limit = AdaptiveLimit(CONFIGURED)
    assert not limit.refused(100.0, 30)
    assert limit.limit == CONFIGURED
    assert limit.refused(110.0, 28)
    assert limit.limit == Limit(30, 10.0)


@pytest.mark.parametrize(("later", "evidence"), [(29.9, True), (30.0, False)])
def test_a_refusal_is_remembered_for_three_windows(later: float, evidence: bool) -> None:
    limit = AdaptiveLimit(CONFIGURED)
    limit.refused(100.0, 30)
    assert limit.refused(100.0 + later, 30) is evidence


@pytest.mark.parametrize(("granted", "evidence"), [(14, False), (15, True), (59, True), (60, False), (61, False)])
def test_refusals_count_when_a_good_part_of_the_limit_and_not_all_of_it_was_granted(
    granted: int, evidence: bool
) -> None:
    limit = AdaptiveLimit(CONFIGURED)
    limit.refused(100.0, granted)
    assert limit.refused(101.0, granted) is evidence


def test_the_refusals_that_lowered_the_limit_do_not_lower_it_again() -> None:
    limit = lowered(30)
    assert not limit.refused(101.0, 20)
    assert limit.slots == 30
    assert limit.refused(102.0, 20)
    assert limit.slots == 20


def test_more_is_tried_after_20_quiet_windows_half_way_to_the_configured_limit() -> None:
    limit = lowered(30)
    assert not limit.try_more(299.9)
    assert limit.try_more(300.0)
    assert limit.slots == 45
    assert not limit.try_more(499.9)
    assert limit.try_more(500.0)
    assert limit.slots == 53
    for at in (700.0, 900.0, 1100.0):
        assert limit.try_more(at)
    assert limit.limit == CONFIGURED
    assert not limit.try_more(5000.0)


def test_a_single_refusal_during_a_trial_is_enough_and_the_next_trial_comes_later() -> None:
    limit = lowered(30)
    limit.try_more(300.0)
    assert limit.refused(329.9, 31)
    assert limit.slots == 31
    assert not limit.try_more(329.9 + 399.9)
    assert limit.try_more(329.9 + 400.0)
    assert limit.refused(740.0, 32)
    assert not limit.try_more(740.0 + 799.9)
    assert limit.try_more(740.0 + 800.0)


def test_when_a_trial_has_stood_three_windows_one_refusal_is_no_evidence_again() -> None:
    limit = lowered(30)
    limit.try_more(300.0)
    assert not limit.refused(330.0, 31)
    assert limit.slots == 45


def test_after_a_refusal_only_two_are_under_way_beyond_what_was_granted_for_three_windows() -> None:
    limit = AdaptiveLimit(CONFIGURED)
    assert limit.most_under_way(0.0, 60) is None
    limit.refused(100.0, 20)
    assert limit.most_under_way(100.0, 19) is None
    assert limit.most_under_way(100.0, 20) == CAREFUL
    assert limit.most_under_way(129.9, 20) == CAREFUL
    assert limit.most_under_way(130.0, 20) is None
    limit.refused(200.0, 0)
    assert limit.most_under_way(200.0, 0) is None
    assert limit.most_under_way(200.0, 1) == CAREFUL


def test_a_trial_is_careful_beyond_what_was_kept_before_it() -> None:
    limit = lowered(30)
    limit.try_more(300.0)
    assert limit.most_under_way(300.0, 29) is None
    assert limit.most_under_way(300.0, 30) == CAREFUL
    assert limit.most_under_way(329.9, 30) == CAREFUL
    assert limit.most_under_way(330.0, 30) is None
