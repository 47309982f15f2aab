"""`exporter.fetch.worker_pool`: the pool before a made-up service, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import cast

import pytest

from exporter.api.auth import TokenSource
from exporter.api.endpoints import CampaignApi, HttpResponse, Request
from exporter.api.http import HttpTransport
from exporter.errors import CredentialsRefused
from exporter.events import Event, Stopping
from exporter.fetch.client import Client
from exporter.fetch.service_health import ServiceHealth
from exporter.fetch.worker_pool import FIRST_ALONE, FIRST_FEW, WorkerPool
from exporter.model import CampaignResponse, Failure
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.slots import MemorySlots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.settings import ReadyToken, Secret
from exporter.stop import Stop
from tests.support.virtual_time import VirtualClock, run_virtually

DENIED = HttpResponse(401, b'{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}')


def good(campaign_id: str) -> HttpResponse:
    return HttpResponse(200, json.dumps({"status": "success", "data": {"_id": campaign_id}}).encode())


class Service:
    """Answers after `latency(ID)` seconds with `answer(ID, how many came before)`; keeps when each was asked for."""

    def __init__(self, latency: Callable[[str], float], answer: Callable[[str, int], HttpResponse]) -> None:
        self._latency = latency
        self._answer = answer
        self.asked: list[tuple[float, str]] = []

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        on_sent()
        campaign_id = request.url.partition("?")[0].rpartition("/")[2]
        number = len(self.asked)
        self.asked.append((asyncio.get_running_loop().time(), campaign_id))
        await asyncio.sleep(self._latency(campaign_id))
        return self._answer(campaign_id, number)


class Rig:
    """A pool of sixteen workers before a service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.clock = VirtualClock()
        self.events: list[Event] = []
        self.outcomes: dict[str, float] = {}

    async def fetch(self, number: int) -> None:
        meter = UsageMeter(self.clock)
        client = Client(
            api=CampaignApi(
                host="https://h", stream_id="st", account_id="a", app_id="st", version="v2", user_agent="t"
            ),
            tokens=TokenSource(ReadyToken(Secret("ready")), clock=self.clock),
            transport=cast(HttpTransport, self.service),
            limiter=Limiter((), slots=MemorySlots(self.clock), clock=self.clock, emit=self.events.append, meter=meter),
            meter=meter,
            clock=self.clock,
        )
        pool = WorkerPool(
            client,
            ServiceHealth(client, retry=RetryPolicy(attempts=2, random=Random(1)), clock=self.clock),
            meter=meter,
            clock=self.clock,
            emit=self.events.append,
            workers=16,
            grace=10.0,
        )
        await pool.run(iter([f"cd-{i}" for i in range(number)]), self._sink, Stop())

    async def _sink(self, outcome: CampaignResponse | Failure, attempts: int) -> None:
        self.outcomes[outcome.campaign_id] = self.clock.monotonic()


def test_a_first_id_that_is_slow_does_not_hold_up_the_others() -> None:
    service = Service(lambda one: 25.0 if one == "cd-0" else 0.1, lambda one, _: good(one))

    async def main() -> Rig:
        rig = Rig(service)
        await rig.fetch(40)
        return rig

    rig = run_virtually(main())
    began = service.asked[0][0]
    others = [at for one, at in rig.outcomes.items() if one != "cd-0"]
    assert len(others) == 39
    assert max(others) - began < FIRST_ALONE + 2


@pytest.mark.parametrize(("latency", "most"), [(FIRST_ALONE / 2, 1), (FIRST_ALONE * 5, FIRST_FEW)])
def test_wrong_credentials_cost_a_handful_of_requests_however_slow_the_refusal(latency: float, most: int) -> None:
    service = Service(lambda _: latency, lambda *_: DENIED)
    with pytest.raises(CredentialsRefused):
        run_virtually(Rig(service).fetch(200))
    assert len(service.asked) == most


def test_credentials_revoked_in_mid_run_cost_no_more_than_what_was_under_way() -> None:
    service = Service(lambda _: 0.2, lambda one, number: good(one) if number < 100 else DENIED)
    rig: list[Rig] = []

    async def main() -> None:
        rig.append(Rig(service))
        await rig[0].fetch(400)

    with pytest.raises(CredentialsRefused):
        run_virtually(main())
    assert len(service.asked) <= 100 + 16 + 4, "one was asked again, and a campaign known to be there"
    assert len(rig[0].outcomes) == 100, "what was answered before is kept"
    (stopping,) = [event for event in rig[0].events if isinstance(event, Stopping)]
    assert "\n" not in stopping.why
