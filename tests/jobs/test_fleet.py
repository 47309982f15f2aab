"""`campaign-export fleet`: many accounts in one process."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.pipeline.fleet import AccountResult, run_side_by_side
from exporter.simulator.simulated_service import CLIENT_SECRET
from exporter.stop import Stop
from jobs.support.fleet_rows import result_row
from tests.support.fleets import Fleet
from tests.support.fleets import held as held
from tests.support.metrics import samples_in
from tests.support.running import ROOT, full, program, rows_of, snapshot_folders, wait_until


def samples(metrics: Path) -> dict[tuple[str, str], float]:
    """The samples that an account has one of: (name, account) -> value."""
    return {(sample.name, sample.labels["account"]): sample.value for sample in samples_in(metrics)}


def test_each_account_gets_its_snapshot_and_a_secret_that_takes_long_to_print_holds_up_no_other(
    tmp_path: Path, held: ExitStack
) -> None:
    fleet = Fleet(tmp_path, held, 3)
    others_published = f"[ $(ls -d {fleet.out}/*/*/snapshot=* | wc -l) = 2 ]"
    command = f"until {others_published}; do sleep 0.1; done; printenv HUSH"
    own = f'name = "north-1"\nclient_secret_env = ""\nclient_secret_command = "{command}"'
    fleet.change('name = "north-1"', own)
    done = fleet.run()
    assert done.returncode == 0, done.stderr
    assert [row["ok"] for row in json.loads(done.stdout)] == [12, 12, 12]
    for folder, service in zip(fleet.folders(), fleet.services.values(), strict=True):
        (snapshot,) = snapshot_folders(folder)
        assert [row["campaign_id"] for row in rows_of(snapshot)] == list(service.campaigns)


def test_what_happens_to_one_account_never_touches_another_and_the_worst_code_counts(
    tmp_path: Path, held: ExitStack
) -> None:
    fleet = Fleet(tmp_path, held, 4)
    fleet.services["north-0"].key = "another secret, of more than thirty-two signs"
    fleet.services["north-1"].faults[next(iter(fleet.services["north-1"].campaigns))] = ["no-data"]
    (tmp_path / "3.csv").write_text("nothing,here\n")
    fleet.change("[defaults]", '[defaults]\nmax_failures = "50%"')
    metrics = tmp_path / "fleet.prom"
    done = fleet.run("--metrics-file", str(metrics))
    rows = {row["account"]: row for row in json.loads(done.stdout)}
    codes = {"north-0": 3, "north-1": 1, "north-2": 0, "north-3": 2}
    assert {name: row["exit_code"] for name, row in rows.items()} == codes
    assert [row["ok"] for row in rows.values()] == [0, 11, 12, 0]
    assert {name: row["requests"] for name, row in rows.items()} == {
        name: len(service.arrivals) for name, service in fleet.services.items()
    }
    written = samples(metrics)
    accounts = [service.account_id for service in fleet.services.values()]
    assert {account: written["last_run_exit_code", account] for account in accounts} == dict(
        zip(accounts, codes.values(), strict=True)
    )
    assert [written["requests", account] for account in accounts] == [row["requests"] for row in rows.values()]
    assert [account for account in accounts if written["last_success_timestamp_seconds", account]] == [accounts[2]]
    assert fleet.services["north-2"].asked_for().keys() == fleet.services["north-2"].campaigns.keys()
    assert done.returncode == 3
    # Whole, and not only as much of it as a table has room for.
    assert "north-0: the service refused the credentials" in done.stderr
    assert re.search("north-0: Check client_secret.*Campaign Management", done.stderr), "each line names its account"
    assert "3.csv: no column is called" in done.stderr
    assert CLIENT_SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("output", [">&-", "| (exec <&-)"])
def test_results_that_cannot_be_shown_leave_the_exit_code_as_it_is(
    output: str, tmp_path: Path, held: ExitStack
) -> None:
    fleet = Fleet(tmp_path, held, 2)
    fleet.services["north-0"].key = "another secret, of more than thirty-two signs"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {output}', "bash", *program("fleet", str(fleet.file))],
        env=full(fleet.env), capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 3
    assert ("warning: the results are not shown" in done.stderr) == output.startswith(">")
    assert len(snapshot_folders(fleet.folders()[1])) == 1


def test_a_signal_stops_all_accounts_and_the_same_command_resumes(tmp_path: Path, held: ExitStack) -> None:
    fleet = Fleet(tmp_path, held, 3, campaigns=30, latency=(0.15, 0.25))
    process = subprocess.Popen(
        program("fleet", str(fleet.file)), env=full(fleet.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    wait_until(lambda: sum(len(service.arrivals) for service in fleet.services.values()) >= 20, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert fleet.run().returncode == 0
    assert max(max(service.asked_for().values()) for service in fleet.services.values()) == 1


def test_the_command_that_repeats_what_failed_works_as_printed(tmp_path: Path, held: ExitStack) -> None:
    fleet = Fleet(tmp_path, held, 2)
    ids = (tmp_path / "1.csv").read_text()
    (tmp_path / "1.csv").write_text("nothing,here\n")
    other, metrics, config = tmp_path / "other place", tmp_path / "fleet.prom", tmp_path / "my config.toml"
    config.write_text('engine = "local"\n')
    given = ("--out", str(other), "--metrics-file", str(metrics), "--parallel", "7", "--config", str(config))
    done = fleet.run(*given, "--log-format", "json")
    assert done.returncode == 2
    (tmp_path / "1.csv").write_text(ids)
    (command,) = re.findall("repeat what failed: (.*)", "\n".join(_messages(done.stderr)))
    words = shlex.split(command)
    assert {"--parallel=7", f"--config={config}", "--format=json", "--log-format=json"} < set(words)
    again = subprocess.run(command, shell=True, cwd=ROOT, env=full(fleet.env), capture_output=True, check=False)
    assert again.returncode == 0, (command, again.stderr)
    assert len(list(other.glob("account=*/stream=*/snapshot=*"))) == 2
    account = fleet.services["north-1"].account_id
    assert samples(metrics)["last_run_exit_code", account] == 0
    assert len(fleet.services["north-0"].arrivals) == len(fleet.services["north-0"].campaigns)


def _messages(log: str) -> list[str]:
    return [json.loads(line)["message"] for line in log.splitlines() if '"message"' in line]


async def test_a_fault_of_the_program_in_one_account_is_no_other_accounts_matter() -> None:
    async def run_one(name: str, stop: Stop) -> AccountResult:
        if name == "bad":
            raise ZeroDivisionError("oops")
        await asyncio.sleep(0)
        return AccountResult(name)

    results = await run_side_by_side(["good", "bad", "also good"], run_one, parallel=2, stop=Stop())
    assert [row["exit_code"] for row in map(result_row, results)] == [0, 70, 0]
    assert "ZeroDivisionError: oops" in str(results[1].error)
