"""The worker pool: takes IDs, asks for each campaign within the limit, hands on one outcome per ID.

An ID that failed waits for its next try in a heap, not in a worker, and holds no place meanwhile. Whose fault a
failure is decides whether it counts: what fell into an outage of the whole service is tried again for free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import Protocol

from exporter.api.endpoints import HttpResponse, Verdict, body_start
from exporter.api.refusal import refusal
from exporter.clock import Clock, to_milliseconds
from exporter.errors import CredentialsRefused, ExportError
from exporter.events import Emit, RetryPlanned, Stopping
from exporter.fetch.client import Client
from exporter.fetch.work_queue import Item, WorkQueue
from exporter.model import CampaignResponse, Failure, FailureOutcome
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.stop import Stop

FIRST_ALONE = 1.0
"""Seconds for which the very first request goes alone: with wrong credentials, one is enough to know."""

FIRST_FEW = 4
"""Workers that begin when it takes longer than that; the rest follow the first answer, whosever it is."""

MOST_OUT_OF_STEP = 3
"""Answers about another campaign after which an ID is invalid."""


class Sink(Protocol):
    """Where outcomes go; returning means that the sink has taken responsibility for the outcome."""

    def __call__(self, outcome: CampaignResponse | Failure, attempts: int) -> Awaitable[None]:
        """Take one outcome."""
        ...


class WorkerPool:
    """`workers` tasks that take IDs from one feed until every one has its outcome."""

    def __init__(
        self,
        client: Client,
        *,
        meter: UsageMeter,
        retry: RetryPolicy,
        clock: Clock,
        emit: Emit,
        workers: int,
        grace: float,
        canary: str | None = None,
    ) -> None:
        self._client = client
        self._limiter = client.limiter
        self._meter = meter
        self._retry = retry
        self._clock = clock
        self._emit = emit
        self._workers = workers
        self._grace = grace
        self._canary = canary
        self._certain: float | None = None
        self._answered = asyncio.Event()
        self._judging = asyncio.Lock()

    async def run(self, ids: Iterator[str], sink: Sink, stop: Stop) -> None:
        """Fetch every one of `ids` and hand each outcome to `sink`.

        Raises `CredentialsRefused`, `ServiceDown`, `StorageFailed` or the reason of `stop`; requests that are
        under way then get the grace, and what they bring is handed on.
        """
        queue = WorkQueue(ids, self._clock)
        tasks = [asyncio.create_task(self._work(queue, sink, number)) for number in range(self._workers)]
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._wait(tasks, stopping)
        except ExportError as error:
            await self._wind_down(queue, tasks, str(error).partition("\n")[0].rstrip("."))
            raise
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _wait(self, tasks: list[asyncio.Task[None]], stopping: asyncio.Task[ExportError]) -> None:
        open_tasks: set[asyncio.Task[None]] = set(tasks)
        while open_tasks:
            done, _ = await asyncio.wait({*open_tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done & open_tasks:
                open_tasks.discard(task)
                task.result()
            if stopping in done:
                raise stopping.result()

    async def _wind_down(self, queue: WorkQueue, tasks: list[asyncio.Task[None]], why: str) -> None:
        queue.close()
        sending = [task for task in tasks if task in self._client.sending]
        for task in tasks:
            if task not in sending:
                task.cancel()
        if not sending:
            return
        self._emit(Stopping(why, self._grace))
        await asyncio.wait(sending, timeout=self._grace)

    async def _work(self, queue: WorkQueue, sink: Sink, number: int) -> None:
        if number > 0:
            await self._first_answer(number)
        while (item := await queue.next()) is not None:
            try:
                await self._attempt(item, queue, sink)
            finally:
                queue.done(item)
            self._answered.set()

    async def _first_answer(self, number: int) -> None:
        """Let one request go first, then a few more: a first ID that is slow must not hold up all others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ALONE if number < FIRST_FEW else None):
                await self._answered.wait()

    async def _attempt(self, item: Item, queue: WorkQueue, sink: Sink) -> None:
        item.first_at = item.first_at or self._clock.now()
        exchange = await self._client.campaign(item.campaign_id)
        verdict, response = exchange.verdict, exchange.response
        if verdict.kind == "good" and response is not None:
            self._canary = item.campaign_id
            now = to_milliseconds(self._clock.now())
            await sink(CampaignResponse(item.campaign_id, now, response.status, verdict.text), item.attempts + 1)
        elif verdict.kind == "wrong_campaign" and item.attempts + 1 < MOST_OUT_OF_STEP:
            item.attempts += 1
            self._meter.retried()
            queue.again(item, 0.0)
        elif verdict.kind in ("not_found", "gateway_404", "invalid", "wrong_campaign"):
            item.attempts += 1
            self._note(item, verdict, response)
            missing = verdict.kind in ("not_found", "gateway_404")
            await sink(self._failure(item, "not_found" if missing else "invalid"), item.attempts)
        elif verdict.kind == "denied":
            raise CredentialsRefused(refusal(verdict.error))
        elif verdict.kind == "rate_limited":
            self._meter.retried()
            queue.again(item, 0.0)
        else:
            self._note(item, verdict, response)
            item.attempts += 1
            item.failed_at.append(self._clock.monotonic())
            await self._look_at_outage(item)
            await self._retry_or_give_up(item, queue, sink)

    async def _look_at_outage(self, item: Item) -> None:
        """Probe what looks like an outage with a campaign that is known to be there.

        IDs that always fail look like one, where nothing else is left to ask for: without this they would be its
        only probes, and it would never end.
        """
        async with self._judging:
            began = self._limiter.outage_began
            if began is None or self._canary is None or self._canary == item.campaign_id:
                return
            exchange = await self._client.campaign(self._canary)
            if exchange.verdict.kind == "retry":
                self._certain = began
            elif self._certain != began and exchange.verdict.kind in ("good", "not_found", "invalid"):
                self._limiter.acquit(began)

    async def _retry_or_give_up(self, item: Item, queue: WorkQueue, sink: Sink) -> None:
        if self._retry.delay_after(item.attempts) is None:
            # What fell into an outage was not this ID's fault.
            own = [at for at in item.failed_at if not self._limiter.blameless(at)]
            item.failed_at, item.attempts = own, len(own)
        delay = self._retry.delay_after(item.attempts)
        if delay is None and await self._service_is_well(item):
            await sink(self._failure(item, "failed"), item.attempts)
            return
        if delay is None:
            delay = 0.0  # the doors are shut now: the gate decides when the next request goes
        self._meter.retried()
        self._emit(RetryPlanned(item.campaign_id, item.attempts, delay, item.error))
        queue.again(item, delay)

    async def _service_is_well(self, item: Item) -> bool:
        """Whether the failures of `item` are its own: some other request was answered well since its first.

        Where none was asked meanwhile, a campaign that is known to be there is asked for now.
        """
        async with self._judging:
            since = item.failed_at[0]
            if self._limiter.last_ok_at is not None and self._limiter.last_ok_at >= since:
                return True
            if self._canary is None:
                # Nothing was ever answered well: more likely the service than every single ID.
                self._limiter.suspect(item.error)
                return False
            if self._canary == item.campaign_id:
                return not self._limiter.outage
            exchange = await self._client.campaign(self._canary)
            if exchange.verdict.kind in ("good", "not_found", "invalid"):
                return True
            self._limiter.suspect(item.error)
            return False

    def _note(self, item: Item, verdict: Verdict, response: HttpResponse | None) -> None:
        item.error = verdict.error
        if response is not None:
            item.http_status = response.status
            item.body_start = body_start(response)
        else:
            item.http_status = item.body_start = None

    def _failure(self, item: Item, outcome: FailureOutcome) -> Failure:
        return Failure(
            item.campaign_id,
            outcome,
            item.http_status,
            item.attempts,
            item.error,
            item.body_start,
            to_milliseconds(item.first_at),
            to_milliseconds(self._clock.now()),
        )
