"""The limiter in front of every request: it waits for the circuit breaker, for a pause, and for a slot.

Both hold back all workers at once: the breaker when the service as a whole fails, the pause when the service says that
the rate limit is exceeded. When the pause is over one request goes first, the probe; its answer ends the pause.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from types import TracebackType
from typing import Literal, Self

from exporter.clock import Clock, wait_at_most
from exporter.errors import ExportError, ServiceDown
from exporter.events import Emit, PaceLowered, PaceRaised, Paused, Probing, Resumed, WaitingForSlot
from exporter.options import Pace
from exporter.ratelimit.adaptive_limit import AdaptiveLimit
from exporter.ratelimit.circuit_breaker import FIRST_INTERVAL, CircuitBreaker, State
from exporter.ratelimit.pacing import Pacer
from exporter.ratelimit.rate_pause import WORTH_TELLING, RatePause
from exporter.ratelimit.sliding_window import Ending, Slot, Wait
from exporter.ratelimit.slot_backends import Slots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.units import Limit, format_duration

UNLIMITED = Limit(10**9, 60.0)
"""Where there is no limit. Its window is the one in which `most_in_a_window` is counted."""


class Limiter:
    """Where every request waits for its permit. Not for several event loops."""

    def __init__(
        self,
        limits: tuple[Limit, ...],
        *,
        slots: Slots,
        clock: Clock,
        emit: Emit,
        meter: UsageMeter,
        pace: Pace = "auto",
        patience: float = 900.0,
    ) -> None:
        self._pacer = Pacer(pace if limits else "asap")
        self._shortest, *others = sorted(limits, key=lambda limit: limit.seconds) or [UNLIMITED]
        self._others = tuple(others)
        self._limits = (self._shortest, *others)
        self._adaptive = AdaptiveLimit(self._shortest) if limits else None
        self._slots = slots
        self._clock = clock
        self._emit = emit
        self._meter = meter
        self._granted: deque[float] = deque()
        self._breaker = CircuitBreaker(patience)
        self._probe: Permit | None = None
        self._pause = RatePause(self._shortest.seconds)
        self._stopped: ExportError | None = None
        self._lines = {may_probe: asyncio.Lock() for may_probe in (False, True)}
        self._under_way = 0
        self._changed = asyncio.Event()
        self.answered_at: float | None = None
        """when (monotonic) the service last answered what it was asked; None: never"""

    def acquire(self, *, may_probe: bool = False) -> Permit:
        """`async with limiter.acquire() as permit:` waits for the permit of one request.

        `may_probe`: whether this request may be the one that finds out if a failing service is back.
        Raises `ServiceDown`, or what `stop` was given.
        """
        return Permit(self, may_probe=may_probe)

    def expect(self, requests: int) -> None:
        """`requests` are to come: `--pace auto` chooses by that."""
        self._pacer.expect(requests)

    def stop(self, reason: ExportError) -> None:
        """Grant no permit any more."""
        self._stopped = self._stopped or reason
        self._wake()

    # What service health asks

    @property
    def outage_began(self) -> float | None:
        """Since when (monotonic) the service as a whole fails; None: it does not."""
        return None if self._breaker.is_closed else self._breaker.began

    def open_breaker(self, detail: str, *, retry_after: float = 0.0) -> None:
        """The service as a whole fails: a campaign that is known to be there was not answered well."""
        now = self._clock.monotonic()
        if self._breaker.trip(now, first_interval=max(FIRST_INTERVAL, retry_after)):
            self._tell_outage(now, detail)

    # Granting

    async def grant(self, permit: Permit) -> None:
        """Wait for breaker, pause and slot."""
        async with self._lines[permit.may_probe]:
            try:
                await self._wait_for_slot(permit)
            except BaseException:
                self.give_back(permit)
                raise
            self._granted_to(permit)

    async def _wait_for_slot(self, permit: Permit) -> None:
        while True:
            changed = self._changed
            now = self._clock.monotonic()
            held_back = self._held_back(permit, now)
            if held_back > 0:
                self._slots.stop_waiting()
                await wait_at_most(held_back, changed)
                continue
            wait = self._careful(now) or await self._take_slot(permit, now)
            if permit.slot is not None and self._held_back(permit, self._clock.monotonic()) == 0:
                return
            self.give_back(permit)
            if WORTH_TELLING <= wait < math.inf:
                self._emit(WaitingForSlot(wait, self._clock.now() + wait))
            try:
                await wait_at_most(wait, changed)
            finally:
                self._meter.waited(self._clock.monotonic() - now)

    def _held_back(self, permit: Permit, now: float) -> float:
        """Seconds for which breaker or pause hold the request back; infinity: until another's answer is there."""
        if self._stopped is not None:
            raise self._stopped
        breaker, paused = self._breaker, self._pause.wait(now)
        if breaker.is_closed:
            return paused
        waits = breaker.state is State.HALF_OPEN or not permit.may_probe
        return math.inf if waits else max(paused, breaker.next_probe - now)

    def _careful(self, now: float) -> float:
        """Seconds to wait for the pace, or for an answer after a refusal."""
        if self._adaptive is not None:
            if self._adaptive.try_more(now):
                self._set_limit(self._adaptive.limit, PaceRaised)
            most = self._adaptive.most_under_way(now, self._slots.held(self._shortest.seconds))
            if most is not None and self._under_way >= most:
                return math.inf
        return self._pacer.wait(now)

    async def _take_slot(self, permit: Permit, now: float) -> float:
        """Take a slot for `permit`: 0, or the seconds to wait."""
        slot = await self._slots.acquire(self._limits, probe=not self._breaker.is_closed)
        if not isinstance(slot, Wait):
            permit.slot = slot
            return 0.0
        if not slot.silence or not self._breaker.trip(now, first_interval=0.0):
            return slot.seconds
        self._tell_outage(now, "every slot is held by a request that was given up")
        permit.may_probe = True  # no other request can find out
        return 0.0

    def _granted_to(self, permit: Permit) -> None:
        now = self._clock.monotonic()
        self._pacer.sent(now, self._limits)
        permit.granted_at = now
        self._under_way += 1
        if not self._breaker.is_closed:
            self._probe = permit
            self._breaker.probe_sent()
            self._emit(Probing("outage"))
        if self._pause.began is not None:
            self._pause.probe = permit
            self._emit(Probing("rate_limit"))

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # Outcomes

    def sent(self) -> None:
        """A request is about to be written."""
        self._meter.sent(self._slots.held(self._shortest.seconds))

    def ended(self, permit: Permit, ending: Ending) -> None:
        """The answer has come, or the connection was given up."""
        self._under_way -= 1
        self.give_back(permit, ending)
        if self._probe is permit:
            self._probe = None
            self._breaker.probe_lost(self._clock.monotonic())  # if its outcome is unknown
        if self._pause.probe is permit:
            self._pause.probe = None  # without an outcome: the next one probes
        if self._lines[False].locked() or self._lines[True].locked():
            self._wake()

    def give_back(self, permit: Permit, ending: Ending = "not_sent") -> None:
        """Give back the slot of `permit`."""
        if permit.slot is not None:
            slot, permit.slot = permit.slot, None
            self._slots.release(slot, ending)

    def ok(self, permit: Permit) -> None:
        """The service answered what it was asked."""
        now = self._clock.monotonic()
        self.answered_at = now
        self.let_through(permit)
        self._close_breaker(now)
        lasted = self._pause.answered(permit, now)
        if lasted is not None:
            self._resume("rate_limit", lasted)

    def let_through(self, permit: Permit) -> None:
        """The service did not refuse for its rate limit; of a redirect no more is known until it is followed."""
        if self._adaptive is not None:
            self._granted.append(permit.granted_at)
            if len(self._granted) > self._shortest.slots:
                self._granted.popleft()

    def rate_limited(self, permit: Permit, retry_after: float | None, detail: str) -> None:
        """The service refused for its rate limit."""
        now = self._clock.monotonic()
        self._meter.rate_limited()
        self._close_breaker(now)
        if self._pause.is_known_to(permit):
            wait = self._pause.prolong(now, retry_after)
        else:
            self._learn(now)
            wait = self._pause.begin(now, retry_after)
        if wait is not None:
            self._tell_pause("rate_limit", wait, detail)
        self._wake()

    def failing(self, permit: Permit, request: str, detail: str, retry_after: float) -> None:
        """The request failed in a way that may be the service's fault."""
        now = self._clock.monotonic()
        if self._probe is permit:
            self._breaker.probe_failed(now, retry_after=retry_after)
            self._tell_outage(now, detail)
        elif self._breaker.request_failed(request, now, retry_after=retry_after):
            self._tell_outage(now, detail)

    def _tell_outage(self, now: float, detail: str) -> None:
        if self._breaker.outlasted(now):
            lasted = format_duration(now - self._breaker.opened_at)
            host = "" if self.answered_at is not None else " Nothing was ever answered well: check KORE_HOST, too."
            text = f"the service has been failing for {lasted}, longer than --patience ({detail}).{host}"
            self.stop(ServiceDown(text))
            return
        self._tell_pause("outage", max(0.0, self._breaker.next_probe - now), detail)
        self._wake()

    def _close_breaker(self, now: float) -> None:
        self._probe = None
        if self._breaker.answered():
            self._resume("outage", now - self._breaker.opened_at)

    def _tell_pause(self, why: Literal["rate_limit", "outage"], seconds: float, detail: str) -> None:
        self._emit(Paused(why, seconds, self._clock.now() + seconds, detail))

    def _resume(self, why: Literal["rate_limit", "outage"], seconds: float) -> None:
        self._meter.paused(seconds)
        self._emit(Resumed(why, seconds))
        self._wake()

    def _learn(self, now: float) -> None:
        """Compare what was granted in the window before a refusal with the limit."""
        since = now - self._shortest.seconds
        if self._adaptive and self._adaptive.refused(now, sum(granted > since for granted in self._granted)):
            self._set_limit(self._adaptive.limit, PaceLowered)

    def _set_limit(self, limit: Limit, changed: type[PaceLowered | PaceRaised]) -> None:
        before, self._limits = self._limits[0], (limit, *self._others)
        self._emit(changed(before.slots, limit.slots, limit.seconds))


class Permit:
    """The right to send one request, which carries the outcome back.

    One that ends without `sent` gives its slot back at once. One that was sent and got no answer was given up.
    """

    def __init__(self, limiter: Limiter, *, may_probe: bool) -> None:
        self._limiter = limiter
        self._ending: Ending = "not_sent"
        self.may_probe = may_probe
        self.granted_at = 0.0
        self.slot: Slot | None = None

    async def __aenter__(self) -> Self:
        await self._limiter.grant(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter.ended(self, self._ending)

    def sent(self) -> None:
        """The request is about to be written."""
        self._ending = "given_up"
        self._limiter.sent()

    def ok(self) -> None:
        """The service answered what it was asked, well or not."""
        self._ending = "answered"
        self._limiter.ok(self)

    def redirected(self) -> None:
        """The answer is a redirect, which the next request follows."""
        self._ending = "answered"
        self._limiter.let_through(self)

    def rate_limited(self, retry_after: float | None, detail: str) -> None:
        """The service refused for its rate limit; `retry_after`: seconds, where it named them."""
        self._ending = "answered"
        self._limiter.rate_limited(self, retry_after, detail)

    def failing(self, request: str, detail: str, *, answered: bool, retry_after: float = 0.0) -> None:
        """The request failed in a way that may be the service's fault: no answer, 5xx, a broken body.

        `request`: what was asked for; several failures of one are not an outage.
        """
        if answered:
            self._ending = "answered"
        self._limiter.failing(self, request, detail, retry_after)
