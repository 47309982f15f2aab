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
from exporter.errors import ExportError, exhausted
from exporter.events import Emit, Event, Spent
from exporter.model import Usage
from exporter.pipeline.job_description import ExportJob
from exporter.pipeline.take_snapshot import take_snapshot
from exporter.snapshot_store.manifest import Manifest
from exporter.stop import Stop


class AccountResult(msgspec.Struct, frozen=True):
    """How it went. `manifest`: of the snapshot that was published, or stays; `error`: why there is none.

    `complete`: every ID has its campaign, or is known not to exist where that is no failure.
    """

    name: str
    manifest: Manifest | None = None
    where: str | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    error: ExportError | None = None
    complete: bool = True


async def run_account(name: str, job: ExportJob, *, emit: Emit, stop: Stop) -> AccountResult:
    """Take the snapshot of one account; an `ExportError` becomes a result."""
    began = time.monotonic()
    usage = Usage()

    def listen(event: Event) -> None:
        nonlocal usage
        if isinstance(event, Spent):
            usage = event.usage
        emit(event)

    def result(**values: Any) -> AccountResult:
        return AccountResult(name, usage=usage, seconds=round(time.monotonic() - began, 3), **values)

    try:
        taken = await take_snapshot(job, clock=SystemClock(), emit=listen, stop=stop)
    except ExportError as error:
        return result(error=error)
    return result(manifest=taken.manifest, where=taken.where, complete=taken.complete)


def fault_of(name: str, error: BaseException) -> AccountResult:
    """The result of an account on which the program itself failed, or the machine."""
    out_of_room = exhausted(error)
    if out_of_room is not None:
        return AccountResult(name, error=out_of_room)
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
