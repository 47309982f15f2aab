"""What sends requests for one account, put together once for every command.

worker pool, list pass -> client -> limiter (circuit breaker, pause, slot) -> HTTP
                                    each request with a token of its own
"""

from __future__ import annotations

import random as randomness
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from exporter._version import __version__
from exporter.api.auth import TokenSource
from exporter.api.endpoints import CampaignApi
from exporter.api.http import HttpTransport
from exporter.clock import Clock
from exporter.events import Emit
from exporter.fetch.client import Client
from exporter.fetch.service_health import ServiceHealth
from exporter.fetch.worker_pool import WorkerPool
from exporter.options import FetchOptions
from exporter.ratelimit.estimate import shared
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.slot_backends import LedgerSlots, Slots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.settings import Settings


class Engine(msgspec.Struct, frozen=True):
    """What sends requests for one account."""

    client: Client
    limiter: Limiter
    meter: UsageMeter
    retry: RetryPolicy
    clock: Clock
    emit: Emit
    options: FetchOptions

    def pool(self, requests: int, *, canary: str | None = None) -> WorkerPool:
        """A worker pool for `requests` IDs.

        `canary`: an ID that was fetched before, so that an outage is not taken for a bad ID.
        """
        self.limiter.expect(self.meter.usage().requests.total + requests)
        return WorkerPool(
            self.client,
            ServiceHealth(self.client, retry=self.retry, clock=self.clock, canary=canary),
            meter=self.meter,
            clock=self.clock,
            emit=self.emit,
            workers=self.options.workers,
            grace=self.options.grace,
        )


@asynccontextmanager
async def open_engine(
    settings: Settings,
    options: FetchOptions,
    *,
    clock: Clock,
    emit: Emit,
    random: randomness.Random | None = None,
) -> AsyncIterator[Engine]:
    """Connections, tokens and limiter of one account; closed at the end."""
    slots = choose_slots(options, clock=clock, emit=emit)
    meter = UsageMeter(clock)
    limiter = Limiter(
        shared(options.rates, options.rate_share),
        slots=slots,
        clock=clock,
        emit=emit,
        meter=meter,
        pace=options.pace,
        patience=options.patience,
    )
    transport = HttpTransport(
        timeout=options.timeout,
        max_body=options.max_body,
        connections=options.workers,
        proxy=settings.proxy,
        ca_file=settings.ca_file,
    )
    client = Client(
        api=CampaignApi(
            host=settings.host,
            stream_id=settings.stream_id,
            account_id=settings.account_id,
            app_id=settings.app_id,
            version=settings.api,
            user_agent=f"campaign-export/{__version__}",
        ),
        tokens=TokenSource(settings.credentials, clock=clock),
        transport=transport,
        limiter=limiter,
        meter=meter,
        clock=clock,
        emit=emit,
    )
    retry = RetryPolicy(attempts=options.attempts, random=random or randomness.Random())  # noqa: S311 - jitter
    try:
        async with transport:
            yield Engine(client, limiter, meter, retry, clock, emit, options)
    finally:
        await slots.close()


def choose_slots(options: FetchOptions, *, clock: Clock, emit: Emit) -> Slots:
    """Slots shared by the ledger, or in memory."""
    if options.ledger and options.rates:
        return LedgerSlots(options.ledger, clock=clock, emit=emit)
    return Slots(clock)
