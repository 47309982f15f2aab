"""`exporter.clock`: waiting, in virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest

from exporter.clock import wait_at_most
from tests.support.virtual_time import run_virtually


@pytest.mark.parametrize(
    ("seconds", "set_after", "waited"),
    [(5.0, None, 5.0), (0.0, None, 0.0), (5.0, 2.0, 2.0), (math.inf, 7200.0, 7200.0), (5.0, 9.0, 5.0)],
)
def test_waiting_ends_with_the_event_or_with_the_time(seconds: float, set_after: float | None, waited: float) -> None:
    async def main() -> float:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        if set_after is not None:
            loop.call_later(set_after, event.set)
        began = loop.time()
        await wait_at_most(seconds, event)
        return loop.time() - began

    assert run_virtually(main()) == pytest.approx(waited)


def test_who_waits_can_be_cancelled() -> None:
    async def main() -> bool:
        waiting = asyncio.create_task(wait_at_most(5.0, asyncio.Event()))
        await asyncio.sleep(1.0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return waiting.cancelled()

    assert run_virtually(main())
