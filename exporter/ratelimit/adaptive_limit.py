"""What the service really allows, learned from its refusals. Pure.

A single refusal may be another program's doing: the account shares its limit. Refusals that come again, when we
had used a good part of the limit, say that the limit itself is lower than --rate says.
"""

from __future__ import annotations

import math

from exporter.units import Limit

REMEMBERED = 3
"""Windows for which a refusal is remembered."""

TRIAL_AFTER = 20
"""Windows without a refusal after which more is tried again; doubled each time that fails."""

CAREFUL = 2
"""Requests under way at once, where more slots are held than have been seen to be granted."""


class AdaptiveLimit:
    """Lowers a limit on evidence, and carefully tries more after a long quiet time."""

    def __init__(self, configured: Limit) -> None:
        self.configured = configured
        self.slots = configured.slots
        self._refusals: list[tuple[float, int]] = []
        self._quiet_since: float | None = None
        self._trial_since = -math.inf
        self._trial_after = TRIAL_AFTER
        self._careful_until = 0.0
        self._granted = configured.slots

    @property
    def limit(self) -> Limit:
        """The limit to keep."""
        return Limit(self.slots, self.configured.seconds)

    def refused(self, now: float, granted: int) -> bool:
        """A request was refused after `granted` were granted in the window before; True: the limit is lower now.

        Requests that were under way together with the first one refused are no evidence of their own.
        """
        window = self.configured.seconds
        self._refusals = [(at, n) for at, n in self._refusals if now - at < REMEMBERED * window]
        self._refusals.append((now, granted))
        self._quiet_since = now
        self._careful_until = now + REMEMBERED * window
        least, most = min(n for _, n in self._refusals), max(n for _, n in self._refusals)
        self._granted = max(1, most)
        in_trial = now - self._trial_since < REMEMBERED * window
        if least < self.slots / 4 or most >= self.slots or not (len(self._refusals) > 1 or in_trial):
            return False
        if in_trial:
            self._trial_after *= 2
        self.slots = most
        self._refusals.clear()
        return True

    def try_more(self, now: float) -> bool:
        """After a long time without a refusal: True, and more is tried from now on."""
        if self._quiet_since is None or self.slots == self.configured.slots:
            return False
        if now - self._quiet_since < self._trial_after * self.configured.seconds:
            return False
        self._quiet_since = self._trial_since = now
        self._granted = self.slots
        self._careful_until = now + REMEMBERED * self.configured.seconds
        self.slots = min(self.configured.slots, (self.slots + self.configured.slots + 1) // 2)
        return True

    def most_under_way(self, now: float, used: int) -> int | None:
        """How many requests may be under way at once; None: as many as there are workers."""
        return CAREFUL if now < self._careful_until and used >= self._granted else None
