"""The gate in front of every request: doors and place in one file, since each decision about a request needs both.

The doors close for all workers at once when the service says that the limit is exceeded, or when it fails as a
whole. When the pause is over one request goes first, the probe; its answer opens the doors or keeps them shut.
A place is held until one window after the answer has come (see `windows`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from random import Random
from types import TracebackType
from typing import Literal, Self

import msgspec

from exporter.clock import Clock
from exporter.errors import ServiceDown
from exporter.events import Emit, PaceLowered, PaceRaised, Paused, Probing, Resumed, WaitingForSlot
from exporter.ratelimit.adaptive_limit import AdaptiveLimit
from exporter.ratelimit.circuit_breaker import CircuitBreaker
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.sliding_window import SlidingWindow, Slot
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.units import Limit, format_duration

FIRST_BACKOFF = 1.0
"""Seconds of the first pause after a refusal without `Retry-After`; doubled up to the shortest window."""

LONGEST_UNLIMITED_BACKOFF = 60.0
"""Seconds; the longest such pause where no limit has a window."""

WORTH_TELLING = 1.0
"""Seconds of a wait for a slot that is worth an event, and by which a pause must grow to be announced again: what was
under way at the wall brings it again and again."""


class _Pause(msgspec.Struct):
    why: Literal["rate_limit", "outage"]
    began: float
    until: float
    probe: Permit | None = None


class Limiter:
    """Where every request waits for its turn. Not for several event loops."""

    def __init__(
        self,
        limits: tuple[Limit, ...],
        *,
        clock: Clock,
        emit: Emit,
        random: Random,
        meter: UsageMeter,
        ledger: Ledger | None = None,
        share: float = 1.0,
        pace: Literal["asap", "even"] = "asap",
        patience: float = 900.0,
    ) -> None:
        ours = tuple(Limit(max(1, math.floor(limit.slots * share)), limit.seconds) for limit in limits)
        self._clock = clock
        self._emit = emit
        self._random = random
        self._meter = meter
        self._ledger = ledger
        self._window = SlidingWindow()
        self._pace = pace
        self._shortest = min(ours, key=lambda limit: limit.seconds, default=None)
        self._others = tuple(limit for limit in ours if limit is not self._shortest)
        self._adaptive = AdaptiveLimit(self._shortest) if self._shortest else None
        self._limits = ours
        self._outage = CircuitBreaker(patience)
        self._pause: _Pause | None = None
        self._backoff = 0.0
        self._dead: ServiceDown | None = None
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()
        self._granted: deque[float] = deque()
        self._under_way = 0
        self._next_even = 0.0
        self.last_ok_at: float | None = None

    # What the pool asks

    def acquire(self) -> Permit:
        """`async with gate.admit() as turn:` waits for the turn of one request; raises `ServiceDown`."""
        return Permit(self)

    @property
    def outage(self) -> bool:
        """Whether the service as a whole is failing now."""
        return self._outage.began is not None

    @property
    def outage_began(self) -> float | None:
        """Since when (monotonic) the service as a whole is failing; None: it is not."""
        return self._outage.began

    def acquit(self, began: float) -> None:
        """What began then was no outage: the failures since are those of their IDs."""
        self._outage.acquit(began)

    def blameless(self, at: float) -> bool:
        """Whether a failure at that (monotonic) time fell into an outage."""
        return self._outage.covers(at)

    def suspect(self, detail: str) -> None:
        """The service as a whole seems to fail: a campaign that is known to be there was not answered well."""
        now = self._clock.monotonic()
        if not self.outage:
            self._outage.suspected(now)
            self._close_for_outage(now, detail)

    # Letting in

    def walk_in(self, permit: Permit) -> bool:
        """Whether there is nothing to wait for: no limit, and open doors."""
        if self._shortest is not None or self._pause is not None or self._dead is not None:
            return False
        self._admitted(permit, self._clock.monotonic())
        return True

    async def enter(self, permit: Permit) -> None:
        """Wait for the doors, then for a place."""
        async with self._line:
            while True:
                if self._dead is not None:
                    raise self._dead
                now = self._clock.monotonic()
                wait = self._doors(now)
                if wait == 0:
                    wait = self._take_slot(permit, now)
                    if wait == 0:
                        break
                    if WORTH_TELLING <= wait < math.inf:
                        self._emit(WaitingForSlot(wait, self._clock.now() + wait))
                    await self._sleep(wait)
                    self._meter.waited(self._clock.monotonic() - now)
                    continue
                if self._ledger is not None:
                    self._ledger.stop_waiting()
                await self._sleep(wait)
            if self._pause is not None:
                self._pause.probe = permit
                self._emit(Probing(self._pause.why))
            self._admitted(permit, self._clock.monotonic())

    def _doors(self, now: float) -> float:
        """Seconds until the doors let one through; infinity: until the probe is back."""
        if self._pause is None:
            return 0.0
        if self._pause.probe is not None:
            return math.inf
        return max(0.0, self._pause.until - now)

    def _take_slot(self, permit: Permit, now: float) -> float:
        """Take a place for `permit`: 0, or the seconds to wait."""
        if self._shortest is None or self._adaptive is None:
            return 0.0
        if self._adaptive.quiet(now):
            self._set_limit(raised=True)
        most = self._adaptive.most_under_way(now, self._meter.sent_recently(now))
        if most is not None and self._under_way >= most:
            return math.inf
        if self._pace == "even" and now < self._next_even:
            return self._next_even - now
        if self._ledger is not None:
            permit.slot, wait = self._ledger.acquire(self._limits)
        else:
            permit.slot, wait = self._window.acquire(self._limits, now)
        if permit.slot is not None and self._pace == "even":
            # Never faster than the spacing, and what was missed is not made up for.
            self._next_even = now + max(limit.seconds / limit.slots for limit in self._limits)
        return wait

    def _admitted(self, permit: Permit, now: float) -> None:
        permit.began = now
        self._under_way += 1
        self._meter.sent(now)

    async def _sleep(self, seconds: float) -> None:
        changed = self._changed
        if math.isinf(seconds):
            await changed.wait()
            return
        waiting = asyncio.ensure_future(changed.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # What came of it

    def leave(self, permit: Permit) -> None:
        """The answer has come, or the connection was given up."""
        self._under_way -= 1
        if permit.slot is not None:
            if self._ledger is not None:
                self._ledger.release(permit.slot)
            else:
                self._window.release(permit.slot, self._clock.monotonic())
        pause = self._pause
        if pause is not None and pause.probe is permit:
            pause.probe = None  # it said nothing: the next one probes
        if self._line.locked():
            self._wake()

    def ok(self, permit: Permit) -> None:
        """The service answered what it was asked."""
        now = self._clock.monotonic()
        self.last_ok_at = now
        if self._shortest is not None:
            self._granted.append(permit.began)
            if len(self._granted) > self._shortest.slots:
                self._granted.popleft()
        self._outage.answered(now)
        pause = self._pause
        if pause is not None and (pause.probe is permit or pause.why == "outage"):
            self._open(now)
        elif pause is None:
            self._backoff = 0.0

    def rate_limited(self, permit: Permit, retry_after: float | None, detail: str) -> None:
        """The service refused for its rate limit."""
        now = self._clock.monotonic()
        self._meter.rate_limited()
        self._outage.answered(now)
        pause = self._pause
        if pause is not None and pause.why == "outage":
            self._open(now)
            pause = None
        if pause is not None and pause.probe is not permit:
            # Sent before the doors closed: the same wall, not a new one. A longer wait still counts.
            if retry_after is not None and now + retry_after > pause.until:
                longer, pause.until = now + retry_after - pause.until, now + retry_after
                if longer >= WORTH_TELLING:
                    self._tell_pause(detail, now)
                self._wake()
            return
        self._learn(now)
        longest = self._shortest.seconds if self._shortest else LONGEST_UNLIMITED_BACKOFF
        self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF), max(longest, FIRST_BACKOFF))
        # A service whose probe is refused, too, has named too short a wait: backing off goes on.
        least = self._backoff if retry_after is None or pause is not None else 0.0
        wait = max(retry_after or 0.0, least)
        self._close(_Pause("rate_limit", pause.began if pause else now, now + wait), now, detail)

    def failing(self, permit: Permit, detail: str, item: str) -> None:
        """The request failed in a way that may be the service's fault."""
        now = self._clock.monotonic()
        pause = self._pause
        lasting = self._outage.began is not None
        if lasting and pause is not None and pause.probe is not permit:
            return  # sent before the doors closed
        if self._outage.failed(item, now):
            self._close_for_outage(now, detail)

    def _close_for_outage(self, now: float, detail: str) -> None:
        if self._outage.outlasted(now):
            lasted = now - (self._outage.began or now)
            self._dead = ServiceDown(
                f"the service has been failing for {format_duration(lasted)}, longer than --patience ({detail}). "
                "Nothing fetched is lost: the same command resumes when the service is back."
            )
            self._wake()
            return
        began = self._pause.began if self._pause is not None else now
        self._close(_Pause("outage", began, now + self._outage.next_probe(now)), now, detail)

    def _close(self, pause: _Pause, now: float, detail: str) -> None:
        self._pause = pause
        self._tell_pause(detail, now)
        self._wake()

    def _tell_pause(self, detail: str, now: float) -> None:
        if self._pause is not None:
            seconds = self._pause.until - now
            self._emit(Paused(self._pause.why, seconds, self._clock.now() + seconds, detail))

    def _open(self, now: float) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            self._meter.paused(now - pause.began)
            self._emit(Resumed(pause.why, now - pause.began))
            self._wake()

    def _learn(self, now: float) -> None:
        """Compare what was granted in the window before a refusal with what we were told."""
        if self._shortest is None or self._adaptive is None:
            return
        since = now - self._shortest.seconds
        if self._adaptive.refused(now, sum(began > since for began in self._granted)):
            self._set_limit(raised=False)

    def _set_limit(self, *, raised: bool) -> None:
        assert self._adaptive is not None  # noqa: S101 - the callers looked
        limit = self._adaptive.limit
        before = self._limits[0] if self._limits[0].seconds == limit.seconds else self._shortest
        self._limits = (limit, *self._others)
        assert before is not None  # noqa: S101
        changed = PaceRaised if raised else PaceLowered
        self._emit(changed(before.slots, limit.slots, limit.seconds))


class Permit:
    """The turn of one request. Of `ok`, `rate_limited` and `failing` one is to be called before it ends."""

    __slots__ = ("_limiter", "began", "slot")

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.slot: Slot | None = None
        self.began = 0.0

    async def __aenter__(self) -> Self:
        if not self._limiter.walk_in(self):
            await self._limiter.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter.leave(self)

    def ok(self) -> None:
        """The service answered what it was asked, well or not."""
        self._limiter.ok(self)

    def rate_limited(self, retry_after: float | None, detail: str) -> None:
        """The service refused for its rate limit; `retry_after`: seconds, where it named them."""
        self._limiter.rate_limited(self, retry_after, detail)

    def failing(self, detail: str, *, item: str) -> None:
        """The request failed in a way that may be the service's fault: no answer, 5xx, a broken body."""
        self._limiter.failing(self, detail, item)
