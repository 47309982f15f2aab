"""`jobs/deploy`: the examples work as far as a test can see."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from jobs.exit_codes import MEANINGS
from tests.support.running import ROOT

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
