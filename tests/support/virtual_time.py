"""Virtual time: an event loop that never waits, so that hours of quota take milliseconds."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from exporter.blocking_calls import BackgroundThread

Result = TypeVar("Result")

EPOCH = 1_780_000_000.0


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time jumps to the next thing to do. For code without sockets or threads."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        # What is due a hair later must not come early: asked whether it is due, it would be no, for ever.
        self._clock_resolution = math.ulp(self._virtual.now)
        return self._virtual.now


class VirtualClock:
    """The clock of a `VirtualLoop`."""

    def __init__(self) -> None:
        self.wall_offset = EPOCH

    def now(self) -> float:
        return self.monotonic() + self.wall_offset

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class InlineThread(BackgroundThread):
    """A background thread that is none: its calls run at once, so that virtual time need not wait for a real thread."""

    def __init__(self) -> None:
        super().__init__("unused")
        self.close()

    def submit(self, call: Callable[[], object]) -> None:
        call()

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return function(*arguments)


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.wall_offset = EPOCH

    def now(self) -> float:
        return self.time + self.wall_offset

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
