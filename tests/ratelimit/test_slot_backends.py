"""`exporter.ratelimit.slot_backends`: slots of the ledger, taken without holding up the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.blocking_calls import BackgroundThread
from exporter.clock import SystemClock
from exporter.events import Event
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Wait
from exporter.ratelimit.slot_backends import LONGEST_CLOSE, LedgerSlots
from exporter.units import Limit
from tests.support.virtual_time import InlineThread, Result, run_virtually

TWO = (Limit(2, 600.0),)


def slots_of(path: Path, events: list[Event] | None = None, thread: BackgroundThread | None = None) -> LedgerSlots:
    told = events if events is not None else []
    return LedgerSlots(path, clock=SystemClock(), emit=told.append, thread=thread)


def rows_in(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute("SELECT given_up, released FROM slots ORDER BY id"))


async def test_slots_are_shared_through_the_file(tmp_path: Path) -> None:
    first, second = slots_of(tmp_path / "l"), slots_of(tmp_path / "l")
    assert not isinstance(await first.acquire(TWO, probe=False), Wait)
    slot = await second.acquire(TWO, probe=False)
    assert not isinstance(slot, Wait)
    assert isinstance(await first.acquire(TWO, probe=False), Wait)
    second.release(slot, "not_sent")
    await second.close()
    assert not isinstance(await first.acquire(TWO, probe=False), Wait)
    await first.close()


async def test_requests_under_way_at_the_end_are_given_up(tmp_path: Path) -> None:
    slots = slots_of(tmp_path / "l", thread=InlineThread())
    assert not isinstance(await slots.acquire(TWO, probe=False), Wait)
    await slots.close()
    ((given_up, released),) = rows_in(tmp_path / "l")
    assert (given_up, released) == (1, None)


async def test_a_slot_that_nobody_waits_for_any_more_is_given_back(tmp_path: Path) -> None:
    slots = slots_of(tmp_path / "l")
    waiting = asyncio.create_task(slots.acquire(TWO, probe=False))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    await slots.close()
    assert rows_in(tmp_path / "l") == []
    assert slots.held(TWO[0].seconds) == 0


async def test_a_ledger_that_is_locked_holds_up_nothing_but_its_slots(tmp_path: Path) -> None:
    slots = slots_of(tmp_path / "l")
    await slots.acquire(TWO, probe=False)
    with closing(sqlite3.connect(tmp_path / "l", isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(slots.acquire(TWO, probe=False))
        await asyncio.sleep(0)
        assert not waiting.done(), "a call in the event loop would have ended by now, in vain"
        another.execute("COMMIT")
    assert not isinstance(await waiting, Wait)
    await slots.close()


async def test_a_ledger_for_which_no_memory_is_left_ends_the_run_and_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's "out of memory" is Python's `MemoryError`, which is no failure of the file."""

    def release(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Ledger, "release", release)
    slots = slots_of(tmp_path / "l")
    slot = await slots.acquire(TWO, probe=False)
    assert not isinstance(slot, Wait)
    slots.release(slot, "answered")
    with pytest.raises(MemoryError):
        await asyncio.wait_for(slots.acquire(TWO, probe=False), 10)
    await slots.close()


class HangingThread(InlineThread):
    """As where a disk or a lock holds up the ledger's thread."""

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        await asyncio.Event().wait()
        return function(*arguments)


def test_the_end_waits_only_shortly_for_a_ledger_that_hangs(tmp_path: Path) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await slots_of(tmp_path / "l", thread=HangingThread()).close()
        return loop.time() - began

    assert run_virtually(main()) == LONGEST_CLOSE


async def test_where_the_file_cannot_be_used_this_process_goes_on_counting_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    events: list[Event] = []
    slots = slots_of(tmp_path / "file" / "l", events)
    taken = [await slots.acquire(TWO, probe=False) for _ in range(3)]
    assert [isinstance(slot, Wait) for slot in taken] == [False, False, True]
    assert len(events) == 1
    await slots.close()


async def test_events_of_the_ledger_are_emitted_in_the_event_loop(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to(tmp_path / "elsewhere")
    loops: list[object] = []
    slots = LedgerSlots(tmp_path / "l", clock=SystemClock(), emit=lambda _: loops.append(asyncio.get_running_loop()))
    await slots.acquire(TWO, probe=False)
    await slots.close()
    assert loops == [asyncio.get_running_loop()]


async def test_an_answered_request_holds_its_slot_in_the_file_after_the_end(tmp_path: Path) -> None:
    slots = slots_of(tmp_path / "l", thread=InlineThread())
    slot = await slots.acquire(TWO, probe=False)
    assert not isinstance(slot, Wait)
    slots.release(slot, "answered")
    await slots.close()
    another = Ledger(tmp_path / "l", clock=SystemClock(), emit=lambda _: None)
    another.open()
    assert isinstance(another.acquire(TWO), LedgerSlot)
    assert isinstance(another.acquire(TWO), Wait)
    another.close()
