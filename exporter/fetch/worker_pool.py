"""The worker pool: takes IDs, asks for each campaign within the limit, hands on one outcome per ID.

An ID that failed waits for its next try in a heap, not in a worker, and holds no slot meanwhile. Whether a failure is
the ID's or the service's is asked in `service_health`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator

from exporter.api.endpoints import HttpResponse, body_start
from exporter.api.verdict import VerdictKind
from exporter.clock import to_milliseconds, wait_at_most
from exporter.errors import ExportError
from exporter.events import RetryPlanned, Stopping
from exporter.fetch.client import Exchange
from exporter.fetch.open_engine import Engine
from exporter.fetch.service_health import ServiceHealth
from exporter.fetch.work_queue import Item, WorkQueue
from exporter.model import CampaignResponse, Failure, FailureOutcome
from exporter.stop import Stop

FIRST_ALONE = 1.0
"""Seconds for which the very first request goes alone: with wrong credentials, one is enough to know."""

FIRST_FEW = 4
"""Workers that begin when it takes longer than that; the rest follow the first answer to any of them."""

MOST_OUT_OF_STEP = 3
"""Answers about another campaign after which an ID is invalid."""

LATER = 15.0
"""Seconds after which an ID is asked again that got a 404 which was not the API's own, or was led away."""


_LAST_WORDS: dict[VerdictKind, FailureOutcome] = {"not_found": "not_found", "denied": "failed"}
"""Outcomes of verdicts that are final; of all others it is invalid."""

_IF_AGAIN: dict[VerdictKind, FailureOutcome] = {"gateway_404": "not_found", "led_away": "invalid"}
"""Outcomes of verdicts that are final when they come again, later, while others are answered well. It is invalid where
one has come after the other."""


OutcomeSink = Callable[[CampaignResponse | Failure, int], Awaitable[None]]
"""Where an outcome goes, with the attempts it took. Returning means that the sink has taken responsibility for it."""


class WorkerPool:
    """`--workers` tasks that take IDs from one queue until every one has its outcome.

    `requests`: how many IDs there are. `canary`: one that was fetched before, so that an outage is not taken for a bad
    ID.
    """

    def __init__(self, engine: Engine, requests: int, *, canary: str | None = None) -> None:
        self._engine = engine
        self._health = ServiceHealth(engine, canary=canary)
        self._answered = asyncio.Event()
        engine.limiter.expect(engine.meter.usage().requests.total + requests)

    async def run(self, ids: Iterator[str], sink: OutcomeSink, stop: Stop) -> None:
        """Fetch every one of `ids` and hand each outcome to `sink`.

        Raises `CredentialsRefused`, `ServiceDown`, `StorageFailed` or the reason of `stop`; requests that are
        under way then get the grace, and what they bring is handed on.
        """
        queue = WorkQueue(ids, self._engine.clock)
        tasks = [asyncio.create_task(self._work(queue, sink, number)) for number in range(self._engine.options.workers)]
        everything, stopping = asyncio.gather(*tasks), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((everything, stopping), return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                everything.result()  # raises what the first worker to fail has raised
            if stopping.done():
                raise stopping.result()
        except ExportError as error:
            await self._wind_down(queue, tasks, error)
            raise
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, everything, stopping, return_exceptions=True)

    async def _wind_down(self, queue: WorkQueue, tasks: list[asyncio.Task[None]], reason: ExportError) -> None:
        """Send nothing more; what is under way gets the grace."""
        queue.close()
        self._engine.client.limiter.stop(reason)
        sending = [task for task in tasks if task in self._engine.client.sending]
        for task in tasks:
            if task not in sending:
                task.cancel()
        if not sending:
            return
        # Its first sentence: what is kept, and whether the same command resumes, is not known here.
        why = str(reason).partition("\n")[0].partition(". ")[0].rstrip(".")
        self._engine.emit(Stopping(why, self._engine.options.grace))
        await asyncio.wait(sending, timeout=self._engine.options.grace)

    async def _work(self, queue: WorkQueue, sink: OutcomeSink, number: int) -> None:
        if number > 0:
            # One request goes first, then a few more: a first ID that is slow must not hold up all others.
            await wait_at_most(FIRST_ALONE if number < FIRST_FEW else math.inf, self._answered)
        while (item := await queue.next()) is not None:
            try:
                await self._attempt(item, queue, sink)
            finally:
                queue.done(item)
            self._answered.set()

    async def _attempt(self, item: Item, queue: WorkQueue, sink: OutcomeSink) -> None:
        item.first_at = item.first_at or self._engine.clock.now()
        exchange = await self._engine.client.campaign(item.campaign_id, may_probe=self._health.any_id_may_probe)
        self._health.note(item.campaign_id, exchange)
        if exchange.verdict.kind == "denied":
            exchange = await self._health.second_opinion(item, exchange, queue.peek())
        if exchange.verdict.kind == "rate_limited":
            self._engine.meter.retried()
            queue.again(item, 0.0)
            return
        item.attempts += 1
        outcome = await self._outcome(item, exchange, queue)
        if outcome is not None:
            await sink(outcome, item.attempts)

    async def _outcome(self, item: Item, exchange: Exchange, queue: WorkQueue) -> CampaignResponse | Failure | None:
        """What has become of the ID; None: it is in the queue again."""
        verdict, response = exchange.verdict, exchange.response
        if verdict.kind == "good" and response is not None:
            now = to_milliseconds(self._engine.clock.now())
            return CampaignResponse(item.campaign_id, now, response.status, verdict.text)
        item.error = verdict.error
        item.out_of_step += verdict.kind == "wrong_campaign"
        if verdict.kind == "wrong_campaign" and item.out_of_step < MOST_OUT_OF_STEP:
            self._again(item, 0.0, queue)
            return None
        if verdict.kind != "retry" and verdict.kind not in _IF_AGAIN:
            return self._failure(item, _LAST_WORDS.get(verdict.kind, "invalid"), response)
        return await self._after_failure(item, exchange, queue)

    async def _after_failure(self, item: Item, exchange: Exchange, queue: WorkQueue) -> Failure | None:
        """What becomes of an ID when the service or the connection failed; None: it is in the queue again."""
        verdict = exchange.verdict
        item.failures.append((exchange.sent_at, self._engine.clock.monotonic()))
        before, item.seemed = item.seemed, verdict.kind
        outcome, comes_again = _IF_AGAIN.get(verdict.kind), before in _IF_AGAIN
        if outcome is not None and comes_again and await self._health.others_are_answered(item):
            return self._failure(item, outcome if before == verdict.kind else "invalid", exchange.response)
        delay = await self._health.delay_after_failure(item, retry_after=verdict.retry_after or 0.0)
        if outcome is not None and not comes_again:
            delay = max(delay or 0.0, LATER)
        if delay is None:
            return self._failure(item, "failed", exchange.response)
        self._again(item, delay, queue)
        return None

    def _again(self, item: Item, delay: float, queue: WorkQueue) -> None:
        self._engine.meter.retried()
        self._engine.emit(RetryPlanned(item.campaign_id, item.attempts, delay, item.error))
        queue.again(item, delay)

    def _failure(self, item: Item, outcome: FailureOutcome, response: HttpResponse | None) -> Failure:
        return Failure(
            item.campaign_id,
            outcome,
            response.status if response is not None else None,
            item.attempts,
            item.error,
            body_start(response) if response is not None else None,
            to_milliseconds(item.first_at),
            to_milliseconds(self._engine.clock.now()),
        )
