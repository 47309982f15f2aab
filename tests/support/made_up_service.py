"""A service in virtual time behind the real client: what a test says it answers, and what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from exporter.api.auth import TokenSource
from exporter.api.endpoints import CampaignApi, HttpResponse, Request
from exporter.api.http import HttpTransport
from exporter.api.transport_errors import TransportError
from exporter.events import Event
from exporter.fetch.client import Client
from exporter.fetch.open_engine import Engine
from exporter.fetch.worker_pool import WorkerPool
from exporter.model import CampaignResponse, Failure, Identity
from exporter.options import FetchOptions
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.slot_backends import Slots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.settings import Secret, SigningKey
from exporter.stop import Stop
from exporter.units import Limit
from tests.support.virtual_time import VirtualClock, run_virtually

KEY = Secret("a secret of some length, for a test")
DENIED = HttpResponse(401, b'{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}')
FORBIDDEN = HttpResponse(403, b"<html><body>Request blocked by the firewall</body></html>")
NOT_THE_API = HttpResponse(404, b"<html><body>404 Not Found</body></html>")
DOWN = HttpResponse(503, b"<html><body>503 Service Unavailable</body></html>")


def good(campaign_id: str) -> HttpResponse:
    """A good answer."""
    return HttpResponse(200, json.dumps({"status": "success", "data": {"_id": campaign_id}}).encode())


@dataclass(frozen=True)
class Asked:
    """One request: when (monotonic), for what, with which token; how many came before, in all and for the same ID."""

    at: float
    campaign_id: str
    token: str
    before: int
    before_for_it: int


@dataclass
class MadeUpService:
    """Answers `answer(asked)` after `latency(asked)` seconds; an error that it gives is raised."""

    answer: Callable[[Asked], HttpResponse | TransportError]
    latency: Callable[[Asked], float] = lambda _: 0.1
    asked: list[Asked] = field(default_factory=list)
    dropped: int = 0

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        """As `HttpTransport.send`."""
        campaign_id = request.url.partition("?")[0].rpartition("/")[2]
        same = sum(asked.campaign_id == campaign_id for asked in self.asked)
        asked = Asked(asyncio.get_running_loop().time(), campaign_id, request.headers["auth"], len(self.asked), same)
        answer = self.answer(asked)
        if isinstance(answer, TransportError) and answer.permanent:
            raise answer
        on_sent()
        self.asked.append(asked)
        await asyncio.sleep(self.latency(asked))
        if isinstance(answer, TransportError):
            raise answer
        return answer

    def drop_connection(self) -> None:
        """As `HttpTransport.drop_connection`."""
        self.dropped += 1

    def times_asked(self, campaign_id: str) -> int:
        """Requests for one ID."""
        return sum(asked.campaign_id == campaign_id for asked in self.asked)


class Fetching:
    """A pool of sixteen workers before a service. To be made in a running loop."""

    def __init__(
        self,
        service: MadeUpService,
        *,
        attempts: int = 5,
        canary: str | None = None,
        limits: tuple[Limit, ...] = (),
        patience: float = 900.0,
        grace: float = 10.0,
    ) -> None:
        self.service = service
        self.clock = VirtualClock()
        self.events: list[Event] = []
        self.outcomes: dict[str, CampaignResponse | Failure] = {}
        self.ended_at: dict[str, float] = {}
        self.stop = Stop()
        self.meter = UsageMeter(self.clock)
        self.limiter = Limiter(
            limits,
            slots=Slots(self.clock),
            clock=self.clock,
            emit=self.events.append,
            meter=self.meter,
            patience=patience,
        )
        self.client = Client(
            api=CampaignApi(Identity("https://h", "st", "a", "v2"), "st"),
            tokens=TokenSource(SigningKey("cs-1", KEY), clock=self.clock),
            transport=cast(HttpTransport, service),
            limiter=self.limiter,
            meter=self.meter,
            clock=self.clock,
            emit=self.events.append,
        )
        self.engine = Engine(
            self.client,
            self.limiter,
            self.meter,
            RetryPolicy(attempts=attempts, random=Random(1)),
            self.clock,
            self.events.append,
            FetchOptions(workers=16, rates=limits, grace=grace, patience=patience),
        )
        self.canary = canary

    async def fetch(self, ids: Iterable[str]) -> dict[str, str]:
        """The outcome of each ID."""
        await WorkerPool(self.engine, 0, canary=self.canary).run(iter(ids), self._sink, self.stop)
        return {name: one.outcome if isinstance(one, Failure) else "ok" for name, one in self.outcomes.items()}

    async def _sink(self, outcome: CampaignResponse | Failure, attempts: int) -> None:
        self.outcomes[outcome.campaign_id] = outcome
        self.ended_at[outcome.campaign_id] = self.clock.monotonic()

    def failure(self, campaign_id: str) -> Failure:
        """What became of an ID that gave no campaign."""
        outcome = self.outcomes[campaign_id]
        assert isinstance(outcome, Failure)
        return outcome


def fetched(service: MadeUpService, ids: Iterable[str], **options: Any) -> dict[str, str]:
    """The outcome of each ID, fetched in virtual time. `options`: of `Fetching`."""

    async def main() -> dict[str, str]:
        return await Fetching(service, **options).fetch(ids)

    return run_virtually(main())
