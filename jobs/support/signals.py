"""Running a job's coroutine so that signals and the time limit end it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from exporter.errors import Interrupted, TimeIsUp
from exporter.units import format_duration

if TYPE_CHECKING:
    from exporter.stop import Stop

Result = TypeVar("Result")


def run_until_stopped(
    job: Callable[[Stop], Coroutine[Any, Any, Result]], *, max_duration: float | None = None
) -> Result:
    """Run `job` to its end; SIGINT, SIGTERM and `max_duration` (seconds) ask its `Stop`.

    A second signal of the same kind ends the program at once, as people expect of a second Ctrl-C.
    """
    from exporter.stop import Stop

    async def main() -> Result:
        stop = Stop()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _ask, stop, number, loop)
        if max_duration is not None:
            said = format_duration(max_duration)
            loop.call_later(
                max_duration,
                stop.ask,
                TimeIsUp(f"--max-duration {said} has passed: no new request. The same command resumes."),
            )
        return await job(stop)

    with new_runner() as runner:
        return runner.run(main())


def _ask(stop: Stop, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    stop.ask(
        Interrupted(
            f"stopped by {name}. Nothing was published, nothing fetched is lost; the same command resumes.",
            signal_number=number,
        )
    )
    loop.remove_signal_handler(number)
    if number == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def new_runner() -> asyncio.Runner:
    """What a job runs in: uvloop's loop, where that is installed."""
    with suppress(ImportError):
        import uvloop

        return asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return asyncio.Runner()
