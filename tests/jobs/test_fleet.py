"""`campaign-export fleet`: many accounts, in one process and on a Dask cluster of processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import InputError
from exporter.pipeline.fleet import AccountResult, run_side_by_side
from exporter.settings import SigningKey
from exporter.simulator.behaviour import CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour
from exporter.simulator.samples import sample_campaigns
from exporter.stop import Stop
from jobs import cli
from jobs.support.fleet_file import prepare
from jobs.support.fleet_rows import result_row
from tests.support.running import ROOT, full, program, rows_of, run, snapshot_folders, write_ids
from tests.support.serving import serving


class Fleet:
    """Several accounts, each with a service of its own."""

    def __init__(self, tmp_path: Path, held: ExitStack, accounts: int, campaigns: int = 12, **serve: Any) -> None:
        self.tmp_path = tmp_path
        self.services = {}
        self.out = tmp_path / "exports"
        self.file = tmp_path / "fleet.toml"
        self.env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "HUSH": CLIENT_SECRET}
        text = [
            f'out = "{self.out}"',
            "[defaults]",
            'rate = "off"',
            f'stream_id = "{STREAM_ID}"',
            f'client_id = "{CLIENT_ID}"',
            'client_secret_env = "HUSH"',
        ]
        for number in range(accounts):
            account_id = f"66f0a1b2c3d4e5f6a7b8c9d{number:x}"
            service = Behaviour(sample_campaigns(campaigns, seed=number + 1), account_id=account_id)
            url = held.enter_context(serving(service, **serve))
            ids = write_ids(tmp_path / f"{number}.csv", service.campaigns)
            self.services[f"north-{number}"] = service
            text += ["[[account]]", f'name = "north-{number}"', f'host = "{url}"', f'account_id = "{account_id}"',
                     f'ids = "{ids}"']  # fmt: skip
        self.file.write_text("\n".join(text) + "\n", encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run("fleet", str(self.file), "--format", "json", *arguments, env=self.env)

    def folders(self) -> list[Path]:
        return sorted(self.out.glob("account=*/stream=*"))


@pytest.fixture
def fleet_env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "HUSH": CLIENT_SECRET}


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_each_account_gets_its_snapshot_in_its_own_folder(tmp_path: Path, held: ExitStack) -> None:
    fleet = Fleet(tmp_path, held, 3)
    done = fleet.run()
    assert done.returncode == 0, done.stderr
    assert [row["ok"] for row in json.loads(done.stdout)] == [12, 12, 12]
    for folder, service in zip(fleet.folders(), fleet.services.values(), strict=True):
        (snapshot,) = snapshot_folders(folder)
        assert [row["campaign_id"] for row in rows_of(snapshot)] == list(service.campaigns)
    assert len(list((tmp_path / "state" / "campaign-export" / "ledgers").glob("*.sqlite"))) == 0


def test_what_happens_to_one_account_never_touches_another_and_the_worst_code_counts(
    tmp_path: Path, held: ExitStack
) -> None:
    fleet = Fleet(tmp_path, held, 4)
    fleet.services["north-0"].key = "another secret, of more than thirty-two signs"
    fleet.services["north-1"].faults[next(iter(fleet.services["north-1"].campaigns))] = ["no-data"]
    (tmp_path / "3.csv").write_text("nothing,here\n")
    text = fleet.file.read_text(encoding="utf-8").replace("[defaults]", '[defaults]\nmax_failures = "50%"')
    fleet.file.write_text(text, encoding="utf-8")
    done = fleet.run()
    rows = {row["account"]: row for row in json.loads(done.stdout)}
    assert {name: row["exit_code"] for name, row in rows.items()} == {
        "north-0": 3, "north-1": 1, "north-2": 0, "north-3": 2,
    }  # fmt: skip
    assert fleet.services["north-2"].asked_for().keys() == fleet.services["north-2"].campaigns.keys()
    assert done.returncode == 3
    # Whole, and not only as much of it as a table has room for.
    assert "north-0: the service refused the credentials" in done.stderr
    assert "Campaign Management" in done.stderr
    assert "3.csv: none of its columns is called" in done.stderr
    assert CLIENT_SECRET not in done.stdout + done.stderr


def test_faults_of_the_file_are_told_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    text = 'oot = "x"\n[[account]]\naccount_id = "a"\nwokers = 3\n[[account]]\naccount_id = "a"\n[[account]]\n'
    file.write_text(text + 'name = "south"\nmetrics_file = "m"\n')
    done = run("fleet", str(file), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    for told in ("oot: there is no such option; did you mean out?", "out: missing", "did you mean workers?",
                 "a: 2 accounts have this name", "south: account_id: missing", "south: stream_id: missing",
                 "metrics_file: there is no such option"):  # fmt: skip
        assert told in done.stderr


def test_a_signal_stops_all_accounts_and_the_same_command_resumes(tmp_path: Path, held: ExitStack) -> None:
    fleet = Fleet(tmp_path, held, 3, campaigns=30, latency=(0.15, 0.25))
    process = subprocess.Popen(
        program("fleet", str(fleet.file)), env=full(fleet.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    while sum(len(service.arrivals) for service in fleet.services.values()) < 20:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert fleet.run().returncode == 0
    assert max(max(service.asked_for().values()) for service in fleet.services.values()) == 1


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("account = [1, 2]", "[[account]]"),
        ('[[account]]\nname = "a\\u001b[2J\\nb"\naccount_id = "1"', "name: must be a text of printable"),
        ('[[account]]\naccount_id = "1"\nids = 5', "ids: must be the path of a file, or a list"),
        ("[[account]]\naccount_id = {a = 1}", "account_id: must be one value or a list of texts"),
        (
            '[[account]]\naccount_id = "1"\nclient_secret = "hush"',
            "a secret does not belong here: write client_secret_env",
        ),
        ('[[account]]\naccount_id = "1\\u0000"', "account_id: holds a control character"),
    ],
)
def test_a_fleet_file_of_the_wrong_kind_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    done = run("fleet", str(file), "--out", str(tmp_path / "out"), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert told in done.stderr
    assert "\x1b" not in done.stderr
    assert "hush" not in done.stderr
    assert not (tmp_path / "out").exists()


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


def test_an_account_sees_only_its_own_variables_and_changes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KORE_STREAM_ID", "st-somebody-else")
    environ = {**os.environ, "NORTH": "north-secret-of-more-than-thirty-two-signs", "KORE_CLIENT_SECRET": "another"}
    before = dict(os.environ)
    entry = {"name": "north", "host": "h", "stream_id": "st-1", "account_id": "a", "client_id": "cs-1",
             "client_secret_env": "NORTH", "out": "x", "ids": ["cd-1", "cd-2", "cd-1"],
             "max_duration": "4h"}  # fmt: skip
    account = prepare(entry, environ)
    assert account.settings.stream_id == "st-1"
    assert "north-secret" not in repr(account)
    assert account.ids is not None
    assert (account.ids.given, account.ids.repeats) == (3, 1)
    assert account.fetch.max_duration == 4 * 3600
    assert dict(os.environ) == before
    with pytest.raises(InputError, match="STREAM_ID"):
        prepare({**entry, "stream_id": ""}, environ)


def test_accounts_that_are_read_at_the_same_time_never_see_each_other() -> None:
    def read(number: int) -> str:
        entry = {"name": f"n{number}", "host": f"h{number}", "stream_id": "st-1", "account_id": f"a{number}",
                 "client_id": "cs-1", "client_secret_env": f"SECRET_{number}", "out": "x"}  # fmt: skip
        secrets = {f"SECRET_{one}": f"secret-of-number-{one}-with-more-than-thirty-two-signs" for one in range(40)}
        credentials = prepare(entry, secrets).settings.credentials
        assert isinstance(credentials, SigningKey)
        return credentials.key.reveal()

    with ThreadPoolExecutor(8) as pool:
        for number, secret in enumerate(pool.map(read, range(40))):
            assert secret == f"secret-of-number-{number}-with-more-than-thirty-two-signs"


async def test_a_fault_of_the_program_in_one_account_is_no_other_accounts_matter() -> None:
    async def run_one(name: str, stop: Stop) -> AccountResult:
        if name == "bad":
            raise ZeroDivisionError("oops")
        await asyncio.sleep(0)
        return AccountResult(name, ok=1)

    results = await run_side_by_side(["good", "bad", "also good"], run_one, parallel=2, stop=Stop())
    assert [(row["exit_code"], row["ok"]) for row in map(result_row, results)] == [(0, 1), (70, 0), (0, 1)]
    assert "ZeroDivisionError: oops" in str(results[1].error)


def test_as_many_files_as_the_system_lets_us_may_be_open() -> None:
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, 4096)); "
        "from jobs.fleet import allow_open_files as a; a(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "(4096, 4096)"
