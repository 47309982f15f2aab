"""Work in a thread that never outlives its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from exporter.errors import Cancelled
from exporter.stop import Stop

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def in_thread(
    stop: Stop, work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """As `asyncio.to_thread`; but when the caller is cancelled, `stop` is asked, and the end of the work awaited.

    So nothing goes on in a thread after the lock is given back.
    """
    working = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.ask(Cancelled("the task was cancelled. The same call resumes."))
        while not working.done():
            try:
                await asyncio.wait({working})
            except asyncio.CancelledError:
                continue  # cancelled once more: the thread cannot be stopped faster
        working.exception()  # it was asked to stop: how it ended is of no interest
        raise
