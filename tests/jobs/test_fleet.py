"""`campaign-export fleet`: many accounts, in one process and on a Dask cluster of processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.behaviour import CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour
from exporter.simulator.samples import sample_campaigns
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
        return sorted(self.out.glob("account=*"))


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
    assert done.returncode == 3
    assert CLIENT_SECRET not in done.stdout + done.stderr


def test_faults_of_the_file_are_told_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('oot = "x"\n[[account]]\naccount_id = "a"\nwokers = 3\n[[account]]\naccount_id = "a"\n')
    done = run("fleet", str(file), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    for told in ("'oot'", "`out` is missing", "'wokers'", "stands there twice"):
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


def test_accounts_of_a_lost_dask_worker_are_run_again_and_resumed(
    tmp_path: Path, held: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra fleet")
    fleet = Fleet(tmp_path, held, 4, campaigns=24, latency=(0.2, 0.3))
    for name, value in fleet.env.items():
        monkeypatch.setenv(name, value)  # the workers', where secrets are resolved
    cluster = distributed.LocalCluster(
        n_workers=2,
        processes=True,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )
    with cluster:
        process = subprocess.Popen(
            program(
                "fleet", str(fleet.file), "--format", "json", "--engine", "dask",
                "--scheduler", cluster.scheduler_address,
            ),
            env=full(fleet.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        while len(fleet.services["north-0"].arrivals) < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        victim = next(iter(cluster.workers.values()))
        os.kill(victim.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert [row["ok"] for row in json.loads(out)] == [24] * 4
    assert "runs on tcp://127.0.0.1" in err
    asked = [service.asked_for() for service in fleet.services.values()]
    assert all(
        set(counts) == set(service.campaigns) for counts, service in zip(asked, fleet.services.values(), strict=True)
    )
    # Only what was under way at the lost worker was asked for again.
    assert sum(number - 1 for counts in asked for number in counts.values()) <= 2 * 16


def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path, held: ExitStack) -> None:
    fleet = Fleet(tmp_path, held, 1)
    done = fleet.run("--engine", "dask", "--scheduler", "nonsense://x")
    assert (done.returncode, "--scheduler" in done.stderr) == (2, True)
    assert fleet.run("--engine", "dask").returncode == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("account = [1, 2]", "[[account]]"),
        ('[[account]]\nname = "a\\u001b[2J\\nb"\naccount_id = "1"', "cannot be printed"),
        ('[[account]]\naccount_id = "1"\nids = 5', "ids must be a text"),
        ("[[account]]\naccount_id = {a = 1}", "account_id must be a text"),
        ('[[account]]\naccount_id = "1"\nclient_secret = "hush"', "no option 'client_secret'"),
        ('[[account]]\naccount_id = "1\\u0000"', "cannot be printed"),
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
