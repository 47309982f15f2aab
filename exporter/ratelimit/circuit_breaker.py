"""Is the service as a whole failing, or only this ID? Pure: told of each failure and success, it decides."""

from __future__ import annotations

TRIP = 3
"""So many different IDs failing in a row, with nothing answered well in between, are an outage."""

FIRST_PROBE = 1.0
LONGEST_PROBE = 60.0
"""Seconds between probes: doubling from the first to the longest."""


class CircuitBreaker:
    """The failures in a row, the outage they make, and the outages there were. Times on the monotonic clock."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._failing: dict[str, float] = {}
        self._past: list[tuple[float, float]] = []
        self.began: float | None = None
        self._interval = 0.0

    def failed(self, item: str, now: float) -> bool:
        """One request failed. True when that makes an outage, or makes one last longer."""
        self._failing.setdefault(item, now)
        if self.began is None and len(self._failing) < TRIP:
            return False
        self.suspected(now)
        return True

    def suspected(self, now: float) -> None:
        """An outage is certain by other evidence; the failures in a row belong to it."""
        if self.began is None:
            self.began = min([now, *self._failing.values()])
        self._interval = min(self._interval * 2, LONGEST_PROBE) or FIRST_PROBE

    def answered(self, now: float) -> None:
        """The service answered: whatever failed before, it is there."""
        self._failing.clear()
        self._interval = 0.0
        if self.began is not None:
            self._past.append((self.began, now))
            self.began = None

    def acquit(self, began: float) -> None:
        """What began then was no outage but bad IDs in a row: their failures are their own."""
        self._past = [past for past in self._past if past[0] != began]

    def outlasted(self, now: float) -> bool:
        """Whether the outage has lasted longer than the patience."""
        return self.began is not None and now - self.began >= self._patience

    def next_probe(self, now: float) -> float:
        """Seconds until the next probe, no later than the end of the patience."""
        left = self._patience - (now - (self.began if self.began is not None else now))
        return max(0.0, min(self._interval, left))

    def covers(self, at: float) -> bool:
        """Whether a failure at that time fell into an outage, and so is no ID's fault."""
        if self.began is not None and at >= self.began:
            return True
        return any(began <= at <= ended for began, ended in self._past)
