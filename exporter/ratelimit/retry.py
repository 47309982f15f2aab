"""The retry backoff: when an ID is tried again. The only file that knows tenacity.

tenacity's strategies give the delays; its loop is not used, because a waiting retry must hold neither a worker nor
a slot. The pool keeps waiting IDs in a heap and asks here for how long.
"""

from __future__ import annotations

from random import Random

from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential

FIRST = 1.0
"""Seconds before the second attempt; each further wait is twice the last."""

LONGEST = 60.0
"""Seconds; no wait between two attempts is longer."""


class RetryPolicy:
    """`attempts` tries in all, with exponential backoff and jitter between them."""

    def __init__(self, *, attempts: int, random: Random) -> None:
        self._stop = stop_after_attempt(attempts)
        self._wait = wait_exponential(multiplier=FIRST, max=LONGEST)
        self._random = random
        self._retrying = Retrying()

    def delay_after(self, attempt: int) -> float | None:
        """Seconds to wait after the failure of the `attempt`-th try (from 1); None: there is no further one.

        Half of the backoff is certain and half is chance, so that IDs which failed together do not come back
        together.
        """
        if attempt <= 0:
            return 0.0
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = attempt
        if self._stop(state):
            return None
        backoff = self._wait(state)
        return backoff / 2 + self._random.uniform(0, backoff / 2)
