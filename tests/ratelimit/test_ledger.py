"""`exporter.ratelimit.ledger`: places shared by processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.events import Event, Warned
from exporter.ratelimit import ledger as ledger_module
from exporter.ratelimit.ledger import Ledger, default_ledger_path
from exporter.units import Limit
from tests.support.virtual_time import ManualClock

TWO = (Limit(2, 60.0),)


class Desk:
    """Ledgers of several processes on one file, told apart by hand."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "state" / "ledger.sqlite"
        self.clock = ManualClock()
        self.events: list[Event] = []

    def open(self) -> Ledger:
        return Ledger.open(self.path, clock=self.clock, emit=self.events.append)


def refused_for(taken: tuple[int | None, float]) -> float:
    """How long a refused place is to be waited for."""
    assert taken[0] is None
    return taken[1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_places_of_one_process_are_seen_by_another(desk: Desk) -> None:
    first, second = desk.open(), desk.open()
    assert first.acquire(TWO)[0] is not None
    slot, _ = second.acquire(TWO)
    assert slot is not None
    assert first.acquire(TWO)[0] is None
    second.release(slot)
    desk.clock.time += 59.0
    assert refused_for(first.acquire(TWO)) == pytest.approx(1.0)
    desk.clock.time += 1.0
    assert first.acquire(TWO)[0] is not None


def test_places_outlive_the_process_that_gave_them_back(desk: Desk) -> None:
    first = desk.open()
    for _ in range(2):
        slot, _ = first.acquire(TWO)
        assert slot is not None
        first.release(slot)
    first.close()
    assert refused_for(desk.open().acquire(TWO)) == pytest.approx(60.0)


def test_a_process_that_dies_holding_places_frees_them_one_window_after(desk: Desk) -> None:
    script = (
        "import os,sys; from exporter.ratelimit.ledger import Ledger; from exporter.units import Limit;"
        "from tests.support.virtual_time import ManualClock; from exporter.events import ignore;"
        "l = Ledger.open(sys.argv[1], clock=ManualClock(), emit=ignore);"
        "l.acquire((Limit(2, 60.0),)); l.acquire((Limit(2, 60.0),)); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(desk.path)], check=False, cwd=Path(__file__).parents[2])
    ledger = desk.open()
    assert refused_for(ledger.acquire(TWO)) == pytest.approx(60.0)
    desk.clock.time += 60.0
    assert ledger.acquire(TWO)[0] is not None


def test_a_wall_clock_that_jumps_changes_nothing(desk: Desk) -> None:
    first = desk.open()
    for _ in range(2):
        slot, _ = first.acquire(TWO)
        assert slot is not None
        first.release(slot)
    for jump in (1e8, -3e8):
        desk.clock.wall_offset += jump
        assert desk.open().acquire(TWO)[0] is None


def test_after_a_reboot_places_are_carried_over_by_wall_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.open()
    for _ in range(2):
        slot, _ = first.acquire(TWO)
        assert slot is not None
        first.release(slot)
    first.close()
    wall = desk.clock.now()
    monkeypatch.setattr(ledger_module, "boot_id", lambda: "another boot")
    desk.clock.time = 5.0
    desk.clock.wall_offset = wall + 40.0 - 5.0
    assert refused_for(desk.open().acquire(TWO)) == pytest.approx(20.0)


@pytest.mark.parametrize("damage", [b"this is no database at all, and long enough to be read as one" * 20, None])
def test_a_damaged_file_is_set_aside_told_and_one_window_is_waited(desk: Desk, damage: bytes | None) -> None:
    first = desk.open()
    for _ in range(2):
        first.acquire(TWO)
    first.close()
    content = desk.path.read_bytes()
    desk.path.write_bytes(damage or content[:100] + os.urandom(len(content) - 100))
    ledger = desk.open()
    assert refused_for(ledger.acquire(TWO)) == pytest.approx(60.0)
    assert [type(event) for event in desk.events] == [Warned]
    assert len(list(desk.path.parent.glob("*.damaged-*"))) == 1
    desk.clock.time += 60.0
    assert ledger.acquire(TWO)[0] is not None


def test_a_program_with_short_windows_does_not_drop_places_that_a_long_window_needs(desk: Desk) -> None:
    hourly = (Limit(2, 60.0), Limit(3, 3600.0))
    night = desk.open()
    for _ in range(2):
        slot, _ = night.acquire(hourly)
        assert slot is not None
        night.release(slot)
    night.close()
    desk.clock.time += 100.0
    pull = desk.open()
    slot, _ = pull.acquire(TWO)
    assert slot is not None
    pull.release(slot)
    pull.close()
    desk.clock.time += 100.0
    assert refused_for(desk.open().acquire(hourly)) == pytest.approx(3400.0)


def test_damage_that_is_found_in_mid_run_grants_nothing_before_one_window(desk: Desk) -> None:
    ledger = desk.open()
    content = bytearray(desk.path.read_bytes())
    with sqlite3.connect(desk.path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.path.write_bytes(b"x" * max(len(content), 8192))
    waits = 0.0
    while (taken := ledger.acquire(TWO))[0] is None:
        waits += taken[1]
        desk.clock.time += taken[1]
    assert waits >= 60.0
    assert len(list(desk.path.parent.glob("*.damaged-*"))) == 1


def test_where_no_file_can_be_made_places_are_kept_in_memory_and_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    events: list[Event] = []
    clock = ManualClock()
    ledger = Ledger.open(tmp_path / "file" / "ledger.sqlite", clock=clock, emit=events.append)
    slot, _ = ledger.acquire(TWO)
    assert slot is not None
    ledger.release(slot)
    assert ledger.acquire(TWO)[0] is not None
    assert ledger.acquire(TWO)[0] is None
    assert [type(event) for event in events] == [Warned]
    assert not ledger.shared


def test_a_file_that_becomes_unusable_in_mid_run_costs_no_place(desk: Desk) -> None:
    ledger = desk.open()
    slot, _ = ledger.acquire(TWO)
    with sqlite3.connect(desk.path) as db:
        db.execute("DROP TABLE places")
    assert slot is not None
    ledger.release(slot)
    assert ledger.acquire(TWO)[0] is not None
    assert ledger.acquire(TWO)[0] is None
    assert len(desk.events) == 1


def test_the_file_is_for_its_user_only(desk: Desk) -> None:
    desk.open()
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert desk.path.parent.stat().st_mode & 0o777 == 0o700


def test_its_name_tells_nothing_and_differs_by_host_and_account(tmp_path: Path) -> None:
    paths = {default_ledger_path(tmp_path, host, account) for host in ("https://a", "https://b") for account in "12"}
    assert len(paths) == 4
    assert default_ledger_path(tmp_path, "https://A", "1") in paths


HAMMER = """
import sys, time
from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.ratelimit.ledger import Ledger
from exporter.units import Limit
clock = SystemClock()
ledger = Ledger.open(sys.argv[1], clock=clock, emit=ignore)
limits = (Limit(20, 0.5),)
taken = 0
while taken < 40:
    place, wait = ledger.acquire(limits)
    if place is None:
        time.sleep(min(wait, 0.05))
        continue
    sent = clock.monotonic()
    time.sleep(0.002)
    print(sent, clock.monotonic())
    ledger.release(place)
    taken += 1
"""


def test_many_processes_hammering_it_lose_no_place(tmp_path: Path) -> None:
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
