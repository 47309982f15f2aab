"""`jobs/deploy`: the examples work as far as a test can see."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.core import ParameterSource

from exporter.settings import SETTINGS
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.simulator.variables import account_variables, variables_text
from tests.support.command_line import command_of
from tests.support.metrics import samples_in
from tests.support.running import ROOT, full, manifest_of, run, snapshot_folders
from tests.support.serving import environment, serving

DEPLOY = ROOT / "jobs" / "deploy"


def test_the_help_says_where_the_examples_are() -> None:
    done = run("--help", env={})
    assert done.stdout.rstrip().endswith(str(DEPLOY))
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert packages["targets"]["wheel"]["packages"] == ["exporter", "jobs"], "the wheel holds jobs/deploy, too"


FINAL = {1, 2, 3, 6, 70}
"""Exit codes after which the same command at once would only publish gaps again, or fail again."""


def cronjob() -> Any:
    return yaml.safe_load((DEPLOY / "cronjob.yaml").read_text(encoding="utf-8"))


def test_the_cron_job_and_its_volume_are_valid_kubernetes_and_fit() -> None:
    claim = yaml.safe_load((DEPLOY / "volume-claim.yaml").read_text(encoding="utf-8"))
    for document in (cronjob(), claim):
        kubernetes_validate.validate(document, "1.31", strict=True)
    volumes = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    assert claim["metadata"]["name"] in {volume.get("persistentVolumeClaim", {}).get("claimName") for volume in volumes}


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
    assert set(rule["onExitCodes"]["values"]) == FINAL
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
    command = command_of(name)
    with command.make_context(name, list(arguments)) as context:
        names = [parameter.name or "" for parameter in command.params]
        given = {one for one in names if context.get_parameter_source(one) == ParameterSource.COMMANDLINE}
    assert {"dest", "incremental", "keep"} <= given
    assert len(given) == sum(argument.startswith("--") for argument in arguments)


def known_variables() -> set[str]:
    secrets = {s.variable + ending for s in SETTINGS if s.secret for ending in ("_FILE", "_COMMAND")}
    return {s.variable for s in SETTINGS} | secrets


@pytest.mark.parametrize("example", ["cronjob.yaml", "compose.yaml", "campaign-export.service", "kore.env"])
def test_the_examples_set_no_variable_that_the_program_does_not_know(example: str) -> None:
    known = known_variables()
    used = set(re.findall(r"\bKORE_[A-Z_]+", (DEPLOY / example).read_text(encoding="utf-8"))) - {"KORE_"}
    assert used <= known, used - known


def test_the_sample_of_variables_reads_alike_in_sh_systemd_and_docker() -> None:
    text = (DEPLOY / "kore.env").read_text(encoding="utf-8")
    variables = read_env(text)
    assert set(variables) <= known_variables()
    assert {"KORE_HOST", "KORE_STREAM_ID", "KORE_ACCOUNT_ID", "KORE_CLIENT_ID"} <= set(variables)
    assert "KORE_CLIENT_SECRET" not in variables
    assert in_sh(DEPLOY / "kore.env").items() >= variables.items()


def test_the_variables_of_the_simulator_read_alike_too(tmp_path: Path) -> None:
    path = tmp_path / "kore.env"
    path.write_text(variables_text(account_variables("http://127.0.0.1:8080"), "env") + "\n", encoding="utf-8")
    variables = read_env(path.read_text(encoding="utf-8"))
    assert variables["KORE_HOST"] == "http://127.0.0.1:8080"
    assert in_sh(path).items() >= variables.items()


def read_env(text: str) -> dict[str, str]:
    """As Docker reads it: everything behind the first = is the value, quotes too. All others agree on plain values."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Z_]+=[\w./:@%+,=-]+", line, re.ASCII) for line in lines)
    return dict(line.split("=", 1) for line in lines)


def in_sh(path: Path) -> dict[str, str]:
    done = subprocess.run(
        ["sh", "-c", f"set -a; . {path}; set +a; env"], env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_the_compose_file_has_the_secret_as_a_file_and_a_read_only_root() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["campaign-export"]
    assert service["read_only"] is True
    assert service["environment"]["KORE_CLIENT_SECRET_FILE"].startswith("/run/secrets/")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name, encoding="utf-8")
    return parser


def test_the_service_restarts_only_what_a_restart_can_mend() -> None:
    service = unit("campaign-export.service")["Service"]
    assert service["Restart"] == "on-failure"
    assert set(map(int, service["RestartPreventExitStatus"].split())) == FINAL
    assert unit("campaign-export.service")["Unit"]["StartLimitBurst"] == "4"


def test_analysts_can_read_the_snapshots_that_the_examples_make() -> None:
    assert int(unit("campaign-export.service")["Service"]["UMask"], 8) & 0o055 == 0
    assert "umask 022;" in (DEPLOY / "crontab").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's systemd)")
@pytest.mark.parametrize("name", ["campaign-export.service", "campaign-export.timer"])
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    for path in DEPLOY.glob("campaign-export.*"):
        text = path.read_text(encoding="utf-8").replace("/opt/campaign-export/bin/campaign-export", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def alerts() -> dict[str, str]:
    """The expression of each alert."""
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    (group,) = rules["groups"]
    for rule in group["rules"]:
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def test_the_alerts_speak_of_metrics_that_are_written() -> None:
    source = (ROOT / "jobs" / "support" / "metrics.py").read_text(encoding="utf-8")
    for name in re.findall(r"campaign_export_(\w+)", " ".join(alerts().values())):
        assert f'"{name}"' in source, name


def test_every_exit_code_that_needs_a_person_has_an_alert() -> None:
    expressions = " ".join(alerts().values())
    for code in FINAL - {70}:
        assert f"exit_code == {code}" in expressions
    assert "exit_code > 6" in expressions


ENDS: dict[str, tuple[int, float, set[str]]] = {
    "good": (0, 1, set()),
    "old": (0, 27, {"CampaignExportNoSuccess"}),
    "gaps": (1, 1, {"CampaignExportGaps"}),
    "settings": (2, 1, {"CampaignExportWrongSettings"}),
    "refused": (3, 1, {"CampaignExportCredentialsRefused"}),
    "stopped": (4, 1, set()),
    "unpublished": (6, 1, {"CampaignExportNotPublished"}),
    "bug": (70, 1, {"CampaignExportUnknownEnd"}),
    "crash": (139, 1, {"CampaignExportUnknownEnd"}),
    "terminated": (143, 1, set()),
    "never": (3, 48, {"CampaignExportCredentialsRefused", "CampaignExportNoSuccess"}),
}
"""For an account: its exit code, hours since the last success, and the alerts that fire."""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian's prometheus)")
def test_promtool_fires_the_alerts_of_each_exit_code(tmp_path: Path) -> None:
    """The clock of promtool's test begins at 0, so it is asked at 48 hours."""
    series = []
    for account, (code, hours, _) in ENDS.items():
        metrics = {
            "last_run_exit_code": code,
            "last_run_timestamp_seconds": 47 * 3600,
            "last_success_timestamp_seconds": (48 - hours) * 3600,
            "requests_rate_limited": 0,
        }
        for name, value in metrics.items():
            series.append({"series": f'campaign_export_{name}{{account="{account}"}}', "values": f"{value}x720"})
    # None is expected, so that promtool lists all that fire.
    expected = [{"eval_time": "48h", "alertname": name, "exp_alerts": []} for name in alerts()]
    test = {"interval": "4m", "input_series": series, "alert_rule_test": expected}
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [test]}), encoding="utf-8"
    )
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    firing: dict[str, set[str]] = {account: set() for account in ENDS}
    for account, alert in re.findall(r'Labels:{account="(\w+)", alertname="(\w+)"', done.stdout + done.stderr):
        firing[account].add(alert)
    assert firing == {account: alerts for account, (_, _, alerts) in ENDS.items()}, done.stderr


@pytest.mark.skipif(shutil.which("crontab") is None, reason="needs crontab (Debian's cron)")
def test_cron_accepts_the_crontab() -> None:
    done = subprocess.run(["crontab", "-n", str(DEPLOY / "crontab")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_crontab_has_no_percent_sign_which_cron_would_cut_at() -> None:
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    assert all("%" not in line for line in lines if not line.startswith("#"))


@contextmanager
def cron_with(table: Path) -> Iterator[None]:
    """Debian's cron at work on one crontab of this user, who has none of their own.

    The crontab is there before cron starts: cron knows a change by the second of its folder only, so that one made in
    the very second in which it reads the folder for the first time may stay unseen for good.
    """
    subprocess.run(["crontab", str(table)], check=True)
    try:
        daemon = subprocess.Popen(["cron", "-f"], stderr=subprocess.DEVNULL)  # ends at once where one runs already
        try:
            yield
        finally:
            daemon.terminate()
            daemon.wait(10)
    finally:
        subprocess.run(["crontab", "-r"], check=False)


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
    replaced = {
        "0 2 * * *": "* * * * *",
        "/opt/campaign-export/bin/campaign-export": str(program),
        "/etc/campaign-export/kore.env": str(tmp_path / "env"),
        "/srv/campaigns": str(tmp_path / "campaigns"),
        "/var/lib/node_exporter/textfile": str(tmp_path / "textfile"),
        "/var/log": str(tmp_path / "log"),
        "data-team@example.com": '""',
    }
    text = (DEPLOY / "crontab").read_text(encoding="utf-8")
    for example, ours in replaced.items():
        assert example in text
        text = text.replace(example, ours)
    table = tmp_path / "crontab"
    table.write_text(text, encoding="utf-8")
    metrics = tmp_path / "textfile" / "campaign_export.prom"
    service = Behaviour(sample_campaigns(30))
    with serving(service) as url:
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in full(environment(url, tmp_path)).items()]
        (tmp_path / "env").write_text("".join(lines), encoding="utf-8")
        with cron_with(table):
            latest = time.monotonic() + 150
            while not metrics.exists() and time.monotonic() < latest:
                time.sleep(0.2)
    log = (tmp_path / "log" / "campaign-export.log").read_text(encoding="utf-8")
    (snapshot,) = snapshot_folders(tmp_path / "campaigns")
    assert manifest_of(snapshot)["counts"]["ok"] == 30
    assert '"event": "summary"' in log
    assert [sample.value for sample in samples_in(metrics) if sample.name == "last_run_exit_code"] == [0]
