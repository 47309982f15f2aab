"""Events on their way to who listens. Telling never ends the work: a listener that raises is reported once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine

from exporter.blocking_calls import in_this_loop
from exporter.clock import Clock, to_milliseconds
from exporter.errors import InputError
from exporter.events import Emit, Event, Resumed, Warned
from exporter.journal.run_checkpoint import MOST_PAUSES
from exporter.model import Pause
from exporter.snapshot_store.manifest import iso
from exporter.text import error_line, storable

_log = logging.getLogger("exporter")


def guarded(listener: Callable[[Event], object], *, report: Callable[[str], None] | None = None) -> Emit:
    """`listener`, whose errors go no further: the first one is logged and given to `report`.

    Raises `InputError` for a coroutine function: events come from the middle of the work, which cannot wait.
    """
    if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(getattr(listener, "__call__", None)):  # noqa: B004
        raise InputError("on_event must be a plain function: put the event into an asyncio.Queue there, and await it "
                         "in a task of your own.")  # fmt: skip
    reported = False

    def emit(event: Event) -> None:
        nonlocal reported
        try:
            result = listener(event)
            if isinstance(result, Coroutine):
                result.close()
                raise TypeError("it returned a coroutine, which nobody awaits")
        # Whatever a listener does, the work goes on. A cancellation that it raises (of a future that it looked at) is
        # never that of the run: that one comes where the run waits, and here nothing waits.
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            if reported:
                return
            reported = True
            text = f"the listener of events raised {type(error).__name__}: {_said(error)}. The work goes on"
            _log.warning(text, exc_info=True)
            if report is not None:
                report(text)

    return emit


def _said(error: BaseException) -> str:
    try:
        return error_line(error)
    except Exception:  # noqa: BLE001 - the class is the listener's, too
        return "its text cannot be shown"


class EventRelay:
    """Hands events on, and keeps what the manifest repeats: warnings and pauses.

    `in_loop`: the listener is called in the running event loop, whatever thread an event comes from.
    """

    def __init__(self, listener: Callable[[Event], object], *, clock: Clock, in_loop: bool = False) -> None:
        emit = guarded(listener, report=self._keep_warning)
        self._emit = in_this_loop(emit) if in_loop else emit
        self._clock = clock
        self.warnings: tuple[str, ...] = ()
        self.pauses: tuple[Pause, ...] = ()

    def resume(self, warnings: tuple[str, ...], pauses: tuple[Pause, ...]) -> None:
        """Put what earlier attempts of the run kept before what this one has so far."""
        self.warnings = (*warnings, *(text for text in self.warnings if text not in warnings))
        self.pauses = (*pauses, *self.pauses)

    def emit(self, event: Event) -> None:
        """Hand an event on."""
        if isinstance(event, Warned):
            self._keep_warning(event.message)
        if isinstance(event, Resumed) and len(self.pauses) < MOST_PAUSES:
            began = to_milliseconds(self._clock.now() - event.paused)
            self.pauses = (*self.pauses, Pause(iso(began), round(event.paused, 3), event.why))
        self._emit(event)

    def _keep_warning(self, text: str) -> None:
        text = storable(text)
        if text not in self.warnings:
            self.warnings = (*self.warnings, text)
