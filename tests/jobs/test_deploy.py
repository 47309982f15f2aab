"""`jobs/deploy`: the examples work as far as a test can see."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml
from click.core import ParameterSource
from prometheus_client.parser import text_string_to_metric_families

from exporter.settings import SETTINGS
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.samples import sample_campaigns
from jobs.cli import cli
from jobs.support.exit_codes import MEANINGS
from tests.support.running import ROOT, full, manifest_of, snapshot_folders
from tests.support.serving import environment, serving

DEPLOY = ROOT / "jobs" / "deploy"


def cronjob() -> Any:
    return yaml.safe_load((DEPLOY / "cronjob.yaml").read_text(encoding="utf-8"))


def test_the_cron_job_is_valid_kubernetes() -> None:
    kubernetes_validate.validate(cronjob(), "1.31", strict=True)


def test_the_cron_job_is_safe_and_fits_the_exit_codes() -> None:
    job = cronjob()["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} <= set(container["resources"])
    (rule,) = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert set(rule["onExitCodes"]["values"]) <= set(MEANINGS)
    # A secret comes as a file, never as a plain value.
    names = {variable["name"] for variable in container["env"]}
    assert "KORE_CLIENT_SECRET_FILE" in names
    assert "KORE_CLIENT_SECRET" not in names


def commands() -> dict[str, list[str]]:
    """The command line of each example, as its machinery splits it."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    (container,) = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    crontab = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()[-1]
    unit = (DEPLOY / "campaign-export.service").read_text(encoding="utf-8")
    program = "/bin/campaign-export "
    return {
        "compose.yaml": compose["services"]["campaign-export"]["command"],
        "cronjob.yaml": container["args"],
        "crontab": shlex.split(crontab.partition(program)[2].partition(" 2>>")[0]),
        "service": shlex.split(next(line for line in unit.splitlines() if program in line).partition(program)[2]),
    }


@pytest.mark.parametrize("example", ["compose.yaml", "cronjob.yaml", "crontab", "service"])
def test_the_program_takes_every_option_of_the_examples(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("https://platform.kore.ai", "/nowhere").items():
        monkeypatch.setenv(name, value)
    name, *arguments = commands()[example]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    with command.make_context(name, list(arguments)) as context:
        names = [parameter.name or "" for parameter in command.params]
        given = {one for one in names if context.get_parameter_source(one) == ParameterSource.COMMANDLINE}
    assert {"dest", "incremental", "keep"} <= given
    assert len(given) == sum(argument.startswith("--") for argument in arguments)


@pytest.mark.parametrize("example", ["cronjob.yaml", "compose.yaml", "campaign-export.service"])
def test_the_examples_set_no_variable_that_the_program_does_not_know(example: str) -> None:
    known = {s.variable for s in SETTINGS} | {s.variable + "_FILE" for s in SETTINGS if s.secret}
    used = set(re.findall(r"\bKORE_[A-Z_]+", (DEPLOY / example).read_text(encoding="utf-8"))) - {"KORE_"}
    assert used <= known, used - known


def test_the_compose_file_has_the_secret_as_a_file_and_a_read_only_root() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["campaign-export"]
    assert service["read_only"] is True
    assert service["environment"]["KORE_CLIENT_SECRET_FILE"].startswith("/run/secrets/")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's systemd)")
@pytest.mark.parametrize("unit", ["campaign-export.service", "campaign-export.timer"])
def test_systemd_accepts_the_units(unit: str, tmp_path: Path) -> None:
    for path in DEPLOY.glob("campaign-export.*"):
        text = path.read_text(encoding="utf-8").replace("/opt/campaign-export/bin/campaign-export", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("crontab") is None, reason="needs crontab (Debian's cron)")
def test_cron_accepts_the_crontab() -> None:
    done = subprocess.run(["crontab", "-n", str(DEPLOY / "crontab")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_crontab_has_no_percent_sign_which_cron_would_cut_at() -> None:
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    assert all("%" not in line for line in lines if not line.startswith("#"))


@contextmanager
def cron_with(table: Path) -> Iterator[None]:
    """Debian's cron at work on one crontab of this user, who has none of their own."""
    daemon = subprocess.Popen(["cron", "-f"], stderr=subprocess.DEVNULL)  # ends at once where one runs already
    try:
        subprocess.run(["crontab", str(table)], check=True)
        yield
    finally:
        subprocess.run(["crontab", "-r"], check=False)
        daemon.terminate()
        daemon.wait(10)


def why_not_cron() -> str | None:
    if shutil.which("cron") is None or shutil.which("crontab") is None:
        return "needs Debian's cron"
    if os.geteuid() != 0:
        return "starting cron needs root"
    if subprocess.run(["crontab", "-l"], capture_output=True, check=False).returncode == 0:
        return "this user has a crontab already, which is not to be touched"
    return None


@pytest.mark.cron
def test_cron_really_runs_the_line(tmp_path: Path) -> None:
    """The line as it stands but for its places and its hour: at the next minute it makes a snapshot."""
    if reason := why_not_cron():
        pytest.skip(reason)
    program = tmp_path / "campaign-export"
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m jobs "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    for folder in ("textfile", "log"):
        (tmp_path / folder).mkdir()
    slots = {
        "0 2 * * *": "* * * * *",
        "/opt/campaign-export/bin/campaign-export": str(program),
        "/etc/campaign-export.env": str(tmp_path / "env"),
        "/srv/campaigns": str(tmp_path / "campaigns"),
        "/var/lib/node_exporter/textfile": str(tmp_path / "textfile"),
        "/var/log": str(tmp_path / "log"),
        "data-team@example.com": '""',
    }
    text = (DEPLOY / "crontab").read_text(encoding="utf-8")
    for locations, ours in slots.items():
        assert locations in text
        text = text.replace(locations, ours)
    table = tmp_path / "crontab"
    table.write_text(text, encoding="utf-8")
    metrics = tmp_path / "textfile" / "campaign_export.prom"
    service = Behaviour(sample_campaigns(30))
    with serving(service) as url:
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in full(environment(url, tmp_path)).items()]
        (tmp_path / "env").write_text("".join(lines), encoding="utf-8")
        with cron_with(table):
            latest = time.monotonic() + 75
            while not metrics.exists() and time.monotonic() < latest:
                time.sleep(0.2)
    log = (tmp_path / "log" / "campaign-export.log").read_text(encoding="utf-8")
    (snapshot,) = snapshot_folders(tmp_path / "campaigns")
    assert manifest_of(snapshot)["counts"]["ok"] == 30
    assert '"event": "summary"' in log
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.read_text(encoding="utf-8"))
        for sample in family.samples
    }
    assert values["campaign_export_last_run_exit_code"] == 0
