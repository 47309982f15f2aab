"""`exporter.blocking_calls`: calls that may block for long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from exporter.blocking_calls import BackgroundThread
from tests.support.running import ROOT


async def test_results_and_errors_come_back_and_calls_keep_their_order() -> None:
    thread = BackgroundThread("test")
    done: list[int] = []
    thread.submit(lambda: done.append(1))
    assert await thread.run(max, 3, 4) == 4
    assert done == [1]
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    thread.close()


async def test_what_a_call_raises_that_nobody_waits_for_comes_out_of_the_next_and_the_thread_goes_on() -> None:
    thread = BackgroundThread("test")
    done: list[int] = []
    thread.submit(lambda: 1 // 0)
    thread.submit(lambda: done.append(1))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(thread.run(done.append, 2), 10)
    assert await asyncio.wait_for(thread.run(max, 3, 4), 10) == 4
    assert done == [1]
    thread.close()


async def test_the_event_loop_goes_on_while_a_call_blocks() -> None:
    thread, gate = BackgroundThread("test"), threading.Event()
    call = asyncio.create_task(thread.run(gate.wait, 10))
    await asyncio.sleep(0)
    gate.set()
    assert await call, "the gate was opened while it was waited for"
    thread.close()


def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    script = (
        "import asyncio, time; from exporter.blocking_calls import BackgroundThread\n"
        "async def main():\n"
        "    try:\n"
        "        await asyncio.wait_for(BackgroundThread('test').run(time.sleep, 600), 0.1)\n"
        "    except TimeoutError:\n"
        "        print('given up')\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=ROOT)
    assert done.stdout == "given up\n"
