"""`exporter.ratelimit.ledger`: slots shared by processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.ratelimit.ledger import POLL, default_ledger_path
from exporter.ratelimit.sliding_window import Wait
from exporter.units import Limit
from tests.support.ledgers import TWO, SharedLedger, taken, wait
from tests.support.running import ROOT


@pytest.fixture
def shared(tmp_path: Path) -> SharedLedger:
    return SharedLedger(tmp_path)


def test_slots_of_one_process_are_seen_by_another(shared: SharedLedger) -> None:
    first, second = shared.open(), shared.open()
    taken(first)
    row = taken(second)
    assert wait(first) > 0
    shared.end(second, row)
    shared.clock.time += 59.0
    assert wait(first) == pytest.approx(1.0)
    shared.clock.time += 1.0
    taken(first)


def test_slots_outlive_the_process_that_held_them(shared: SharedLedger) -> None:
    shared.use_all().close()
    assert wait(shared.open()) == pytest.approx(60.0)


KILLED = """
import os, pathlib, sys
from tests.support.ledgers import SharedLedger, taken
ledger = SharedLedger(pathlib.Path(sys.argv[1])).open()
taken(ledger), taken(ledger)
os._exit(9)
"""


def test_requests_of_a_killed_process_hold_their_slots_until_a_later_request_was_answered(
    shared: SharedLedger, tmp_path: Path
) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, cwd=ROOT).returncode == 9
    ledger = shared.open()
    assert ledger.acquire(TWO) == Wait(POLL, silence=True)
    shared.clock.time += 1e6
    assert ledger.acquire(TWO) == Wait(POLL, silence=True), "the service may still be hanging"
    shared.end(ledger, taken(ledger, probe=True))
    assert wait(ledger) == pytest.approx(60.0)
    shared.clock.time += 60.0
    taken(ledger)


def test_given_up_requests_hold_their_slots_across_a_restart(shared: SharedLedger) -> None:
    first = shared.open()
    for row in [taken(first), taken(first)]:
        shared.end(first, row, "given_up")
    first.close()
    shared.clock.time += 1000.0
    second = shared.open()
    assert second.acquire(TWO) == Wait(POLL, silence=True)
    probe = taken(second, probe=True)
    shared.end(second, probe, "given_up")
    assert second.acquire(TWO) == Wait(POLL, silence=True)
    shared.end(second, taken(second, probe=True))
    assert wait(second) == pytest.approx(60.0)


def test_probes_of_several_processes_go_one_at_a_time(shared: SharedLedger) -> None:
    first, second = shared.open(), shared.open()
    for row in [taken(first), taken(first)]:
        shared.end(first, row, "given_up")
    probe = taken(first, probe=True)
    assert second.acquire(TWO, probe=True) == Wait(POLL)
    shared.end(first, probe, "given_up")
    taken(second, probe=True)


def test_a_request_that_was_not_sent_frees_its_slot_at_once(shared: SharedLedger) -> None:
    ledger = shared.open()
    taken(ledger)
    shared.end(ledger, taken(ledger), "not_sent")
    taken(ledger)


def test_an_answer_to_a_request_sent_before_the_other_was_given_up_proves_nothing(shared: SharedLedger) -> None:
    first, second = shared.open(), shared.open()
    given_up, earlier = taken(first), taken(second)
    shared.end(first, given_up, "given_up")
    shared.end(second, earlier)
    shared.clock.time += 60.0
    later = taken(second)
    assert second.acquire(TWO) == Wait(POLL)
    shared.end(second, later)
    assert wait(second) == pytest.approx(60.0)


def test_a_program_with_short_windows_does_not_drop_slots_that_a_long_window_needs(shared: SharedLedger) -> None:
    hourly = (Limit(2, 60.0), Limit(3, 3600.0))
    night = shared.open()
    for row in [taken(night, hourly), taken(night, hourly)]:
        shared.end(night, row)
    night.close()
    shared.clock.time += 100.0
    pull = shared.open()
    shared.end(pull, taken(pull))
    pull.close()
    shared.clock.time += 100.0
    assert wait(shared.open(), hourly) == pytest.approx(3400.0)


def test_its_name_hides_the_account_and_differs_by_host_and_account(tmp_path: Path) -> None:
    paths = {default_ledger_path(tmp_path, host, account) for host in ("https://a", "https://b") for account in "12"}
    assert len(paths) == 4
    assert default_ledger_path(tmp_path, "https://A", "1") in paths
    assert "66f0c0ffee" not in default_ledger_path(tmp_path, "https://a", "66f0c0ffee").name


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
while taken < 20:
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
    processes = [
        subprocess.Popen([sys.executable, "-c", HAMMER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(5)
    ]
    spans: list[tuple[float, float]] = []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        spans += [(float(a), float(b)) for a, b in (line.split() for line in out.splitlines())]
    assert len(spans) == 100
    for sent, _ in spans:
        # Whatever arrived since one window ago was either answered since, or is still under way.
        assert sum(1 for s, done in spans if s <= sent and done > sent - 0.5) <= 20
