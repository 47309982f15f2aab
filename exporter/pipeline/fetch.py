"""The worker pool: takes IDs, asks for each campaign within the limit, hands on one outcome per ID.

An ID that failed waits for its next try in a heap, not in a worker, and holds no place meanwhile. Whose fault a
failure is decides whether it counts: what fell into an outage of the whole service is tried again for free.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from exporter.api.auth import TokenSource
from exporter.api.http import HttpTransport, Unanswered, Untrusted
from exporter.api.protocol import (
    Answer,
    CampaignApi,
    Request,
    Verdict,
    body_start,
    is_askable,
    judge_campaign,
    without_token,
)
from exporter.clock import Clock, to_milliseconds
from exporter.errors import CredentialsRefused, ExportError, SettingsError
from exporter.events import Emit, RetryPlanned, Stopping
from exporter.model import Failure, FailureOutcome, Response
from exporter.pacing.gate import Gate
from exporter.pacing.retry import RetryPolicy
from exporter.pipeline.stop import Stop

MOST_REDIRECTS = 3

FIRST_ALONE = 1.0
"""Seconds for which the very first request goes alone: with wrong credentials, one is enough to know."""

FIRST_FEW = 4
"""Workers that begin when it takes longer than that; the rest follow the first answer, whosever it is."""


class Sink(Protocol):
    """Where outcomes go; returning means that the sink has taken responsibility for the outcome."""

    def __call__(self, outcome: Response | Failure, attempts: int) -> Awaitable[None]:
        """Take one outcome."""
        ...


@dataclass(slots=True, eq=False)
class Item:
    """One ID on its way through the pool."""

    campaign_id: str
    attempts: int = 0
    first_at: int = 0
    failed_at: list[float] = field(default_factory=list)
    """monotonic times of the failures"""
    error: str = ""
    http_status: int | None = None
    body_start: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A judged answer, or what came instead of one."""

    verdict: Verdict
    answer: Answer | None
    retried: int = 0


class Caller:
    """Sends one request after the other for the pool and the list pass: gate, token, transport, judgement.

    Order matters: the gate is entered first, so that the token is fresh when it is sent and the place is
    held exactly as long as the request may reach the service.
    """

    def __init__(
        self,
        *,
        api: CampaignApi,
        tokens: TokenSource,
        transport: HttpTransport,
        gate: Gate,
        clock: Clock,
    ) -> None:
        self.api = api
        self.gate = gate
        self.clock = clock
        self.sent = 0
        self._tokens = tokens
        self._transport = transport
        self.sending: set[asyncio.Task[object]] = set()

    async def campaign(self, campaign_id: str) -> Exchange:
        """Ask for one campaign; follows redirects that stay on our origin."""
        if not is_askable(campaign_id):
            return Exchange(Verdict("not_found", "not asked for: in a URL it would be a step up the path"), None)
        redirect: str | None = None
        for _ in range(MOST_REDIRECTS + 1):
            exchange = await self._once(
                partial(self._get, campaign_id, redirect),
                lambda answer: judge_campaign(answer, campaign_id, origin=self.api.origin, now=self.clock.now()),
                item=campaign_id,
            )
            if exchange.verdict.kind != "redirect":
                return exchange
            redirect = exchange.verdict.text
        return Exchange(Verdict("invalid", f"more than {MOST_REDIRECTS} redirects"), exchange.answer)

    async def ask(self, build: Callable[[str], Request], judge: Callable[[Answer], Verdict], *, item: str) -> Exchange:
        """Send what `build` makes of a fresh token and judge the answer."""
        return await self._once(build, judge, item=item)

    def _get(self, campaign_id: str, redirect: str | None, token: str) -> Request:
        request = self.api.get(campaign_id, token)
        return request if redirect is None else self.api.redirected(request, redirect, token)

    async def _once(
        self, build: Callable[[str], Request], judge: Callable[[Answer], Verdict], *, item: str
    ) -> Exchange:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in a coroutine
        async with self.gate.admit() as turn:
            self.sending.add(task)
            self.sent += 1
            token = self._tokens.token()
            try:
                answer = without_token(await self._transport.send(build(token)), token)
            except Unanswered as error:
                if isinstance(error, Untrusted) and self.gate.last_ok_at is None:
                    # It was never trusted, and waiting does not change that.
                    raise SettingsError(f"{error}.") from None
                told = str(error).replace(token, "[token hidden]")
                turn.failing(told, item=item)
                return Exchange(Verdict("retry", told), None)
            finally:
                self.sending.discard(task)
            verdict = judge(answer)
            if verdict.kind == "rate_limited":
                turn.rate_limited(verdict.retry_after, verdict.error)
            elif verdict.kind == "retry":
                turn.failing(verdict.error, item=item)
            else:
                turn.ok()
            return Exchange(verdict, answer)


class Pool:
    """`workers` tasks that take IDs from one feed until every one has its outcome."""

    def __init__(
        self,
        caller: Caller,
        *,
        retry: RetryPolicy,
        clock: Clock,
        emit: Emit,
        workers: int,
        grace: float,
        known_good: str | None = None,
    ) -> None:
        self._caller = caller
        self._gate = caller.gate
        self._retry = retry
        self._clock = clock
        self._emit = emit
        self._workers = workers
        self._grace = grace
        self._known_good = known_good
        self._certain: float | None = None
        self.retries = 0
        self._answered = asyncio.Event()
        self._judging = asyncio.Lock()

    async def run(self, ids: Iterator[str], sink: Sink, stop: Stop) -> None:
        """Fetch every one of `ids` and hand each outcome to `sink`.

        Raises `CredentialsRefused`, `ServiceDown`, `StorageFailed` or the reason of `stop`; requests that are
        under way then get the grace, and what they bring is handed on.
        """
        feed = Feed(ids, self._clock)
        tasks = [asyncio.create_task(self._work(feed, sink, number)) for number in range(self._workers)]
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._wait(tasks, stopping)
        except ExportError as error:
            await self._wind_down(feed, tasks, str(error).partition("\n")[0].rstrip("."))
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

    async def _wind_down(self, feed: Feed, tasks: list[asyncio.Task[None]], why: str) -> None:
        feed.close()
        sending = [task for task in tasks if task in self._caller.sending]
        for task in tasks:
            if task not in sending:
                task.cancel()
        if not sending:
            return
        self._emit(Stopping(why, self._grace))
        await asyncio.wait(sending, timeout=self._grace)

    async def _work(self, feed: Feed, sink: Sink, number: int) -> None:
        if number > 0:
            await self._first_answer(number)
        while (item := await feed.next()) is not None:
            try:
                await self._attempt(item, feed, sink)
            finally:
                feed.done(item)
            self._answered.set()

    async def _first_answer(self, number: int) -> None:
        """Let one request go first, then a few more: a first ID that is slow must not hold up all others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ALONE if number < FIRST_FEW else None):
                await self._answered.wait()

    async def _attempt(self, item: Item, feed: Feed, sink: Sink) -> None:
        item.first_at = item.first_at or to_milliseconds(self._clock.now())
        exchange = await self._caller.campaign(item.campaign_id)
        verdict, answer = exchange.verdict, exchange.answer
        if verdict.kind == "good" and answer is not None:
            self._known_good = item.campaign_id
            now = to_milliseconds(self._clock.now())
            await sink(Response(item.campaign_id, now, answer.status, verdict.text), item.attempts + 1)
        elif verdict.kind in ("not_found", "invalid"):
            item.attempts += 1
            self._note(item, verdict, answer)
            await sink(self._failure(item, "not_found" if verdict.kind == "not_found" else "invalid"), item.attempts)
        elif verdict.kind == "denied":
            raise CredentialsRefused(refusal(verdict.error))
        elif verdict.kind == "rate_limited":
            self.retries += 1
            feed.again(item, 0.0)
        else:
            self._note(item, verdict, answer)
            item.attempts += 1
            item.failed_at.append(self._clock.monotonic())
            await self._look_at_outage(item)
            await self._retry_or_give_up(item, feed, sink)

    async def _look_at_outage(self, item: Item) -> None:
        """Probe what looks like an outage with a campaign that is known to be there.

        IDs that always fail look like one, where nothing else is left to ask for: without this they would be its
        only probes, and it would never end.
        """
        async with self._judging:
            began = self._gate.outage_began
            if began is None or self._known_good is None or self._known_good == item.campaign_id:
                return
            exchange = await self._caller.campaign(self._known_good)
            if exchange.verdict.kind == "retry":
                self._certain = began
            elif self._certain != began and exchange.verdict.kind in ("good", "not_found", "invalid"):
                self._gate.acquit(began)

    async def _retry_or_give_up(self, item: Item, feed: Feed, sink: Sink) -> None:
        if self._retry.delay_after(item.attempts) is None:
            # What fell into an outage was not this ID's fault.
            own = [at for at in item.failed_at if not self._gate.blameless(at)]
            item.failed_at, item.attempts = own, len(own)
        delay = self._retry.delay_after(item.attempts)
        if delay is None and await self._service_is_well(item):
            await sink(self._failure(item, "failed"), item.attempts)
            return
        if delay is None:
            delay = 0.0  # the doors are shut now: the gate decides when the next request goes
        self.retries += 1
        self._emit(RetryPlanned(item.campaign_id, item.attempts, delay, item.error))
        feed.again(item, delay)

    async def _service_is_well(self, item: Item) -> bool:
        """Whether the failures of `item` are its own: some other request was answered well since its first.

        Where none was asked meanwhile, a campaign that is known to be there is asked for now.
        """
        async with self._judging:
            since = item.failed_at[0]
            if self._gate.last_ok_at is not None and self._gate.last_ok_at >= since:
                return True
            if self._known_good is None:
                # Nothing was ever answered well: more likely the service than every single ID.
                self._gate.suspect(item.error)
                return False
            if self._known_good == item.campaign_id:
                return not self._gate.outage
            exchange = await self._caller.campaign(self._known_good)
            if exchange.verdict.kind in ("good", "not_found", "invalid"):
                return True
            self._gate.suspect(item.error)
            return False

    def _note(self, item: Item, verdict: Verdict, answer: Answer | None) -> None:
        item.error = verdict.error
        if answer is not None:
            item.http_status = answer.status
            item.body_start = body_start(answer)
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
            item.first_at,
            to_milliseconds(self._clock.now()),
        )


class Feed:
    """The next item to try: what is due again first, then fresh IDs. Ends when all have their outcome."""

    def __init__(self, ids: Iterator[str], clock: Clock) -> None:
        self._fresh: Iterator[str] = ids
        self._clock = clock
        self._waiting: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._under_way = 0
        self._exhausted = False
        self._changed = asyncio.Event()

    async def next(self) -> Item | None:
        """The next item, or None at the end. Waits for one that becomes due, holding nothing."""
        while True:
            due = self._waiting[0][0] - self._clock.monotonic() if self._waiting else None
            if due is not None and due <= 0:
                self._under_way += 1
                return heapq.heappop(self._waiting)[2]
            if not self._exhausted:
                campaign_id = next(self._fresh, None)
                if campaign_id is not None:
                    self._under_way += 1
                    return Item(campaign_id)
                self._exhausted = True
            if due is None and self._under_way == 0:
                self._wake()
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(due):
                    await self._changed.wait()

    def again(self, item: Item, delay: float) -> None:
        """Take `item` back; it is due in `delay` seconds."""
        heapq.heappush(self._waiting, (self._clock.monotonic() + delay, next(self._order), item))

    def done(self, item: Item) -> None:
        """A worker is through with `item`, for good or until it is due again."""
        self._under_way -= 1
        if self._exhausted:
            self._wake()

    def close(self) -> None:
        """Give out nothing more."""
        self._fresh, self._exhausted = iter(()), True
        self._waiting.clear()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def refusal(error: str) -> str:
    """What to check when the service refuses the credentials (pages sdk-security, api-introduction)."""
    text = error.lower()
    if "scope" in text or "permission" in text:
        hint = "Give the JWT app the scope 'Campaign Management' (App Settings > Dev Tools > API Scopes) and publish."
    elif "replay" in text:
        hint = "The app enforces that a token is good once: use KORE_CLIENT_ID and KORE_CLIENT_SECRET, not KORE_JWT."
    else:
        hint = (
            "Check KORE_CLIENT_SECRET (or KORE_JWT), KORE_CLIENT_ID, KORE_STREAM_ID and KORE_HOST (the region): "
            "the service gives one answer for a wrong one of them. Check too that the app has the scope "
            "'Campaign Management'."
        )
    return f"the service refused the credentials ({error}).\n{hint}"
