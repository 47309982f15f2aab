"""`exporter.fetch.service_health`: IDs that always fail are told from a service that does, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, cast

import pytest

from exporter.api.endpoints import HttpResponse, Verdict
from exporter.events import ignore
from exporter.fetch.client import Client, Exchange
from exporter.fetch.service_health import ServiceHealth
from exporter.fetch.worker_pool import WorkerPool
from exporter.model import CampaignResponse, Failure
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.slots import MemorySlots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.stop import Stop
from tests.support.virtual_time import VirtualClock, run_virtually


class Service:
    """Answers every campaign well but `bad` ones, and none while it is `down` (from, until)."""

    def __init__(self, bad: set[str], down: tuple[float, float] = (0.0, 0.0)) -> None:
        self.clock = VirtualClock()
        self.meter = UsageMeter(self.clock)
        self.limiter = Limiter(
            (), slots=MemorySlots(self.clock), clock=self.clock, emit=ignore, meter=self.meter, patience=900.0
        )
        self.sending: set[asyncio.Task[Any]] = set()
        self.bad = bad
        self.down = down
        self.asked: list[str] = []

    async def campaign(self, campaign_id: str, *, may_probe: bool = False) -> Exchange:
        async with self.limiter.acquire(may_probe=may_probe) as permit:
            permit.sent()
            self.asked.append(campaign_id)
            await self.clock.sleep(0.05)
            if campaign_id in self.bad or self.down[0] <= self.clock.monotonic() < self.down[1]:
                permit.failing(campaign_id, "HTTP 500", answered=True)
                return Exchange(Verdict("retry", "HTTP 500"), HttpResponse(500, b""), permit.granted_at)
            permit.ok()
            return Exchange(Verdict("good", text="{}"), HttpResponse(200, b"{}"), permit.granted_at)

    async def fetch(self, ids: list[str], *, canary: str | None = None) -> dict[str, str]:
        outcomes: dict[str, str] = {}

        async def sink(outcome: CampaignResponse | Failure, attempts: int) -> None:
            outcomes[outcome.campaign_id] = outcome.outcome if isinstance(outcome, Failure) else "ok"

        client = cast(Client, self)
        health = ServiceHealth(client, retry=RetryPolicy(attempts=5, random=Random(2)), clock=self.clock, canary=canary)
        pool = WorkerPool(client, health, meter=self.meter, clock=self.clock, emit=ignore, workers=16, grace=10.0)
        await pool.run(iter(ids), sink, Stop())
        return outcomes


GOOD = [f"cd-{number}" for number in range(60)]
BAD = [f"bad-{number}" for number in range(20)]


@pytest.mark.parametrize("bad", [3, 5, 20])
def test_ids_that_always_fail_are_no_outage_though_nothing_else_is_left_to_ask_for(bad: int) -> None:
    async def main() -> None:
        service = Service(set(BAD))
        began = service.clock.monotonic()
        outcomes = await service.fetch([*GOOD, *BAD[:bad]])
        assert [outcomes[one] for one in BAD[:bad]] == ["failed"] * bad
        assert all(outcomes[one] == "ok" for one in GOOD)
        assert service.clock.monotonic() - began < 600

    run_virtually(main())


def test_tried_again_alone_they_fail_again_and_the_run_ends() -> None:
    """As the command does after exit 1: only what failed is asked for, and one campaign is known to be there."""

    async def main() -> None:
        service = Service(set(BAD))
        outcomes = await service.fetch(BAD[:5], canary="cd-1")
        assert set(outcomes.values()) == {"failed"}
        assert all(service.asked.count(one) >= 5 for one in BAD[:5])

    run_virtually(main())


@pytest.mark.parametrize("canary", [None, "cd-1"])
def test_an_outage_with_bad_ids_at_the_end_costs_no_good_campaign(canary: str | None) -> None:
    async def main() -> None:
        service = Service(set(BAD), down=(1000.02, 1400.0))
        outcomes = await service.fetch([*GOOD, *BAD[:5]], canary=canary)
        assert {one for one, outcome in outcomes.items() if outcome == "failed"} == set(BAD[:5])
        assert len(outcomes) == 65

    run_virtually(main())
