"""Running a job's coroutine so that a signal ends it in order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

from exporter.errors import Interrupted
from jobs.support.exit_codes import signal_code
from jobs.support.lazy_imports import lazy_imports

with lazy_imports(__name__):
    import asyncio

    from exporter.stop import Stop

Result = TypeVar("Result")

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""End the program, as SIGINT does."""

LOOP_FILES = 10
"""Files that an event loop opens for itself."""


@contextmanager
def handling_signals(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], Any]
) -> Iterator[None]:
    """Handle signals within the block, and give them back to their former handlers after it.

    Only the main thread can handle signals; in another one nothing is changed. A signal that is ignored stays so:
    that is how `nohup` keeps a program alive.
    """
    mine = threading.current_thread() is threading.main_thread()
    taken = [number for number in numbers if mine and signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def run_until_stopped(job: Callable[[Stop], Coroutine[Any, Any, Result]], *, resumes: bool) -> Result:
    """Run `job` to its end; SIGINT, SIGTERM and SIGHUP ask its `Stop`. `resumes`: whether it goes on when run again.

    A second signal of the same kind ends the program at once, as people expect of a second Ctrl-C.
    """
    kept = ". Nothing was published, nothing fetched is lost; the same command resumes." if resumes else "."

    stop = Stop()
    runner = new_runner()
    loop = runner.get_loop()

    def ask(number: int, frame: object) -> None:
        # Not SIG_DFL: the first process of a container would ignore the second signal.
        signal.signal(number, lambda number, frame: os._exit(signal_code(number)))
        with suppress(RuntimeError):  # the loop is closed: the job has ended
            loop.call_soon_threadsafe(stop.ask, interrupted(number, kept))

    # Until the loop is closed: what another handler raises meanwhile would leave it half-closed.
    with handling_signals((signal.SIGINT, *SIGNALS), ask), runner:
        return runner.run(job(stop))


def interrupted(number: int, outcome: str) -> Interrupted:
    """What a signal ends a run with. `outcome`: what becomes of the work."""
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    return Interrupted(f"stopped by {name}{outcome}", signal_number=number)


class StoppedNow(SystemExit):
    """A signal ends the program where there is no event loop. `error`: what to say of it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal_code(number))
        self.error = interrupted(number, ".")


def stop_now(number: int, frame: object) -> NoReturn:
    """Handle a signal where there is no event loop. It prints nothing: a line may be half written just now."""
    raise StoppedNow(number)


def new_runner() -> asyncio.Runner:
    """What a job runs in: uvloop's loop, where that is installed. Raises `OSError` where too many files are open."""
    # A loop that finds no room half-way through its making raises something else, and prints what nobody understands.
    with ExitStack() as opened:
        for _ in range(LOOP_FILES):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    with suppress(ImportError):
        import uvloop

        return asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return asyncio.Runner()
