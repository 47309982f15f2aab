"""The fetching half of the house, put together once for every command that sends requests.

pool -> limiter (pause, then a slot) -> transport
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
from exporter.fetch.worker_pool import WorkerPool
from exporter.options import FetchOptions
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.retry import RetryPolicy
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.settings import Settings

UNLIMITED_WINDOW = 60.0
"""Seconds of the window in which requests are counted where there is no limit."""


class Engine(msgspec.Struct, frozen=True):
    """What sends requests for one account."""

    client: Client
    limiter: Limiter
    meter: UsageMeter
    retry: RetryPolicy
    clock: Clock
    emit: Emit
    options: FetchOptions

    def pool(self, canary: str | None = None) -> WorkerPool:
        """A worker pool. `canary`: an ID that was fetched before, to tell an outage from a bad ID."""
        return WorkerPool(
            self.client,
            meter=self.meter,
            retry=self.retry,
            clock=self.clock,
            emit=self.emit,
            workers=self.options.workers,
            grace=self.options.grace,
            canary=canary,
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
    """Connections, tokens and pacing for one account; closed at the end."""
    random = random or randomness.Random()  # noqa: S311 - jitter, no secret
    ledger = Ledger.open(options.ledger, clock=clock, emit=emit) if options.ledger and options.rates else None
    meter = UsageMeter(clock, window=min((limit.seconds for limit in options.rates), default=UNLIMITED_WINDOW))
    limiter = Limiter(
        options.rates,
        clock=clock,
        emit=emit,
        random=random,
        meter=meter,
        ledger=ledger,
        share=options.rate_share,
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
        clock=clock,
    )
    retry = RetryPolicy(attempts=options.attempts, random=random)
    try:
        async with transport:
            yield Engine(client, limiter, meter, retry, clock, emit, options)
    finally:
        if ledger is not None:
            ledger.close()
