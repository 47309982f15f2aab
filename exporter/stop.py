"""How a run is asked to end early: by a signal, a time limit or its caller. Safe to use from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from exporter.errors import StoppedEarly, TimeIsUp
from exporter.units import format_duration

Result = TypeVar("Result")


class Stop:
    """Set once, with the error that the run will end with."""

    def __init__(self) -> None:
        self.reason: StoppedEarly | None = None
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[StoppedEarly], None]] = []

    def ask(self, reason: StoppedEarly) -> None:
        """Ask the run to end. The first reason counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback(reason)

    async def wait(self) -> StoppedEarly:
        """Wait until the run is asked to end."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def wake(_: StoppedEarly) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(asked.set)

        with self._calling(wake):
            await asked.wait()
        assert self.reason is not None  # noqa: S101 - set before the callbacks
        return self.reason

    async def interrupting(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which is cancelled when the run is asked to end. Raises the reason then."""
        task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise stopping.result()
        finally:
            task.cancel()
            stopping.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    def check(self) -> None:
        """Raise the reason, if there is one: for work that runs in a thread, between two steps."""
        if self.reason is not None:
            raise self.reason

    @contextmanager
    def child(self) -> Iterator[Stop]:
        """A stop that is asked when this one is, and can be asked alone."""
        own = Stop()
        with self._calling(own.ask):
            yield own

    @contextmanager
    def after(self, seconds: float | None, then: str = "") -> Iterator[None]:
        """Ask when `--max-duration` has passed; None: never. `then`: what to do. For use in an event loop."""
        if seconds is None:
            yield
            return
        reason = TimeIsUp(f"--max-duration {format_duration(seconds)} has passed: no new request. {then}".rstrip())
        timer = asyncio.get_running_loop().call_later(seconds, self.ask, reason)
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def _calling(self, callback: Callable[[StoppedEarly], None]) -> Iterator[None]:
        with self._lock:
            self._callbacks.append(callback)
            reason = self.reason
        if reason is not None:
            callback(reason)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
