"""Snapshots of many accounts, side by side in one process.

Each account has its own limit at the service, and so its own limiter, ledger, journal and destination. What happens to
one never touches another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from exporter.clock import SystemClock
from exporter.errors import ExportError
from exporter.events import Emit
from exporter.ids.campaign_ids import CampaignIds
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.pipeline.snapshot import take_snapshot
from exporter.settings import Settings
from exporter.stop import Stop


class Account(msgspec.Struct, frozen=True):
    """One account of a fleet, ready to run."""

    name: str
    settings: Settings
    ids: CampaignIds | None
    locations: Locations
    fetch: FetchOptions
    options: SnapshotOptions


class AccountResult(msgspec.Struct, frozen=True):
    """How it went. `error`: why nothing was published; None: a snapshot was. `complete`: every ID has its campaign, or
    is known not to exist where that is no failure.
    """

    name: str
    snapshot_id: str | None = None
    where: str | None = None
    ok: int = 0
    failed: int = 0
    not_found: int = 0
    requests: int = 0
    seconds: float = 0.0
    error: ExportError | None = None
    complete: bool = True

    def as_dict(self) -> dict[str, Any]:
        """As plain values; the error as its text."""
        plain = {name: value for name, value in msgspec.structs.asdict(self).items() if name not in _NOT_PLAIN}
        return {**plain, "error": str(self.error) if self.error is not None else None}


_NOT_PLAIN = ("error", "complete")


async def run_account(account: Account, *, emit: Emit, stop: Stop) -> AccountResult:
    """Take the snapshot of one account; an `ExportError` becomes a result."""
    began = time.monotonic()
    try:
        result = await take_snapshot(
            account.ids,
            settings=account.settings,
            locations=account.locations,
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
        complete=result.complete,
    )


def fault_of(name: str, error: BaseException) -> AccountResult:
    """The result of an account on which the program itself failed."""
    message = f"a fault of the program itself: {type(error).__name__}: {error}. Please report it."
    return AccountResult(name, error=ExportError(message))


async def run_side_by_side(
    names: Sequence[str],
    run_one: Callable[[str, Stop], Awaitable[AccountResult]],
    *,
    parallel: int,
    stop: Stop,
) -> list[AccountResult]:
    """Run all accounts, `parallel` at a time, in their order. A stop reaches every one that runs; no more begin."""
    slots = asyncio.Semaphore(parallel)

    async def run_when_free(name: str) -> AccountResult:
        async with slots:
            if stop.reason is not None:
                return AccountResult(name, error=stop.reason)
            try:
                with stop.child() as own:
                    return await run_one(name, own)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other accounts go on
                return fault_of(name, error)

    return list(await asyncio.gather(*(run_when_free(name) for name in names)))
