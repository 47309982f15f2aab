"""What sends requests for one account, put together once for every command.

worker pool, list pass -> client -> limiter (circuit breaker, pause, slot) -> HTTP
                                    each request with a token of its own
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import msgspec

from exporter.api.auth import TokenSource
from exporter.api.endpoints import CampaignApi
from exporter.api.http import HttpTransport
from exporter.clock import Clock
from exporter.events import Emit
from exporter.fetch.client import Client
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


@asynccontextmanager
async def open_engine(settings: Settings, options: FetchOptions, *, clock: Clock, emit: Emit) -> AsyncIterator[Engine]:
    """Connections, tokens and limiter of one account; closed at the end."""
    slots = LedgerSlots(options.ledger, clock=clock, emit=emit) if options.ledger and options.rates else Slots(clock)
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
        api=CampaignApi(settings.identity, settings.app_id),
        tokens=TokenSource(settings.credentials, clock=clock),
        transport=transport,
        limiter=limiter,
        meter=meter,
        clock=clock,
        emit=emit,
    )
    retry = RetryPolicy(attempts=options.attempts, random=Random())  # noqa: S311 - jitter
    try:
        async with transport:
            yield Engine(client, limiter, meter, retry, clock, emit, options)
    finally:
        await slots.close()
