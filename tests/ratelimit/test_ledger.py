"""`exporter.ratelimit.ledger`: slots shared by processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.events import Event, Warned
from exporter.ratelimit import ledger as ledger_module
from exporter.ratelimit.ledger import POLL, Ledger, default_ledger_path
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Ending, Wait
from exporter.units import Limit
from tests.support.examples import examples
from tests.support.virtual_time import ManualClock

TWO = (Limit(2, 60.0),)


class Desk:
    """Ledgers of several processes on one file, told apart by hand."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "state" / "ledger.sqlite"
        self.clock = ManualClock()
        self.events: list[Event] = []

    def open(self) -> Ledger:
        ledger = Ledger(self.path, clock=self.clock, emit=self.events.append)
        ledger.open()
        return ledger

    def end(self, ledger: Ledger, row: LedgerSlot, ending: Ending = "answered") -> None:
        ledger.release(row, ending, self.clock.time)

    def use_all(self) -> Ledger:
        """A process whose two requests were answered just now."""
        ledger = self.open()
        for row in [taken(ledger), taken(ledger)]:
            self.end(ledger, row)
        return ledger


def taken(ledger: Ledger, limits: tuple[Limit, ...] = TWO, *, probe: bool = False) -> LedgerSlot:
    """A slot that is free."""
    row = ledger.acquire(limits, probe=probe)
    assert isinstance(row, LedgerSlot)
    return row


def wait(ledger: Ledger, limits: tuple[Limit, ...] = TWO) -> float:
    """How long a slot is to be waited for."""
    refused = ledger.acquire(limits)
    assert isinstance(refused, Wait)
    return refused.seconds


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_slots_of_one_process_are_seen_by_another(desk: Desk) -> None:
    first, second = desk.open(), desk.open()
    taken(first)
    row = taken(second)
    assert wait(first) > 0
    desk.end(second, row)
    desk.clock.time += 59.0
    assert wait(first) == pytest.approx(1.0)
    desk.clock.time += 1.0
    taken(first)


def test_slots_outlive_the_process_that_held_them(desk: Desk) -> None:
    desk.use_all().close()
    assert wait(desk.open()) == pytest.approx(60.0)


KILLED = """
import os, sys
from exporter.events import ignore
from exporter.ratelimit.ledger import Ledger
from exporter.units import Limit
from tests.support.virtual_time import ManualClock
ledger = Ledger(__import__("pathlib").Path(sys.argv[1]), clock=ManualClock(), emit=ignore)
ledger.open()
ledger.acquire((Limit(2, 60.0),)); ledger.acquire((Limit(2, 60.0),))
os._exit(9)
"""


def test_requests_of_a_killed_process_hold_their_slots_until_a_later_request_was_answered(desk: Desk) -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", KILLED, str(desk.path)], check=False, cwd=root)
    ledger = desk.open()
    assert ledger.acquire(TWO) == Wait(POLL, silence=True)
    desk.clock.time += 1e6
    assert ledger.acquire(TWO) == Wait(POLL, silence=True), "the service may still be hanging"
    desk.end(ledger, taken(ledger, probe=True))
    assert wait(ledger) == pytest.approx(60.0)
    desk.clock.time += 60.0
    taken(ledger)


def test_given_up_requests_hold_their_slots_across_a_restart(desk: Desk) -> None:
    first = desk.open()
    for row in [taken(first), taken(first)]:
        desk.end(first, row, "given_up")
    first.close()
    desk.clock.time += 1000.0
    second = desk.open()
    assert second.acquire(TWO) == Wait(POLL, silence=True)
    probe = taken(second, probe=True)
    desk.end(second, probe, "given_up")
    assert second.acquire(TWO) == Wait(POLL, silence=True)
    desk.end(second, taken(second, probe=True))
    assert wait(second) == pytest.approx(60.0)


def test_probes_of_several_processes_go_one_at_a_time(desk: Desk) -> None:
    first, second = desk.open(), desk.open()
    for row in [taken(first), taken(first)]:
        desk.end(first, row, "given_up")
    probe = taken(first, probe=True)
    assert second.acquire(TWO, probe=True) == Wait(POLL)
    desk.end(first, probe, "given_up")
    taken(second, probe=True)


def test_a_request_that_was_not_sent_frees_its_slot_at_once(desk: Desk) -> None:
    ledger = desk.open()
    taken(ledger)
    desk.end(ledger, taken(ledger), "not_sent")
    taken(ledger)


def test_an_answer_to_a_request_sent_before_the_other_was_given_up_proves_nothing(desk: Desk) -> None:
    first, second = desk.open(), desk.open()
    given_up, earlier = taken(first), taken(second)
    desk.end(first, given_up, "given_up")
    desk.end(second, earlier)
    desk.clock.time += 60.0
    later = taken(second)
    assert second.acquire(TWO) == Wait(POLL)
    desk.end(second, later)
    assert wait(second) == pytest.approx(60.0)


def test_a_wall_clock_that_jumps_changes_nothing(desk: Desk) -> None:
    desk.use_all()
    for jump in (1e8, -3e8):
        desk.clock.wall_offset += jump
        assert wait(desk.open()) == pytest.approx(60.0)


def reboot(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """The machine starts again; its monotonic clock begins at 5."""
    wall = desk.clock.now()
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "another boot")
    monkeypatch.setattr(ledger_module, "is_alive", lambda _: False)
    desk.clock.time = 5.0
    desk.clock.wall_offset = wall + seconds - 5.0


def test_after_a_reboot_slots_are_converted_by_wall_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.use_all().close()
    reboot(desk, monkeypatch, seconds=40.0)
    assert wait(desk.open()) == pytest.approx(20.0)


def test_requests_that_a_power_cut_ended_are_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = desk.open()
    taken(ledger)
    taken(ledger)
    reboot(desk, monkeypatch, seconds=4000.0)
    assert desk.open().acquire(TWO) == Wait(POLL, silence=True)


def test_each_slot_is_on_the_disk_before_its_request_goes(desk: Desk) -> None:
    ledger = desk.open()
    assert ledger._db is not None
    assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2, "FULL"


@pytest.mark.parametrize("damage", [b"this is no database at all, and long enough to be read as one" * 20, None])
def test_a_damaged_file_is_set_aside_told_and_one_window_is_waited(desk: Desk, damage: bytes | None) -> None:
    desk.use_all().close()
    content = desk.path.read_bytes()
    desk.path.write_bytes(damage or content[:100] + os.urandom(len(content) - 100))
    ledger = desk.open()
    assert wait(ledger) == pytest.approx(60.0)
    assert [type(event) for event in desk.events] == [Warned]
    assert len(list(desk.path.parent.glob("*.damaged-*"))) == 1
    desk.clock.time += 60.0
    taken(ledger)


@pytest.mark.parametrize(
    "rot",
    [
        "UPDATE slots SET released = released - 1000",
        "UPDATE slots SET released = 'soon'",
        "UPDATE slots SET given_up = 0, released = NULL",
        "UPDATE slots SET holder = x'FFFE'",
        "UPDATE slots SET id = id + 7",
        "UPDATE facts SET value = '1.0' WHERE key = 'longest'",
        "UPDATE facts SET value = 'x' WHERE key = 'boot'",
        "INSERT INTO waiting VALUES ('another', 1e30, 0)",
    ],
)
def test_a_row_that_is_not_as_it_was_written_sets_the_file_aside(desk: Desk, rot: str) -> None:
    desk.use_all().close()
    with closing(sqlite3.connect(desk.path)) as db:
        db.executescript(rot)
    ledger = desk.open()
    assert wait(ledger) == pytest.approx(60.0)
    assert len(list(desk.path.parent.glob("*.damaged-*"))) == 1
    assert [type(event) for event in desk.events] == [Warned]


@given(st.data())
@settings(max_examples=examples(1), deadline=None)
def test_whatever_byte_rots_no_slot_is_free_early_and_nothing_is_raised(data: st.DataObject) -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=memory) as folder:
        desk = Desk(Path(folder))
        desk.use_all().close()
        content = bytearray(desk.path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        desk.path.write_bytes(bytes(content))
        ledger = desk.open()
        desk.clock.time += 1.0
        assert isinstance(ledger.acquire(TWO), Wait | None), "a wait; or a warning, and no file"
        ledger.close()


def test_a_program_with_short_windows_does_not_drop_slots_that_a_long_window_needs(desk: Desk) -> None:
    hourly = (Limit(2, 60.0), Limit(3, 3600.0))
    night = desk.open()
    for row in [taken(night, hourly), taken(night, hourly)]:
        desk.end(night, row)
    night.close()
    desk.clock.time += 100.0
    pull = desk.open()
    desk.end(pull, taken(pull))
    pull.close()
    desk.clock.time += 100.0
    assert wait(desk.open(), hourly) == pytest.approx(3400.0)


def test_damage_that_is_found_in_mid_run_grants_nothing_before_one_window(desk: Desk) -> None:
    ledger = desk.open()
    with closing(sqlite3.connect(desk.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.path.write_bytes(b"x" * max(desk.path.stat().st_size, 8192))
    waited = 0.0
    while isinstance(refused := ledger.acquire(TWO), Wait):
        waited += refused.seconds
        desk.clock.time += refused.seconds
    assert refused is not None
    assert waited >= 60.0
    assert len(list(desk.path.parent.glob("*.damaged-*"))) == 1


def test_where_no_file_can_be_made_it_is_done_without_and_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    events: list[Event] = []
    ledger = Ledger(tmp_path / "file" / "ledger.sqlite", clock=ManualClock(), emit=events.append)
    ledger.open()
    assert ledger.acquire(TWO) is None
    assert ledger.acquire(TWO) is None
    assert [type(event) for event in events] == [Warned]
    assert not ledger.shared


def test_a_file_that_becomes_unusable_in_mid_run_ends_nothing(desk: Desk) -> None:
    ledger = desk.open()
    row = taken(ledger)
    with closing(sqlite3.connect(desk.path)) as db:
        db.execute("DROP TABLE slots")
    desk.end(ledger, row)
    assert wait(ledger) == pytest.approx(60.0)
    assert len(desk.events) == 1


def test_the_file_is_for_its_user_only(desk: Desk) -> None:
    desk.open()
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert desk.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_others_could_read_is_made_private(desk: Desk) -> None:
    desk.path.parent.mkdir()
    desk.path.touch(0o666)
    desk.path.chmod(0o666)
    desk.open()
    assert desk.path.stat().st_mode & 0o777 == 0o600


def test_a_symbolic_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    desk.path.parent.mkdir()
    desk.path.symlink_to(victim)
    ledger = desk.open()
    assert not ledger.shared
    assert not victim.exists()
    (warning,) = desk.events
    assert isinstance(warning, Warned)
    assert "symbolic link" in warning.message


def test_its_name_tells_nothing_and_differs_by_host_and_account(tmp_path: Path) -> None:
    paths = {default_ledger_path(tmp_path, host, account) for host in ("https://a", "https://b") for account in "12"}
    assert len(paths) == 4
    assert default_ledger_path(tmp_path, "https://A", "1") in paths


HAMMER = """
import pathlib, sys, time
from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.sliding_window import Wait
from exporter.units import Limit
clock = SystemClock()
ledger = Ledger(pathlib.Path(sys.argv[1]), clock=clock, emit=ignore)
ledger.open()
limits = (Limit(20, 0.5),)
taken = 0
while taken < 40:
    row = ledger.acquire(limits)
    if isinstance(row, Wait):
        time.sleep(min(row.seconds, 0.05))
        continue
    sent = clock.monotonic()
    time.sleep(0.002)
    print(sent, clock.monotonic())
    ledger.release(row, 'answered', clock.monotonic())
    taken += 1
"""


def test_many_processes_hammering_it_lose_no_slot(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen([sys.executable, "-c", HAMMER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in range(5)
    ]
    spans: list[tuple[float, float]] = []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        spans += [(float(a), float(b)) for a, b in (line.split() for line in out.splitlines())]
    assert len(spans) == 200
    for sent, _ in spans:
        # Whatever arrived since one window ago was either answered since, or is still under way.
        assert sum(1 for s, done in spans if s <= sent and done > sent - 0.5) <= 20
