"""`exporter.stop`: a stop that any thread asks for, and `--max-duration`."""

from __future__ import annotations

import asyncio
import threading

import pytest

from exporter.errors import Interrupted, StoppedEarly, TimeIsUp
from exporter.stop import Stop
from tests.support.virtual_time import run_virtually


async def test_a_stop_that_another_thread_asks_is_seen_at_once() -> None:
    stop, reason = Stop(), TimeIsUp("enough")
    thread = threading.Thread(target=stop.ask, args=(reason,))
    asyncio.get_running_loop().call_soon(thread.start)
    assert await asyncio.wait_for(stop.wait(), 10) is reason
    thread.join()


async def test_what_was_asked_before_anybody_waits_is_not_lost() -> None:
    stop, reason = Stop(), TimeIsUp("enough")
    stop.ask(reason)
    assert await stop.wait() is reason
    with pytest.raises(TimeIsUp):
        stop.check()


def test_the_first_reason_counts_whatever_threads_ask() -> None:
    stop = Stop()
    reasons = [StoppedEarly(str(number)) for number in range(20)]
    threads = [threading.Thread(target=stop.ask, args=(reason,)) for reason in reasons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = stop.reason
    stop.ask(StoppedEarly("late"))
    assert stop.reason is first
    assert first in reasons


def test_a_waiter_whose_loop_is_closed_does_no_harm() -> None:
    stop = Stop()

    async def wait_a_moment() -> None:
        waiting = asyncio.create_task(stop.wait())
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(wait_a_moment())
    stop.ask(TimeIsUp("enough"))
    assert stop.reason is not None


def test_a_child_is_asked_with_its_parent_and_can_be_asked_alone() -> None:
    parent = Stop()
    with parent.child() as first, parent.child() as second:
        first.ask(TimeIsUp("only this one"))
        assert (parent.reason, second.reason) == (None, None)
        reason = Interrupted("all", signal_number=15)
        parent.ask(reason)
        assert second.reason is reason
        assert isinstance(first.reason, TimeIsUp)
    with parent.child() as late:
        assert late.reason is reason


def test_max_duration_asks_when_it_has_passed_and_not_after_its_block() -> None:
    async def main() -> None:
        stop = Stop()
        with stop.after(5.0):
            await asyncio.sleep(4.9)
        await asyncio.sleep(10)
        assert stop.reason is None
        with stop.after(5.0):
            await stop.wait()
        assert "--max-duration 5.0 s has passed" in str(stop.reason)

    run_virtually(main())
