"""A thread for calls that may block for long and must not hold up the event loop or the program's exit; its events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from exporter.events import Emit, Event

Result = TypeVar("Result")


def in_this_loop(emit: Emit) -> Emit:
    """`emit`, called in the running event loop also for what happens in a thread."""
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def emit_in_loop(event: Event) -> None:
        if threading.get_ident() == thread:
            emit(event)
            return
        with suppress(RuntimeError):  # the loop has ended: nobody listens any more
            loop.call_soon_threadsafe(emit, event)

    return emit_in_loop


class BackgroundThread:
    """Runs calls one after the other, in their order, in a daemon thread.

    The event loop's own threads are waited for when the program ends; a name server or a disk that hangs would hold it
    up for minutes.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._error: BaseException | None = None
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, call: Callable[[], object]) -> None:
        """Run `call` after those before it. Nobody waits for it: what it raises, the next `run` raises."""
        self._calls.put(call)

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """The result of `function`, which runs when the calls before it have ended.

        Raises what it raises, or what a call before it has raised that nobody waited for; then it does not run.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()

        def call() -> None:
            try:
                earlier, self._error = self._error, None
                if earlier is not None:
                    raise earlier
                value = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                hand_over(result.set_exception, error)
            else:
                hand_over(result.set_result, value)

        def hand_over(setter: Callable[[Any], None], value: object) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(lambda: None if result.done() else setter(value))

        self.submit(call)
        return await result

    def close(self) -> None:
        """End the thread when all calls are done, without waiting for it."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - the thread goes on: all later calls would wait for ever
                self._error = error
