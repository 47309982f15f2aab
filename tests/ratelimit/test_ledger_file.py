"""`exporter.ratelimit.ledger_file`: what a reboot, damage and other users do to the file."""

from __future__ import annotations

import errno
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.events import Event, Warned
from exporter.ratelimit import ledger as ledger_module
from exporter.ratelimit import ledger_file
from exporter.ratelimit.ledger import POLL, Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Wait
from tests.support.ledgers import TWO, SharedLedger, taken, wait
from tests.support.virtual_time import ManualClock


@pytest.fixture
def shared(tmp_path: Path) -> SharedLedger:
    return SharedLedger(tmp_path)


def test_a_wall_clock_that_jumps_changes_nothing(shared: SharedLedger) -> None:
    shared.use_all()
    for jump in (1e8, -3e8):
        shared.clock.wall_offset += jump
        assert wait(shared.open()) == pytest.approx(60.0)


def reboot(shared: SharedLedger, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """The machine starts again; its monotonic clock begins at 5."""
    wall = shared.clock.now()
    monkeypatch.setattr(ledger_file, "boot_id", lambda: "another boot")
    monkeypatch.setattr(ledger_module, "is_alive", lambda _: False)
    shared.clock.time = 5.0
    shared.clock.wall_offset = wall + seconds - 5.0


def test_after_a_reboot_slots_are_converted_by_wall_time(shared: SharedLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.use_all().close()
    reboot(shared, monkeypatch, seconds=40.0)
    assert wait(shared.open()) == pytest.approx(20.0)


def test_requests_that_a_power_cut_ended_are_given_up(shared: SharedLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = shared.open()
    taken(ledger)
    taken(ledger)
    reboot(shared, monkeypatch, seconds=4000.0)
    assert shared.open().acquire(TWO) == Wait(POLL, silence=True)


@pytest.mark.parametrize(
    "damage", [b"", b"this is not a database at all, and long enough to be read as one" * 20, None]
)
def test_a_damaged_file_is_set_aside_with_a_warning_and_one_window_is_waited(
    shared: SharedLedger, damage: bytes | None
) -> None:
    shared.use_all().close()
    content = shared.path.read_bytes()
    shared.path.write_bytes(content[:100] + os.urandom(len(content) - 100) if damage is None else damage)
    ledger = shared.open()
    assert wait(ledger) == pytest.approx(60.0)
    assert [type(event) for event in shared.events] == [Warned]
    assert len(list(shared.path.parent.glob("*.damaged-*"))) == 1
    shared.clock.time += 60.0
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
        "DROP TABLE slots",
        "DROP TABLE facts; DROP TABLE slots; DROP TABLE waiting; CREATE TABLE answers (campaign_id TEXT)",
    ],
)
def test_a_row_that_is_not_as_it_was_written_sets_the_file_aside(shared: SharedLedger, rot: str) -> None:
    shared.use_all().close()
    with closing(sqlite3.connect(shared.path)) as db:
        db.executescript(rot)
    ledger = shared.open()
    assert wait(ledger) == pytest.approx(60.0)
    assert len(list(shared.path.parent.glob("*.damaged-*"))) == 1
    assert [type(event) for event in shared.events] == [Warned]


def test_of_processes_that_begin_at_once_none_takes_the_file_of_another_for_damaged(shared: SharedLedger) -> None:
    begin = Barrier(8)

    def open_and_take() -> LedgerSlot | Wait | None:
        begin.wait()
        ledger = shared.open()
        row = ledger.acquire(TWO)
        ledger.close()
        return row

    with ThreadPoolExecutor(8) as threads:
        rows = [future.result() for future in [threads.submit(open_and_take) for _ in range(8)]]
    assert sum(isinstance(row, LedgerSlot) for row in rows) == 2
    assert shared.events == []
    assert list(shared.path.parent.iterdir()) == [shared.path]


def test_a_file_system_without_hard_links_has_a_ledger_too(
    shared: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    shared.use_all().close()
    assert wait(shared.open()) == pytest.approx(60.0)
    assert shared.events == []


@given(st.data())
def test_whatever_byte_rots_no_slot_is_free_early_and_nothing_is_raised(data: st.DataObject) -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=memory) as folder:
        shared = SharedLedger(Path(folder))
        shared.use_all().close()
        content = bytearray(shared.path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        shared.path.write_bytes(bytes(content))
        ledger = shared.open()
        shared.clock.time += 1.0
        assert isinstance(ledger.acquire(TWO), Wait | None), "a wait; or a warning, and no file"
        ledger.close()


def test_damage_that_is_found_in_mid_run_grants_nothing_before_one_window(shared: SharedLedger) -> None:
    ledger = shared.open()
    with closing(sqlite3.connect(shared.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shared.path.write_bytes(b"x" * max(shared.path.stat().st_size, 8192))
    waited = 0.0
    while isinstance(refused := ledger.acquire(TWO), Wait):
        waited += refused.seconds
        shared.clock.time += refused.seconds
    assert refused is not None
    assert waited >= 60.0
    assert len(list(shared.path.parent.glob("*.damaged-*"))) == 1


def test_where_no_file_can_be_made_it_is_done_without_with_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    events: list[Event] = []
    ledger = Ledger(tmp_path / "file" / "ledger.sqlite", clock=ManualClock(), emit=events.append)
    ledger.open()
    assert ledger.acquire(TWO) is None
    assert ledger.acquire(TWO) is None
    assert [type(event) for event in events] == [Warned]
    assert not ledger.shared


def test_a_file_that_becomes_unusable_in_mid_run_ends_nothing(shared: SharedLedger) -> None:
    ledger = shared.open()
    row = taken(ledger)
    with closing(sqlite3.connect(shared.path)) as db:
        db.execute("DROP TABLE slots")
    shared.end(ledger, row)
    assert wait(ledger) == pytest.approx(60.0)
    assert len(shared.events) == 1


def test_the_file_is_for_its_user_only(shared: SharedLedger) -> None:
    shared.open()
    assert shared.path.stat().st_mode & 0o777 == 0o600
    assert shared.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_symbolic_link_is_not_followed(shared: SharedLedger, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    shared.path.parent.mkdir()
    shared.path.symlink_to(victim)
    ledger = shared.open()
    assert not ledger.shared
    assert not victim.exists()
    (warning,) = shared.events
    assert isinstance(warning, Warned)
    assert "symbolic link" in warning.message
