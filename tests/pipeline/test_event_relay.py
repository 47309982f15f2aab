"""`exporter.pipeline.event_relay`: a listener that raises is reported once, and the work goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.errors import InputError
from exporter.events import Event, Probing, Resumed, Warned
from exporter.pipeline.event_relay import EventRelay, guarded


def test_a_listener_that_raises_is_reported_once_and_gets_all_events(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Event] = []

    def listener(event: Event) -> None:
        seen.append(event)
        raise ValueError("a fault of mine")

    log = EventRelay(listener, clock=SystemClock())
    events = [Probing("outage"), Warned("one"), Warned("two")]
    for event in events:
        log.emit(event)
    assert seen == events
    assert len(caplog.records) == 1
    assert log.warnings == ("the listener of events raised ValueError: a fault of mine. The work goes on", "one", "two")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unspeakable(), "raised Unspeakable: its text cannot be shown. The work goes on"),
        (asyncio.CancelledError("of a future"), "raised CancelledError: of a future. The work goes on"),
        (OSError("\x1b[2Jred\nline"), "raised OSError: [2Jred. The work goes on"),
    ],
)
def test_whatever_a_listener_raises_is_one_line_and_the_work_goes_on(error: BaseException, told: str) -> None:
    def listener(event: Event) -> None:
        raise error

    log = EventRelay(listener, clock=SystemClock())
    log.emit(Probing("outage"))
    assert log.warnings == (f"the listener of events {told}",)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes_a_listener(kind: type[BaseException]) -> None:
    def listener(event: Event) -> None:
        raise kind

    with pytest.raises(kind):
        guarded(listener)(Probing("outage"))


class AsyncCallable:
    async def __call__(self, event: Event) -> None: ...


async def coroutine_function(event: Event) -> None: ...


@pytest.mark.parametrize("listener", [coroutine_function, AsyncCallable(), partial(coroutine_function)])
def test_a_coroutine_function_is_refused_at_once(listener: Any) -> None:
    with pytest.raises(InputError, match="plain function"):
        guarded(listener)


def test_a_coroutine_that_a_plain_function_returns_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    emit = guarded(lambda event: coroutine_function(event))
    emit(Probing("outage"))
    emit(Probing("outage"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "coroutine" in caplog.text


async def test_events_of_threads_come_in_the_loop_and_their_warnings_are_kept_at_once() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    log = EventRelay(lambda event: loops.append(asyncio.get_running_loop()), clock=SystemClock(), in_loop=True)

    def work() -> tuple[str, ...]:
        log.emit(Warned("from a thread"))
        return log.warnings

    assert await asyncio.to_thread(work) == ("from a thread",)
    await asyncio.sleep(0)
    assert loops == [asyncio.get_running_loop()]


def test_a_warning_about_a_file_whose_name_is_no_text_can_be_written_into_the_manifest() -> None:
    log = EventRelay(lambda event: None, clock=SystemClock())
    log.emit(Warned("the ledger h\udcff was damaged"))
    assert log.warnings == ("the ledger h\\udcff was damaged",)


def test_what_earlier_attempts_kept_comes_first_and_nothing_twice() -> None:
    log = EventRelay(lambda event: None, clock=SystemClock())
    log.emit(Warned("b"))
    log.emit(Resumed("outage", 3.0))
    log.resume(("a", "b"), ())
    log.emit(Warned("a"))
    assert log.warnings == ("a", "b")
    assert [pause.seconds for pause in log.pauses] == [3.0]
