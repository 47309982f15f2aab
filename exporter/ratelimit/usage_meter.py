"""Counts requests and waiting, for the whole program."""

from __future__ import annotations

from exporter.clock import Clock
from exporter.model import Requests, Seconds, Usage


class UsageMeter:
    """Counts what the requests of one account cost, from its making on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._total = self._list = self._retries = self._rate_limited = self._most_in_a_window = 0
        self._waiting = self._paused = 0.0

    def sent(self, slots_held: int) -> None:
        """A request is sent; with it the service may see `slots_held` within one window."""
        self._total += 1
        self._most_in_a_window = max(self._most_in_a_window, slots_held)

    def listed(self) -> None:
        """One of the requests was a list call."""
        self._list += 1

    def retried(self) -> None:
        """A request is to be sent again."""
        self._retries += 1

    def rate_limited(self) -> None:
        """A request was refused for the rate limit."""
        self._rate_limited += 1

    def waited(self, seconds: float) -> None:
        """A request waited for its slot."""
        self._waiting += seconds

    def paused(self, seconds: float) -> None:
        """The service made every worker pause."""
        self._paused += seconds

    def usage(self) -> Usage:
        """All of it so far."""
        total = self._clock.monotonic() - self._began
        return Usage(
            Requests(self._total, self._list, self._retries, self._rate_limited, self._most_in_a_window),
            Seconds(round(total, 3), round(self._waiting, 3), round(self._paused, 3)),
        )
