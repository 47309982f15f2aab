"""Running a job's coroutine so that signals and the time limit end it in order."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from exporter.errors import Interrupted, TimeIsUp
from exporter.units import format_duration

if TYPE_CHECKING:
    from exporter.pipeline.stop import Stop

Result = TypeVar("Result")

COLLECT_AFTER = 50_000
"""New objects after which Python looks for garbage in circles."""


def run_until_stopped(
    job: Callable[[Stop], Coroutine[Any, Any, Result]], *, max_duration: float | None = None
) -> Result:
    """Run `job` to its end; SIGINT, SIGTERM and `max_duration` (seconds) ask its `Stop`.

    A second signal of the same kind ends the program at once, as people expect of a second Ctrl-C.
    """
    from exporter.pipeline.stop import Stop

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

    with collecting_seldom(), new_runner() as runner:
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


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Let Python look for circles of garbage less often than after each 700 new objects.

    What is new in a run are answers on their way into the journal, which are no garbage: looking at them again and
    again takes a thirtieth of a run without a limit.
    """
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def new_runner() -> asyncio.Runner:
    """What a job runs in: uvloop's loop, where that is installed."""
    with suppress(ImportError):
        import uvloop

        return asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return asyncio.Runner()
