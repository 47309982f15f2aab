"""`exporter.snapshot_store.lock`: one run at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationBusy, DestinationError
from exporter.events import Event, Warned, ignore
from exporter.snapshot_store.lock import RunLock

CLOCK = SystemClock()

HOLD = """
import sys, time
from pathlib import Path
from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.snapshot_store.lock import RunLock
with RunLock(Path(sys.argv[1]), clock=SystemClock(), emit=ignore):
    print("held", flush=True)
    time.sleep(60)
"""


def lock(folder: Path, emit: Any = ignore) -> RunLock:
    return RunLock(folder, clock=CLOCK, emit=emit)


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(DestinationBusy, match=str(os.getpid())) as caught, lock(tmp_path):
        pass
    assert (caught.value.pid, caught.value.host) == (os.getpid(), socket.gethostname())
    with lock(tmp_path):
        pass


def test_the_lock_never_outlives_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(DestinationBusy) as caught, lock(tmp_path):
        pass
    assert caught.value.pid == holder.pid
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with lock(tmp_path):
        pass


def test_a_lock_that_is_a_link_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(DestinationError), lock(tmp_path / "work"):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_flock")
class TestWithoutFileLocks:
    """A file system without `flock`."""

    def test_a_file_stands_in_and_it_is_told(self, tmp_path: Path) -> None:
        events: list[Event] = []
        busy = pytest.raises(DestinationBusy, match=str(os.getpid()))
        with lock(tmp_path, events.append), busy, lock(tmp_path):
            pass
        assert isinstance(events[0], Warned)
        with lock(tmp_path):
            pass

    def test_the_file_of_a_dead_process_of_this_host_does_not_block(self, tmp_path: Path) -> None:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        (tmp_path / "lock.held").write_text(json.dumps({"pid": gone.pid, "host": socket.gethostname()}))
        with lock(tmp_path):
            pass

    def test_the_file_of_another_host_blocks_while_it_gives_signs_of_life(self, tmp_path: Path) -> None:
        held = tmp_path / "lock.held"
        held.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
        with pytest.raises(DestinationBusy, match="elsewhere"), lock(tmp_path):
            pass
        os.utime(held, (time.time() - 3600, time.time() - 3600))
        with lock(tmp_path):
            pass
