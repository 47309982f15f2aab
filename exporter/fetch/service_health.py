"""Is it this ID or the service? Asked in this one place, when an ID fails for good or is refused.

The canary, a campaign that is known to be there, is asked once: answered well, the ID has failed; not, the circuit
breaker opens. What failed in an outage of the service counts against no ID. While the breaker is open the canary is
the probe; an ID that always fails would be no use for that. Until one campaign was answered well there is no canary:
then every ID may probe, and none has failed.

Whatever is asked here may probe: others wait for what is decided, and none of them would end an outage meanwhile.
"""

from __future__ import annotations

import asyncio
import math

from exporter.api.credentials_advice import refusal
from exporter.api.verdict import Verdict
from exporter.errors import CredentialsRefused, ServiceDown
from exporter.fetch.client import Exchange
from exporter.fetch.open_engine import Engine
from exporter.fetch.work_queue import Item
from exporter.units import format_duration

_FAILURES = ("retry", "gateway_404", "led_away", "wrong_campaign")
"""Verdicts that say nothing of a campaign: the service failed."""

MOST_ODD_ANSWERS = 3
"""Answers that refuse the canary or are about another campaign, without a good one of any campaign in between, after
which another canary is looked for. Each of them ends an outage, for the service answers; as the canary it would end
every outage at once, so that no patience would ever be over."""

MOST_EXCUSED = 10
"""Times that outages excuse an ID whose attempts are used up, where there is a canary: whatever the rhythm in which the
canary fails and is answered well, the run ends."""


class ServiceHealth:
    """What the outcomes so far say about the service. `canary`: an ID that an earlier attempt has fetched."""

    def __init__(self, engine: Engine, *, canary: str | None) -> None:
        self._engine = engine
        self._canary = canary
        engine.client.has_fetched = engine.client.has_fetched or canary is not None
        self._odd_answers = 0
        self._good_at = -math.inf
        """when (monotonic) a campaign was last answered well in this run"""
        self._failing_since: float | None = None
        """when (monotonic) others were first found to fail since then"""
        self._canary_failed_at = -math.inf
        """when (monotonic) the canary last got what says that the service failed"""
        self._outages: list[tuple[float, float]] = []
        """from when to when the service as a whole failed"""
        self._deciding = asyncio.Lock()
        self._probing = asyncio.Lock()

    @property
    def any_id_may_probe(self) -> bool:
        """Whether there is no canary yet, so that any request may find out whether the service is back."""
        return self._canary is None

    def note(self, campaign_id: str, exchange: Exchange) -> None:
        """Take the outcome of a request for a campaign."""
        if exchange.verdict.kind != "good":
            return
        now = self._engine.clock.monotonic()
        if self._canary is None:
            # What failed before anything was answered well is more likely the service's fault.
            self._outages.append((-math.inf, now))
        self._canary, self._odd_answers, self._good_at, self._failing_since = campaign_id, 0, now, None

    async def delay_after_failure(self, item: Item, *, retry_after: float = 0.0) -> float | None:
        """Seconds until the next try of an ID that has just failed; None: it has failed for good."""
        await self._watch_outage()
        delay = self._engine.retry.delay_after(len(item.failures))
        if delay is None and item.excused < MOST_EXCUSED:
            item.excused += self._canary is not None
            if not await self.others_are_answered(item):
                return 0.0  # the breaker is open now: the limiter decides when the next request goes
            item.failures = [failure for failure in item.failures if not self._in_outage(*failure)]
            delay = self._engine.retry.delay_after(len(item.failures))
        return max(delay, retry_after) if delay is not None else None

    async def others_are_answered(self, item: Item) -> bool:
        """Whether other campaigns are answered well since the last try of `item`; if not, the breaker opens."""
        await self._watch_outage()  # its last try may have opened the breaker
        async with self._deciding:
            sent_at, failed_at = item.failures[-1]
            if self._in_outage(sent_at, failed_at):
                return False
            if self._good_at > sent_at:
                return True
            exchange = await self._ask_canary()
            if exchange is not None and exchange.verdict.kind == "good":
                return True
            self._engine.limiter.open_breaker(item.error)
            self._end_when_patience_is_over(item.error)
        await self._watch_outage()
        return False

    def _end_when_patience_is_over(self, detail: str) -> None:
        """Stop the run whose outages begin again and again without a good answer of any campaign in between.

        Answers that refuse, or are about another campaign, end an outage, and with it what the limiter counts.
        """
        now, patience = self._engine.clock.monotonic(), self._engine.options.patience
        self._failing_since = now if self._failing_since is None else self._failing_since
        lasted = now - self._failing_since
        if lasted > patience:
            text = f"no campaign was answered well for {format_duration(lasted)}, longer than --patience ({detail})."
            self._engine.limiter.stop(ServiceDown(text))

    async def second_opinion(self, item: Item, refused: Exchange, other: str | None) -> Exchange:
        """After one answer that refuses the credentials: what is to be made of the ID.

        The answer to a second request for it, with a token of its own; when that is a refusal too, it is this ID's,
        unless the service fails. `other`: an ID to ask where the list was answered well and no campaign yet, since a
        firewall that blocks the first one must not end every run. Raises `CredentialsRefused` where the refusal is not
        this ID's.
        """
        async with self._deciding:
            if self._good_at == -math.inf and not self._engine.client.has_listed:
                # The same command again asks for what failed alone: this may be all that is left.
                fetched_before = await self._ask_canary()
                if fetched_before is None or fetched_before.verdict.kind == "denied":
                    raise self._credentials_refused(refused)
            item.attempts += 1
            again = await self._engine.client.campaign(item.campaign_id, may_probe=True)
            self.note(item.campaign_id, again)
            if again.verdict.kind != "denied":
                return again
            canary = await self._ask_canary(other)
            if canary is None or canary.verdict.kind == "denied":
                raise self._credentials_refused(again)
            if canary.verdict.kind not in _FAILURES:
                return again
            # The answer to the canary is none to this ID: it proves no absence, and is not kept as this ID's.
            verdict = Verdict("retry", canary.verdict.error, retry_after=canary.verdict.retry_after)
            return Exchange(verdict, None, canary.sent_at)

    async def _watch_outage(self) -> None:
        """While the breaker is not closed: ask the canary at its intervals, until the service answers again."""
        began = self._engine.limiter.outage_began
        if began is None or self._canary is None:
            return
        async with self._probing:  # where another task asks already, the end of that is waited for
            began = self._engine.limiter.outage_began
            while self._engine.limiter.outage_began is not None and self._canary is not None:
                await self._ask_canary()
            if began is not None and self._canary_failed_at >= began:
                self._outages.append((began, self._engine.clock.monotonic()))

    async def _ask_canary(self, default: str | None = None) -> Exchange | None:
        canary = self._canary or default
        if canary is None:
            return None
        exchange = await self._engine.client.campaign(canary, may_probe=True)
        while exchange.verdict.kind == "rate_limited":
            exchange = await self._engine.client.campaign(canary, may_probe=True)
        self.note(canary, exchange)
        if exchange.verdict.kind in _FAILURES:
            self._canary_failed_at = self._engine.clock.monotonic()
        self._odd_answers += exchange.verdict.kind in ("denied", "wrong_campaign")
        gone = exchange.verdict.kind in ("not_found", "invalid")
        if self._canary == canary and (gone or self._odd_answers >= MOST_ODD_ANSWERS):
            self._canary, self._odd_answers = None, 0  # another one has to be found
        return exchange

    def _in_outage(self, sent_at: float, failed_at: float) -> bool:
        return any(began <= failed_at and sent_at <= ended for began, ended in self._outages)

    def _credentials_refused(self, exchange: Exchange) -> CredentialsRefused:
        return CredentialsRefused(refusal(exchange.verdict.error, self._engine.client.skew))
