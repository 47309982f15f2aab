"""`exporter.ratelimit.retry`: when an ID is tried again."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exporter.ratelimit.retry import RetryPolicy


@given(st.integers(1, 20), st.integers(0, 10**6))
def test_the_retry_backoff_doubles_with_jitter_up_to_a_minute(attempts: int, seed: int) -> None:
    policy = RetryPolicy(attempts=attempts, random=Random(seed))
    for attempt in range(1, attempts):
        backoff = min(2.0 ** (attempt - 1), 60.0)
        delay = policy.delay_after(attempt)
        assert delay is not None
        assert backoff / 2 <= delay <= backoff
    assert policy.delay_after(attempts) is None


def test_an_id_whose_failures_were_not_its_own_is_due_at_once() -> None:
    assert RetryPolicy(attempts=5, random=Random(1)).delay_after(0) == 0.0
