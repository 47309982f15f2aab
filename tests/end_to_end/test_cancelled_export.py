"""A program of a user's that cancels its `export()`: nothing goes on without the lock, and the same call completes."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import ForkedProgram
from tests.support.running import ROOT, full, snapshot_folders
from tests.support.serving import environment, serving

SCRIPT = """
import asyncio, sys, threading
import exporter
from exporter import failpoints
from exporter.events import ListPageRead, Settled
from exporter.options import FetchOptions, SnapshotOptions


async def next_line():
    return await asyncio.to_thread(sys.stdin.readline)


async def attempt(dest, way, moment):
    reached, go_on = threading.Event(), threading.Event()

    def hold(step):
        if step == moment and not reached.is_set():
            reached.set()
            go_on.wait(60)

    def listen(event):
        if type(event).__name__ == moment:
            reached.set()

    async def export():
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            await exporter.export(
                None, dest, settings=exporter.settings_from_env(), fetch=FetchOptions(rates=(), workers=2),
                options=SnapshotOptions(campaign_type="all"), on_event=listen,
            )

    limits = []
    failpoints.hook = hold
    task = asyncio.create_task(export())
    await asyncio.to_thread(reached.wait, 60)
    if way == "cancel":
        task.cancel()
    else:
        limits[0].reschedule(asyncio.get_running_loop().time())
    await asyncio.wait({task}, timeout=0.2 if "." in moment else 30)
    print("ended" if task.done() else "under way", flush=True)
    await next_line()
    go_on.set()
    await asyncio.wait({task})
    print("CancelledError" if task.cancelled() else type(task.exception()).__name__, flush=True)


async def main():
    for _ in range(int(sys.argv[2])):
        way, moment = (await next_line()).split()
        await attempt(sys.argv[1], way, moment)

asyncio.run(main())
"""


class User:
    """The program of the user, its destination, and what another process sees of them."""

    def __init__(self, process: subprocess.Popen[str], out: Path) -> None:
        self.out = out
        self._process = process

    def ask(self, line: str = "") -> str:
        """Send a line; the line that comes back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def holds_lock(self) -> bool:
        with (self.out / ".work" / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def published(self) -> int:
        return len(snapshot_folders(self.out))


@contextmanager
def user(out: Path, attempts: int, env: dict[str, str]) -> Iterator[User]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out), str(attempts)], env=full(env), cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield User(process, out)
    finally:
        process.communicate(timeout=30)


def test_cancelled_at_any_moment_nothing_goes_on_without_the_lock_and_the_same_command_completes(
    tmp_path: Path, forked: ForkedProgram
) -> None:
    service = Behaviour(sample_campaigns(12, voice_share=0.3))
    out = tmp_path / "exports"
    with serving(service, latency=(0.02, 0.03)) as url, user(out, 6, environment(url, tmp_path)) as program:
        for way, moment, error in [
            ("cancel", "ListPageRead", "CancelledError"),
            ("timeout", "list.kept", "TimeoutError"),
            ("cancel", "Settled", "CancelledError"),
            ("timeout", "write.campaigns.parquet", "TimeoutError"),
            ("cancel", "write.failures.parquet", "CancelledError"),
        ]:
            state = program.ask(f"{way} {moment}")
            # A thread that is held at a failpoint goes on under the lock, and the task waits for it.
            assert (state, program.holds_lock()) == (("under way", True) if "." in moment else ("ended", False))
            assert program.ask() == error
            assert not program.holds_lock(), moment
            assert program.published() == 0, moment
        requests = len(service.arrivals)
        done = forked.run(
            "snapshot", "--type", "all", "--out", str(out), "--rate", "off", env=environment(url, tmp_path)
        )
        assert done.returncode == 0, done.stderr
        assert "12 already there, 0 to fetch" in done.stderr
        assert len(service.arrivals) == requests
        assert sum(service.asked_for().values()) <= 12 + 2  # what was under way is asked for again
        assert program.published() == 1
        # At the last step it is too late: the snapshot appears, still under the lock.
        assert program.ask("cancel publish.before_manifest") == "under way"
        assert (program.holds_lock(), program.published()) == (True, 1)
        assert program.ask() == "CancelledError"
        assert (program.holds_lock(), program.published()) == (False, 2)
