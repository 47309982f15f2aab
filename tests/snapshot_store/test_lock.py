"""`exporter.snapshot_store.lock`: one run at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationBusy, DestinationError, StoppedEarly
from exporter.events import Event, Warned, ignore
from exporter.files import boot_id, this_holder
from exporter.snapshot_store import lock_without_flock
from exporter.snapshot_store.lock import RunLock
from exporter.snapshot_store.lock_without_flock import Holder, StandInLock
from tests.support.another_user import another_user, needs_root
from tests.support.running import ROOT

CLOCK = SystemClock()

HOLD = """
import sys
from pathlib import Path
from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.snapshot_store.lock import RunLock
with RunLock(Path(sys.argv[1]), clock=SystemClock(), emit=ignore):
    print("held", flush=True)
    sys.stdin.read()
"""


def lock(folder: Path, emit: Any = ignore) -> RunLock:
    return RunLock(folder, clock=CLOCK, emit=emit)


def test_a_second_run_is_shown_who_holds_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(DestinationBusy, match=str(os.getpid())) as caught, lock(tmp_path):
        pass
    assert (caught.value.pid, caught.value.host) == (os.getpid(), socket.gethostname())
    with lock(tmp_path):
        pass


@pytest.mark.parametrize("call", ["close", "ftruncate", "pwrite", "pread"])
def test_a_disk_that_fails_while_the_lock_is_reported_of_or_given_back_ends_no_run(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was locked for is done by then; and a second run is still told that it is the second."""
    real_close = os.close

    def fail(descriptor: int, *_: object) -> None:
        if call == "close":
            real_close(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fail)
    with lock(tmp_path) as held:
        held.check()
        with pytest.raises(DestinationBusy), lock(tmp_path):
            pass
    with lock(tmp_path):
        pass


@pytest.mark.parametrize("text", [b"", b"{", b'{"host":"\xff"}', b'{"x":' + b"[" * 4000, b'{"pid":"x"}'])
def test_a_second_run_is_refused_whatever_is_in_the_lock(tmp_path: Path, text: bytes) -> None:
    with lock(tmp_path):
        (tmp_path / "lock").write_bytes(text)
        with pytest.raises(DestinationBusy, match="another process holds"), lock(tmp_path):
            pass


def test_the_lock_never_outlives_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DestinationBusy) as caught, lock(tmp_path):
            pass
        assert caught.value.pid == holder.pid
        holder.kill()
    with lock(tmp_path):
        pass


def test_a_lock_that_was_removed_or_is_anothers_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(tmp_path) as held:
        held.check()
        path.unlink()
        with pytest.raises(StoppedEarly, match="was it removed"):
            held.check()
        with lock(tmp_path), pytest.raises(StoppedEarly, match="another may have begun here"):
            held.check()
        with pytest.raises(StoppedEarly):  # of one that has ended
            held.check()
        path.unlink()
        path.mkdir()
        with pytest.raises(StoppedEarly, match="Is a directory"):
            held.check()


def test_a_lock_that_is_a_link_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(DestinationError), lock(tmp_path / "work"):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


@needs_root
def test_a_lock_of_another_user_says_whose_it_is_and_what_helps(shared_folder: Path) -> None:
    with lock(shared_folder / "work"):
        pass
    for mode in (0o700, 0o755):
        (shared_folder / "work").chmod(mode)
        with (
            another_user(),
            pytest.raises(DestinationError, match=r"belongs to root: run as that user, or write to a"),
        ):
            lock(shared_folder / "work").__enter__()


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as gone:
        return gone.pid


def write_holder(folder: Path, *, process: str, boot: str | None = None, seconds_ago: float = 0.0) -> Path:
    held = folder / "lock.held"
    pid = int(process.split("/")[1])
    held.write_bytes(Holder(pid, socket.gethostname(), 0, process, boot_id() if boot is None else boot).dump())
    os.utime(held, (time.time() - seconds_ago, time.time() - seconds_ago))
    return held


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_flock")
class TestWithoutFileLocks:
    """A file system without `flock`."""

    def test_a_lock_file_is_used_with_a_warning(self, tmp_path: Path) -> None:
        events: list[Event] = []
        busy = pytest.raises(DestinationBusy, match=str(os.getpid()))
        with lock(tmp_path, events.append), busy, lock(tmp_path):
            pass
        assert isinstance(events[0], Warned)
        with lock(tmp_path):
            pass

    def test_a_lock_that_was_removed_or_is_anothers_is_seen(self, tmp_path: Path) -> None:
        path = tmp_path / "lock.held"
        with lock(tmp_path) as held:
            held.check()
            path.write_bytes(Holder(1, "elsewhere").dump())
            with pytest.raises(StoppedEarly, match="another may have begun here"):
                held.check()
            path.unlink()
            with pytest.raises(StoppedEarly, match="was it removed"):
                held.check()

    def test_the_file_of_a_dead_process_of_this_host_does_not_block(self, tmp_path: Path) -> None:
        write_holder(tmp_path, process=this_holder().replace(f"/{os.getpid()}/", f"/{dead_pid()}/"))
        with lock(tmp_path):
            pass

    def test_a_process_of_this_host_with_the_same_number_that_began_at_another_time_does_not_block(
        self, tmp_path: Path
    ) -> None:
        """A container that was killed and started again: the program is process 1 both times."""
        namespace, pid, _, token = this_holder().split("/")
        write_holder(tmp_path, process=f"{namespace}/{pid}/1/{token}")
        with lock(tmp_path):
            pass

    def test_the_file_of_a_process_before_a_reboot_does_not_block(self, tmp_path: Path) -> None:
        write_holder(tmp_path, process=this_holder(), boot="another boot")
        with lock(tmp_path):
            pass

    def test_a_process_in_another_pid_namespace_blocks_while_its_file_gives_signs_of_life(self, tmp_path: Path) -> None:
        """Its number says nothing here: a process of that number may be there or not."""
        held = write_holder(tmp_path, process=f"pid:[1]/{dead_pid()}/1/00")
        with pytest.raises(DestinationBusy, match="the lock ends 30 s after the last sign of life"), lock(tmp_path):
            pass
        os.utime(held, (time.time() - 60, time.time() - 60))
        with lock(tmp_path):
            pass

    def test_of_many_that_find_a_file_left_behind_exactly_one_takes_it(self, tmp_path: Path) -> None:
        together = threading.Barrier(8)

        def take(stand_in: StandInLock) -> Holder | None:
            together.wait()
            return stand_in.take()

        with ThreadPoolExecutor(8) as pool:
            for number in range(20):
                folder = tmp_path / str(number)
                folder.mkdir()
                write_holder(folder, process="pid:[1]/1/1/00", seconds_ago=3600)
                several = [StandInLock(folder / "lock.held", Holder.this(CLOCK)) for _ in range(8)]
                (taken,) = (one for one, held in zip(several, pool.map(take, several), strict=True) if held is None)
                taken.release()
                assert list(folder.iterdir()) == []

    def test_signs_of_life_are_given_and_a_lock_that_was_lost_is_left_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock_without_flock, "HEARTBEAT", 0.01)
        held = tmp_path / "lock.held"
        with lock(tmp_path):
            os.utime(held, (0, 0))
            while held.stat().st_mtime == 0:
                time.sleep(0.01)
            held.write_text("another's")
        assert held.read_text() == "another's"

    def test_the_file_of_another_host_blocks_while_it_gives_signs_of_life(self, tmp_path: Path) -> None:
        held = tmp_path / "lock.held"
        held.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
        with pytest.raises(DestinationBusy, match="elsewhere"), lock(tmp_path):
            pass
        os.utime(held, (time.time() - 3600, time.time() - 3600))
        with lock(tmp_path):
            pass

    def test_a_file_of_a_time_to_come_does_not_block_for_ever(self, tmp_path: Path) -> None:
        """It was made while a clock was wrong; one that is a little ahead is another machine's."""
        for hours, blocks in ((1, True), (25, False)):
            held = tmp_path / "lock.held"
            held.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
            os.utime(held, (time.time() + hours * 3600, time.time() + hours * 3600))
            with pytest.raises(DestinationBusy) if blocks else nullcontext(), lock(tmp_path):
                pass
