"""`jobs.support.fleet_dask`: a fleet on a Dask cluster of processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.simulated_service import CLIENT_SECRET
from jobs import cli
from tests.support.fleets import Fleet
from tests.support.running import ROOT, full, program, write_ids

pytest.importorskip("distributed", reason="needs the extra fleet")


@pytest.fixture
def fleet_env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "HUSH": CLIENT_SECRET}


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def cluster(fleet_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two workers, each a process with the secrets in its environment."""
    distributed = pytest.importorskip("distributed", reason="needs the extra fleet")
    for name, value in fleet_env.items():
        monkeypatch.setenv(name, value)
    with distributed.LocalCluster(
        n_workers=2,
        processes=True,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as running:
        yield running


def on_dask(fleet: Fleet, cluster: Any) -> subprocess.Popen[str]:
    """The fleet's command; it knows no secret."""
    arguments = ("--format", "json", "--engine", "dask", "--scheduler", cluster.scheduler_address)
    env = {name: value for name, value in fleet.env.items() if name != "HUSH"}
    return subprocess.Popen(
        program("fleet", str(fleet.file), *arguments), env=full(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip


def test_accounts_of_a_lost_dask_worker_are_run_again_and_resumed(
    tmp_path: Path, held: ExitStack, cluster: Any
) -> None:
    fleet = Fleet(tmp_path, held, 3, campaigns=24, latency=(0.2, 0.3))
    process = on_dask(fleet, cluster)
    while len(fleet.services["north-0"].arrivals) < 20:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    victim = next(iter(cluster.workers.values()))
    os.kill(victim.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert [row["ok"] for row in json.loads(out)] == [24] * 3
    assert "runs on tcp://127.0.0.1" in err
    asked = [service.asked_for() for service in fleet.services.values()]
    assert all(
        set(counts) == set(service.campaigns) for counts, service in zip(asked, fleet.services.values(), strict=True)
    )
    # Only what was under way at the lost worker was asked for again.
    assert sum(number - 1 for counts in asked for number in counts.values()) <= 2 * 16


def test_a_signal_stops_the_accounts_on_the_workers_too_and_the_same_command_resumes(
    tmp_path: Path, held: ExitStack, cluster: Any
) -> None:
    fleet = Fleet(tmp_path, held, 2, campaigns=60, latency=(0.3, 0.5))
    process = on_dask(fleet, cluster)
    while not all(service.arrivals for service in fleet.services.values()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert [row["exit_code"] for row in json.loads(out)] == [143, 143]
    again = on_dask(fleet, cluster)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, out + err
    assert max(max(service.asked_for().values()) for service in fleet.services.values()) == 1


def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="needs the extra fleet")
    file = tmp_path / "fleet.toml"
    file.write_text('out = "x"\n[[account]]\naccount_id = "a"\nstream_id = "s"\n')
    for scheduler in ("nonsense://x", "127.0.0.1:1", "tcp://127.0.0.1:1"):
        assert cli.run(["fleet", str(file), "--engine", "dask", "--scheduler", scheduler]) == 2
        assert f"--scheduler {scheduler} does not answer" in capfd.readouterr().err
    assert cli.run(["fleet", str(file), "--engine", "dask"]) == 2


@contextmanager
def process(*arguments: str, env: dict[str, str], cwd: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Dask, killed at the end."""
    running = subprocess.Popen(
        [sys.executable, "-m", *arguments], env=env, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler in a process of its own, and its address."""
    file = tmp_path / "scheduler.json"
    arguments = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with process("distributed.cli.dask_scheduler", *arguments, env=full({})) as running:
        while not file.exists() or not file.read_text():
            assert running.poll() is None
            time.sleep(0.05)
        yield running, json.loads(file.read_text())["address"]


def worker_of(address: str) -> tuple[str, ...]:
    return ("distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard", "--nthreads", "1")


def start(fleet: Fleet, address: str, log: Path) -> subprocess.Popen[str]:
    """The fleet's command; what it says goes to `log`."""
    arguments = ("--format", "json", "--engine", "dask", "--scheduler", address)
    with log.open("w") as stderr:
        return subprocess.Popen(
            program("fleet", str(fleet.file), *arguments), env=full(fleet.env), stdout=subprocess.PIPE, stderr=stderr,
            text=True, cwd=ROOT,
        )  # fmt: skip


def wait_for(text: str, log: Path, running: subprocess.Popen[str]) -> None:
    while text not in log.read_text():
        assert running.poll() is None, log.read_text()
        time.sleep(0.1)


def test_a_lost_scheduler_ends_with_4_and_prints_the_rows_that_are_done(
    tmp_path: Path, held: ExitStack, scheduler: tuple[subprocess.Popen[bytes], str]
) -> None:
    fleet = Fleet(tmp_path, held, 2, campaigns=60, latency=(0.3, 0.5))
    write_ids(tmp_path / "0.csv", list(fleet.services["north-0"].campaigns)[:1])
    log = tmp_path / "log"
    with process(*worker_of(scheduler[1]), env=full(fleet.env)):
        running = start(fleet, scheduler[1], log)
        wait_for("north-0: published", log, running)
        scheduler[0].kill()
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 4, log.read_text()
    assert [(row["account"], row["exit_code"], row["ok"]) for row in json.loads(out)] == [
        ("north-0", 0, 1), ("north-1", 4, 0),
    ]  # fmt: skip
    assert "was lost" in log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


def test_a_worker_without_the_package_is_named_before_any_account_is_sent(
    tmp_path: Path, held: ExitStack, scheduler: tuple[subprocess.Popen[bytes], str]
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, 'exporter'))]\n"
    )
    fleet = Fleet(tmp_path, held, 1)
    log = tmp_path / "log"
    bare = {**full(fleet.env), "PYTHONPATH": str(tmp_path / "site")}
    with process(*worker_of(scheduler[1]), env=bare, cwd=tmp_path):
        running = start(fleet, scheduler[1], log)
        running.communicate(timeout=60)
    assert running.returncode == 2, log.read_text()
    assert "has no campaign-exporter (Python 3." in log.read_text()
    assert "Install the same version on every worker." in log.read_text()
    assert not fleet.services["north-0"].arrivals


def test_a_cluster_without_a_worker_is_told_and_waited_for(
    tmp_path: Path, held: ExitStack, scheduler: tuple[subprocess.Popen[bytes], str]
) -> None:
    fleet = Fleet(tmp_path, held, 1)
    log = tmp_path / "log"
    running = start(fleet, scheduler[1], log)
    wait_for("no worker yet", log, running)
    with process(*worker_of(scheduler[1]), env=full(fleet.env)):
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 0, log.read_text()
    assert [row["ok"] for row in json.loads(out)] == [12]


def test_an_account_whose_destination_is_still_locked_by_a_worker_that_retires_goes_on_when_it_is_free(
    tmp_path: Path, held: ExitStack, scheduler: tuple[subprocess.Popen[bytes], str]
) -> None:
    """The lock is held by a run of the same account, as a worker that retires still does for its grace."""
    fleet = Fleet(tmp_path, held, 1, campaigns=30, latency=(1.0, 1.2))
    held_by = subprocess.Popen(
        program("fleet", str(fleet.file)), env=full(fleet.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )  # fmt: skip
    while not fleet.services["north-0"].arrivals:
        assert held_by.poll() is None
        time.sleep(0.05)
    log = tmp_path / "log"
    with process(*worker_of(scheduler[1]), env=full(fleet.env)):
        running = start(fleet, scheduler[1], log)
        out, _ = running.communicate(timeout=60)
    held_by.wait(30)
    assert running.returncode == 0, log.read_text()
    assert [row["exit_code"] for row in json.loads(out)] == [0]
