"""The circuit breaker, pure: does the service as a whole fail, and when is it probed?

It has three states. Closed, it lets requests flow. Open, it holds all of them back. When an interval is over it is
half-open: one request goes, the probe. Signals move it as `TRANSITIONS` says. A signal that a state has no row for
changes nothing: a request that was sent before the breaker opened fails, and the outage is known already.
"""

from __future__ import annotations

from enum import Enum

TRIP = 3
"""Different requests failing in a row, with no answer in between, that open the breaker."""

FIRST_INTERVAL = 1.0
LONGEST_INTERVAL = 60.0
"""Seconds between probes: doubling from the first to the longest."""


class State(Enum):
    """What the breaker lets through."""

    CLOSED = "all requests"
    OPEN = "none"
    HALF_OPEN = "one request, the probe, is under way"


class Signal(Enum):
    """What moves the breaker."""

    TRIPPED = "`TRIP` requests failed in a row, or there is other evidence of an outage"
    PROBE_SENT = "the probe is sent"
    PROBE_FAILED = "the probe failed: wait twice as long"
    PROBE_LOST = "the probe ended without an outcome: the next request is the probe"
    ANSWERED = "the service answered a request, whichever it was"


TRANSITIONS: dict[State, dict[Signal, State]] = {
    State.CLOSED: {Signal.TRIPPED: State.OPEN},
    State.OPEN: {Signal.PROBE_SENT: State.HALF_OPEN, Signal.ANSWERED: State.CLOSED},
    State.HALF_OPEN: {Signal.PROBE_FAILED: State.OPEN, Signal.PROBE_LOST: State.OPEN, Signal.ANSWERED: State.CLOSED},
}


class CircuitBreaker:
    """One service's state. Times are seconds on the monotonic clock.

    `began`: when the first request of the row failed that opened the breaker; `opened_at`: when that was, and the
    patience begins: between the failures of the row the run may have waited for the rate limit. `next_probe`: when the
    next probe is due.
    """

    def __init__(self, patience: float) -> None:
        self.state = State.CLOSED
        self.began = 0.0
        self.opened_at = 0.0
        self.next_probe = 0.0
        self._patience = patience
        self._interval = FIRST_INTERVAL
        self._failed: dict[str, float] = {}

    @property
    def is_closed(self) -> bool:
        """Whether requests flow."""
        return self.state is State.CLOSED

    def request_failed(self, request: str, now: float, *, retry_after: float = 0.0) -> bool:
        """A request failed that was not a probe; True: the breaker is open for it now."""
        self._failed.setdefault(request, now)
        return len(self._failed) >= TRIP and self.trip(now, first_interval=max(FIRST_INTERVAL, retry_after))

    def trip(self, now: float, *, first_interval: float = FIRST_INTERVAL) -> bool:
        """There is evidence of an outage; True: the breaker is open for it now."""
        if not self._move(Signal.TRIPPED):
            return False
        self.began = min([now, *self._failed.values()])
        self.opened_at = now
        self._interval = FIRST_INTERVAL
        self._schedule(now, first_interval)
        return True

    def probe_sent(self) -> None:
        """The request that goes now is the probe."""
        self._move(Signal.PROBE_SENT)

    def probe_failed(self, now: float, *, retry_after: float = 0.0) -> None:
        """The service still fails, and wants to be left alone for `retry_after` seconds."""
        if self._move(Signal.PROBE_FAILED):
            self._interval = min(self._interval * 2, LONGEST_INTERVAL)
            self._schedule(now, max(self._interval, retry_after))

    def probe_lost(self, now: float) -> None:
        """The probe was not sent, or its sender gave up: nothing is known."""
        if self._move(Signal.PROBE_LOST):
            self.next_probe = now

    def answered(self) -> bool:
        """The service answered; True: that has closed the breaker."""
        self._failed.clear()
        return self._move(Signal.ANSWERED)

    def outlasted(self, now: float) -> bool:
        """Whether the outage has lasted as long as the patience."""
        return not self.is_closed and now >= self.opened_at + self._patience

    def _schedule(self, now: float, interval: float) -> None:
        self.next_probe = max(now, min(now + interval, self.opened_at + self._patience))

    def _move(self, signal: Signal) -> bool:
        after = TRANSITIONS[self.state].get(signal)
        if after is None:
            return False
        self.state = after
        return True
