"""The pause after a 429, pure: all requests wait, then one goes first, the probe, and its answer ends the pause."""

from __future__ import annotations

import math

FIRST_BACKOFF = 1.0
"""Seconds of the first pause after a refusal without `Retry-After`; doubled up to the shortest window."""

WORTH_TELLING = 1.0
"""Seconds by which a pause must grow to be announced again: requests that were under way when it began prolong it."""


class RatePause:
    """`longest`: seconds of the longest backoff. Times are seconds on the monotonic clock.

    `began`: when the pause began; None: there is none. `probe`: the request that goes first, while it is under way.
    """

    def __init__(self, longest: float) -> None:
        self.began: float | None = None
        self.probe: object | None = None
        self._until = 0.0
        self._backoff = 0.0
        self._longest = max(longest, FIRST_BACKOFF)

    def wait(self, now: float) -> float:
        """Seconds for which requests are held back; infinity: until the probe is answered."""
        if self.began is None:
            return 0.0
        return math.inf if self.probe is not None else max(0.0, self._until - now)

    def is_known_to(self, request: object) -> bool:
        """Whether a refusal of `request` is no news: it was sent before the pause began."""
        return self.began is not None and self.probe is not request

    def begin(self, now: float, retry_after: float | None) -> float:
        """A refusal that is news; how long the pause is now, in seconds."""
        self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF), self._longest)
        # A service whose probe is refused, too, has named too short a wait: backing off goes on.
        least = self._backoff if retry_after is None or self.began is not None else 0.0
        wait = max(retry_after or 0.0, least)
        self.began = now if self.began is None else self.began
        self.probe = None
        self._until = now + wait
        return wait

    def prolong(self, now: float, retry_after: float | None) -> float | None:
        """A refusal that is no news may still name a longer wait: how long, where that is worth an announcement."""
        until = now + (retry_after or 0.0)
        longer = until - self._until
        self._until = max(self._until, until)
        return until - now if longer >= WORTH_TELLING else None

    def answered(self, request: object, now: float) -> float | None:
        """`request` was not refused; how long the pause was that this ends, None where it ends none."""
        if self.began is None:
            self._backoff = 0.0
            return None
        if self.probe is not request:
            return None
        lasted, self.began, self.probe = now - self.began, None, None
        return lasted
