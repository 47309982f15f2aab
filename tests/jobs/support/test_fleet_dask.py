"""`jobs.support.fleet_dask`: a fleet on a Dask cluster of processes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exporter import __version__
from exporter.clock import SystemClock
from exporter.errors import DestinationBusy
from exporter.events import Emit, Paused, Settled, Spent, WaitingForSlot, Warned, ignore
from exporter.model import Usage
from exporter.pipeline.fleet import AccountResult
from exporter.simulator.simulated_service import CLIENT_SECRET
from exporter.snapshot_store.lock import RunLock
from jobs import cli
from jobs.support.event_console import Console
from jobs.support.fleet_file import read_fleet
from tests.support.fleets import Fleet
from tests.support.fleets import held as held
from tests.support.forked_program import ForkedProgram
from tests.support.running import ROOT, full, wait_until, write_ids

distributed = pytest.importorskip("distributed", reason="needs the extra fleet")
fleet_dask = pytest.importorskip("jobs.support.fleet_dask")

IMPATIENT = (
    "from jobs.support import fleet_dask as f; f.PATIENCE_WITHOUT_WORKERS = 0.1; from jobs import cli; cli.main()"
)
"""The program, which says after a tenth of a second, not after five, that the cluster has no worker."""


LOOPBACK = "127.0.0.1:0"
"""Of the pages that every process of Dask serves; without it they are served to the whole network."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers, each a process with the secrets in its environment. The tests of this file share them."""
    home = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": home, "XDG_STATE_HOME": home, "HUSH": CLIENT_SECRET}.items():
            patch.setenv(name, value)
        with distributed.LocalCluster(
            n_workers=2,
            processes=True,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            silence_logs=50,
        ) as running:
            yield running


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


@contextmanager
def worker(address: str, fleet: Fleet, site: Path, customize: str, cwd: Path = ROOT) -> Iterator[None]:
    """A worker in a process of its own, whose interpreter begins with `customize`."""
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(customize)
    env = full(fleet.env)
    env["PYTHONPATH"] = f"{site}:{env['PYTHONPATH'] if cwd == ROOT else ''}"
    options = (
        "--no-nanny",
        "--nthreads",
        "1",
        "--host",
        "127.0.0.1",
        "--no-dashboard",
        "--dashboard-address",
        LOOPBACK,
    )
    with process("distributed.cli.dask_worker", address, *options, env=env, cwd=cwd):
        yield


class Command:
    """The fleet's command; it knows no secret."""

    def __init__(self, fleet: Fleet, scheduler: str) -> None:
        arguments = ("fleet", str(fleet.file), "--format", "json", "--engine", "dask", "--scheduler", scheduler)
        env = {name: value for name, value in fleet.env.items() if name != "HUSH"}
        self._log = fleet.tmp_path / "log"
        with self._log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", IMPATIENT, *arguments], env=full(env), stdout=subprocess.PIPE, stderr=stderr,
                text=True, cwd=ROOT,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, seen: Callable[[], Any]) -> Any:
        while not (found := seen()):
            assert self.process.poll() is None, self.log
            time.sleep(0.05)
        return found

    def wait_for_line(self, pattern: str) -> str:
        """The group of a line of the log."""
        return str(self.wait_for(lambda: re.search(pattern, self.log))[1])

    def end(self) -> tuple[int, list[dict[str, Any]]]:
        """The exit code, and the rows of the results."""
        out, _ = self.process.communicate(timeout=60)
        assert "Traceback" not in self.log, self.log
        return self.process.returncode, json.loads(out or "[]")


@pytest.mark.slow
def test_accounts_of_workers_that_retire_or_are_lost_go_on_elsewhere_and_a_finished_one_does_not(
    tmp_path: Path, held: ExitStack, cluster: Any
) -> None:
    fleet = Fleet(tmp_path, held, 2, campaigns=40, latency=(0.15, 0.2))
    fleet.change("[defaults]", "[defaults]\nworkers = 2")
    write_ids(tmp_path / "0.csv", list(fleet.services["north-0"].campaigns)[:1])
    long = fleet.services["north-1"]
    command = Command(fleet, cluster.scheduler_address)
    command.wait_for_line("(north-0: published)")
    command.wait_for(lambda: len(long.arrivals) >= 8)
    retiring = command.wait_for_line("north-1: runs on (.*)")
    cluster.sync(cluster.scheduler.retire_workers, [retiring], close_workers=True)
    lost = command.wait_for_line("north-1: runs again, on (.*)")
    before = len(long.arrivals)
    command.wait_for(lambda: len(long.arrivals) >= before + 8)
    (nanny,) = [nanny for nanny in cluster.workers.values() if nanny.worker_address == lost]
    os.kill(nanny.pid, signal.SIGKILL)
    code, rows = command.end()
    assert code == 0, command.log
    assert [row["ok"] for row in rows] == [1, 40]
    assert "tasks: 2 finished, 0 cancelled, 0 lost; 2 begun again" in command.log
    # The result of north-0 was lost with its worker too. Of north-1 only what was under way there, and what was
    # answered and not yet on the disk, was asked for again: a worker that retires brings that to its end.
    assert fleet.services["north-0"].asked_for().total() == 1
    assert len(long.asked_for()) == 40
    assert long.asked_for().total() <= 40 + 4


def test_a_signal_stops_the_accounts_on_the_workers_too_and_a_finished_one_keeps_its_row(
    tmp_path: Path, held: ExitStack, cluster: Any, forked: ForkedProgram
) -> None:
    # Some three seconds of work: a worker looks every half a second whether its task is still wanted.
    fleet = Fleet(tmp_path, held, 2, campaigns=120, latency=(0.3, 0.5))
    write_ids(tmp_path / "0.csv", list(fleet.services["north-0"].campaigns)[:1])
    command = Command(fleet, cluster.scheduler_address)
    command.wait_for_line("(north-0: published)")
    command.wait_for(lambda: fleet.services["north-1"].arrivals)
    command.process.send_signal(signal.SIGTERM)
    code, rows = command.end()
    assert code == 143, command.log
    assert [(row["exit_code"], row["ok"]) for row in rows] == [(0, 1), (143, 0)]
    assert "tasks: 1 finished, 1 cancelled, 0 lost; 0 begun again" in command.log
    # The worker lets go of the lock when its requests are answered. Nothing is asked for twice, whoever goes on.
    goes_on = ("fleet", str(fleet.file), "--only", "north-1")
    while (done := forked.run(*goes_on, env=fleet.env)).returncode == 5:
        time.sleep(0.1)
    assert done.returncode == 0, done.stderr
    assert max(fleet.services["north-1"].asked_for().values()) == 1


def test_workers_that_lack_the_package_or_have_another_version_are_named_before_any_account_is_sent(
    tmp_path: Path, held: ExitStack, cluster: Any
) -> None:
    fleet = Fleet(tmp_path, held, 1)
    bare = (
        "import os, sys\n"
        "sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, 'exporter'))]\n"
    )
    other = tmp_path / "other"
    (other / "exporter").mkdir(parents=True)
    (other / "exporter" / "__init__.py").write_text('__version__ = "0.9.0"\n')
    good = len(cluster.scheduler.workers)
    with (
        worker(cluster.scheduler_address, fleet, tmp_path / "bare", bare, cwd=tmp_path),
        worker(cluster.scheduler_address, fleet, other, "", cwd=tmp_path),
    ):
        wait_until(lambda: len(cluster.scheduler.workers) >= good + 2)
        command = Command(fleet, cluster.scheduler_address)
        code, rows = command.end()
    assert (code, rows) == (2, []), command.log
    assert len(re.findall(r"worker tcp://\S+ has ", command.log)) == 2
    assert re.search(r"has no campaign-exporter \(Python 3\.\S+\), and this command ", command.log)
    assert re.search(rf"has campaign-exporter 0\.9\.0 \(Python 3\.\S+\), and this command {__version__}", command.log)
    assert "Install the same version on every worker." in command.log
    assert not fleet.services["north-0"].arrivals


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler in a process of its own, and its address."""
    file = tmp_path / "scheduler.json"
    arguments = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", LOOPBACK)
    with process("distributed.cli.dask_scheduler", *arguments, "--scheduler-file", str(file), env=full({})) as running:
        written = wait_until(lambda: file.exists() and file.read_text(), running)
        yield running, json.loads(written)["address"]


def test_a_worker_is_waited_for_and_a_lost_scheduler_ends_with_4_and_the_rows_that_are_done(
    tmp_path: Path, held: ExitStack, scheduler: tuple[subprocess.Popen[bytes], str]
) -> None:
    fleet = Fleet(tmp_path, held, 2, campaigns=60, latency=(0.3, 0.5))
    write_ids(tmp_path / "0.csv", list(fleet.services["north-0"].campaigns)[:1])
    running, address = scheduler
    command = Command(fleet, address)
    command.wait_for_line("(the cluster has no worker yet: waiting for one)")
    newer = "import platform\nplatform.python_version = lambda: '3.99.0'\n"
    with worker(address, fleet, tmp_path / "newer", newer):
        command.wait_for_line("(north-0: published)")
        running.kill()
        code, rows = command.end()
    assert code == 4, command.log
    assert [(row["account"], row["exit_code"], row["ok"]) for row in rows] == [("north-0", 0, 1), ("north-1", 4, 0)]
    assert re.search(r"worker tcp://\S+ runs Python 3\.99\.0, this command 3\.", command.log)
    assert f"north-1: the scheduler {address} was lost. The same command resumes." in command.log
    assert "tasks: 1 finished, 0 cancelled, 1 lost; 0 begun again" in command.log


class ThisWorker:
    """What an account sees of the worker that runs it."""

    address = "tcp://127.0.0.1:1"
    state = SimpleNamespace(tasks={"key": SimpleNamespace(state="executing")})

    def __init__(self, status: str) -> None:
        self.status = SimpleNamespace(name=status)
        self.logged: list[dict[str, str]] = []

    def get_current_task(self) -> str:
        return "key"

    def log_event(self, topic: str, event: dict[str, str]) -> None:
        self.logged.append(event)


def test_an_account_waits_for_the_lock_of_its_destination_and_leaves_a_worker_that_closes(
    tmp_path: Path, held: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(tmp_path, held, 1)
    (entry,) = read_fleet(str(fleet.file), None)
    monkeypatch.setenv("HUSH", CLIENT_SECRET)
    monkeypatch.setattr(fleet_dask, "LOOK_EVERY", 0.05)

    def run_on(status: str, *, patience: float) -> dict[str, Any]:
        worker = ThisWorker(status)
        monkeypatch.setattr(fleet_dask, "get_worker", lambda: worker)
        monkeypatch.setattr(fleet_dask, "BUSY_FOR", patience)
        try:
            return fleet_dask.run_entry(entry, "topic")
        finally:
            assert worker.logged == [{"account": "north-0", "worker": worker.address}]

    another = ExitStack()
    another.enter_context(RunLock(Path(entry["out"]) / ".work", clock=SystemClock(), emit=ignore))
    assert run_on("running", patience=0.1)["exit_code"] == 5
    with pytest.raises(distributed.Reschedule):
        run_on("closing", patience=60.0)
    run_account = fleet_dask.run_account

    async def freed_once_it_was_busy(*arguments: Any, **more: Any) -> AccountResult:
        result = await run_account(*arguments, **more)
        if isinstance(result.error, DestinationBusy):
            another.close()
        return result

    monkeypatch.setattr(fleet_dask, "run_account", freed_once_it_was_busy)
    row = run_on("running", patience=60.0)
    assert (row["exit_code"], row["ok"]) == (0, 12)
    assert "waits for its destination: another run is at work here" in row["log"][0]


def test_the_log_of_an_account_has_no_details(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_account(name: str, job: Any, *, emit: Emit, stop: Any) -> AccountResult:
        for event in (
            WaitingForSlot(41.0, 1e9),
            Paused("rate_limit", 0.4, 1e9, "HTTP 429"),
            Settled("cd-1", "ok", 1),
            Spent(Usage()),
            Warned("the clock is off"),
        ):
            emit(event)
        return AccountResult(name)

    monkeypatch.setattr(fleet_dask, "get_worker", lambda: ThisWorker("running"))
    monkeypatch.setattr(fleet_dask, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(fleet_dask, "run_account", run_account)
    assert fleet_dask.run_entry({"name": "north"}, "topic")["log"] == ["warning: the clock is off"]


class Ended:
    """A task that ended otherwise than with a row."""

    def __init__(self, exception: Exception | None = None, cancelled: BaseException | None = None) -> None:
        self._exception, self._cancelled = exception, cancelled

    def exception(self, timeout: float) -> Exception | None:
        return self._exception

    def result(self, timeout: float) -> None:
        assert self._cancelled is not None
        raise self._cancelled


def test_tasks_that_are_cancelled_or_lost_are_distinguished_and_all_of_them_resume() -> None:
    from distributed.client import FutureCancelledError

    killed = distributed.KilledWorker("key", None, 3)
    for task, ending, text in [
        (Ended(killed), "lost", "4 workers that ran it were lost."),
        (Ended(cancelled=FutureCancelledError("key", "scheduler-restart")), "cancelled", "(scheduler-restart)."),
    ]:
        ended, row = fleet_dask.ending_of("north", task)
        assert (ended, row["exit_code"]) == (ending, 4)
        assert f"{text} The same command resumes." in row["error"]
    with pytest.raises(FutureCancelledError):
        fleet_dask.ending_of("north", Ended(cancelled=FutureCancelledError("key", "scheduler-connection-lost")))


def test_what_became_of_the_tasks_is_in_json_logs_too() -> None:
    stream = io.StringIO()
    tasks = fleet_dask.Tasks(Console(stream=stream, verbosity=0, as_json=True))
    for name in ("north", "south", "north"):
        tasks.begins((0.0, {"account": name, "worker": "tcp://127.0.0.1:1"}))
    tasks.ended.update(["finished", "lost"])
    tasks.tell()
    *_, again, ended = map(json.loads, stream.getvalue().splitlines())
    assert again["message"] == "north: runs again, on tcp://127.0.0.1:1"
    assert {name: ended[name] for name in ("event", "finished", "cancelled", "lost", "again")} == {
        "event": "tasks", "finished": 1, "cancelled": 0, "lost": 1, "again": 1,
    }  # fmt: skip


def test_a_scheduler_that_does_not_answer_is_reported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('out = "x"\n[[account]]\naccount_id = "a"\nstream_id = "s"\n')
    for scheduler in ("nonsense://x", "127.0.0.1:1", "tcp://127.0.0.1:1", "tcp://[::1", "tcp://a:99999"):
        assert cli.run(["fleet", str(file), "--engine", "dask", "--scheduler", scheduler]) == 2
        assert f"--scheduler {scheduler} does not answer" in capfd.readouterr().err
    assert cli.run(["fleet", str(file), "--engine", "dask"]) == 2
