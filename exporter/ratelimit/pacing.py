"""How requests are spread below the limit. Pure.

The vendor asks to spread calls evenly (page rate-limit-ccai); that also leaves gaps for the account's other programs.
Work that takes up to five windows goes at once: nobody wants to wait a minute for a `pull` of 60 campaigns.
"""

from __future__ import annotations

from collections.abc import Sequence

from exporter.options import Pace
from exporter.units import Limit

WINDOWS_AT_ONCE = 5
"""Windows of work that `auto` sends as soon as the limit allows."""


def spacing(pace: Pace, requests: int, limits: Sequence[Limit]) -> float:
    """Seconds between two requests, of `requests` in all; 0: they go as soon as the limit allows."""
    if pace == "asap":
        return 0.0
    spread = [limit for limit in limits if pace == "even" or requests > WINDOWS_AT_ONCE * limit.slots]
    return max((limit.seconds / limit.slots for limit in spread), default=0.0)


class Pacer:
    """Keeps the spacing. Times are seconds on the monotonic clock."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._requests = 0
        self._next: float | None = None

    def expect(self, requests: int) -> None:
        """`requests` are to come."""
        self._requests = requests

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        return max(0.0, self._next - now) if self._next is not None else 0.0

    def sent(self, now: float, limits: Sequence[Limit]) -> None:
        """A request goes at `now`. One that goes late does not put off the others; more than one is not made up for."""
        gap = spacing(self._pace, self._requests, limits)
        due = now if self._next is None else max(self._next, now - gap)
        self._next = due + gap
