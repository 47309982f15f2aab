"""Snapshots of many accounts, side by side in one process.

Each account has its own limit at the service, and so its own gate, ledger, journal and destination; what happens to one
never touches another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from exporter.clock import SystemClock
from exporter.errors import ExportError
from exporter.events import Emit
from exporter.ids import CampaignIds
from exporter.pipeline.snapshot import take_snapshot
from exporter.pipeline.stop import Stop
from exporter.run_options import FetchOptions, Place, SnapshotOptions
from exporter.settings import Settings


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a fleet, ready to run."""

    name: str
    settings: Settings
    ids: CampaignIds | None
    place: Place
    fetch: FetchOptions
    options: SnapshotOptions


@dataclass(frozen=True, slots=True)
class AccountResult:
    """How it went. `error`: the error's class and text, empty when a snapshot was published."""

    name: str
    snapshot_id: str | None = None
    where: str | None = None
    ok: int = 0
    failed: int = 0
    not_found: int = 0
    requests: int = 0
    seconds: float = 0.0
    error: ExportError | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain values; the error as its text."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "error"}
        return {**plain, "error": str(self.error) if self.error is not None else None}


async def run_account(account: Account, *, emit: Emit, stop: Stop) -> AccountResult:
    """Take the snapshot of one account; an `ExportError` becomes a result."""
    began = time.monotonic()
    try:
        result = await take_snapshot(
            account.ids,
            settings=account.settings,
            place=account.place,
            fetch=account.fetch,
            options=account.options,
            clock=SystemClock(),
            emit=emit,
            stop=stop,
        )
    except ExportError as error:
        return AccountResult(account.name, seconds=round(time.monotonic() - began, 3), error=error)
    counts = result.manifest.counts
    return AccountResult(
        account.name,
        snapshot_id=result.manifest.snapshot_id,
        where=result.where,
        ok=counts.ok,
        failed=counts.failed + counts.invalid,
        not_found=counts.not_found,
        requests=result.manifest.requests.total,
        seconds=round(time.monotonic() - began, 3),
    )


async def run_side_by_side(
    names: Sequence[str],
    run_one: Callable[[str, Stop], Awaitable[AccountResult]],
    *,
    parallel: int,
    stop: Stop,
) -> list[AccountResult]:
    """Run all accounts, `parallel` at a time, in their order. A stop reaches every one that runs; no more begin."""
    places = asyncio.Semaphore(parallel)
    stops: dict[str, Stop] = {}

    async def one(name: str) -> AccountResult:
        async with places:
            own = stops.setdefault(name, Stop())
            if stop.reason is not None:
                return AccountResult(name, error=stop.reason)
            return await run_one(name, own)

    async def pass_on() -> None:
        reason = await stop.wait()
        for name in names:
            stops.setdefault(name, Stop()).ask(reason)

    passing = asyncio.create_task(pass_on())
    try:
        return list(await asyncio.gather(*(one(name) for name in names)))
    finally:
        passing.cancel()
