"""The limit holds when the service hangs and later serves what had been given up: the program, in real time."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.forked_program import run
from tests.support.running import ROOT, full, manifest_of, program, snapshot_folders, wait_until, write_ids
from tests.support.serving import environment
from tests.support.stalling import stalling
from tests.support.strict_server import most_in_a_window

WINDOW = 1.0
LIMIT = 10
OPTIONS = ("--rate", f"{LIMIT}/1s", "--timeout", "300ms", "--patience", "1m", "--workers", "16")


def probes_of(stderr: str) -> int:
    """Requests that went beyond the limit, to learn whether the service answers again."""
    events = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    return sum(event["event"] == "probing" and event["why"] == "outage" for event in events)


@pytest.mark.parametrize("stall", [(1, 1.5), (15, 2.5)])
def test_after_a_stall_no_window_holds_more_than_the_limit_and_the_probes(
    tmp_path: Path, stall: tuple[int, float]
) -> None:
    ids = write_ids(tmp_path / "ids.csv", [f"cd-{number}" for number in range(30)])
    with stalling(stall) as (service, url):
        done = run(
            "snapshot", str(ids), "--out", str(tmp_path / "o"), *OPTIONS, "-v", "--log-format", "json",
            env=environment(url, tmp_path),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    probes = probes_of(done.stderr)
    assert probes > 0
    seen = most_in_a_window(service.arrivals, WINDOW)
    assert seen <= LIMIT + probes
    requests = manifest_of(snapshot_folders(tmp_path / "o")[0])["requests"]
    assert seen <= requests["most_in_a_window"] <= LIMIT + probes
    assert requests["total"] == len(service.arrivals), "each request that reached the service is counted, and no other"


def test_after_a_kill_and_a_restart_while_the_service_hangs_the_limit_holds(tmp_path: Path) -> None:
    ids = write_ids(tmp_path / "ids.csv", [f"cd-{number}" for number in range(20)])
    options = ("--rate", f"{LIMIT}/1s", "--timeout", "10s", "--workers", "16")
    command = ("snapshot", str(ids), "--out", str(tmp_path / "o"), *options)
    with stalling((4, 3.0)) as (service, url):
        env = environment(url, tmp_path)
        first = subprocess.Popen(program(*command), env=full(env), cwd=ROOT, stderr=subprocess.DEVNULL)
        wait_until(lambda: service.received == LIMIT, first)
        assert len(service.arrivals) < LIMIT, "it does not stand still"
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        done = run(*command, "-v", "--log-format", "json", env=env)
    assert done.returncode == 0, done.stderr
    assert most_in_a_window(service.arrivals, WINDOW) <= LIMIT + probes_of(done.stderr)
