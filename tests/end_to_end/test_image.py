"""The image, built and run for real, where a builder and a base image are to be had."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.running import ROOT, wait_until, write_ids
from tests.support.serving import environment, serving

IMAGE = os.environ.get("CAMPAIGN_EXPORT_IMAGE", "")
PODMAN = ["podman", "--storage-driver", os.environ.get("CAMPAIGN_EXPORT_STORAGE", "overlay")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

built = pytest.mark.skipif(
    not IMAGE or shutil.which("podman") is None,
    reason="needs podman, and CAMPAIGN_EXPORT_IMAGE: the name of an image built from the Dockerfile",
)


def podman(volume: Path, *arguments: str, name: str = "", more: Sequence[str] = ()) -> list[str]:
    return [
        *PODMAN, "run", "--rm", "--read-only", "--cap-drop=all", "--network=host", *(["--name", name] if name else []),
        *more, "-v", f"{volume}:/data", IMAGE, *arguments,
    ]  # fmt: skip


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    return tmp_path


@built
def test_the_demo_runs_as_its_user_with_a_read_only_root(volume: Path) -> None:
    done = subprocess.run(podman(volume, "demo", "--campaigns", "20"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (manifest,) = volume.glob("campaign-export-demo/snapshot=*/manifest.json")
    assert json.loads(manifest.read_text())["counts"]["ok"] == 20
    assert manifest.stat().st_uid == 10001


@built
def test_sigterm_reaches_the_program_and_the_same_command_on_the_same_volume_resumes(volume: Path) -> None:
    service = Behaviour(sample_campaigns(80))
    write_ids(volume / "ids.csv", service.campaigns)
    with serving(service, latency=(0.2, 0.3)) as url:
        settings = [f"--env={name}={value}" for name, value in environment(url, "/data").items() if "KORE" in name]
        command = ("snapshot", "ids.csv", "--out", "snapshots", "--rate", "off", "--workers", "4")
        name = f"campaign-export-{os.getpid()}"
        process = subprocess.Popen(podman(volume, *command, name=name, more=settings), stderr=subprocess.PIPE)
        wait_until(lambda: len(service.arrivals) >= 20, process)
        subprocess.run([*PODMAN, "kill", "--signal", "TERM", name], check=True, capture_output=True)
        told = process.communicate(timeout=30)[1]
        assert process.returncode == 128 + signal.SIGTERM, told
        assert not list(volume.glob("snapshots/snapshot=*"))
        again = subprocess.run(
            podman(volume, *command, more=settings), capture_output=True, text=True, check=False, timeout=100
        )
    assert again.returncode == 0, again.stderr
    assert set(service.asked_for().values()) == {1}, "what was journaled was fetched again"
    (manifest,) = volume.glob("snapshots/snapshot=*/manifest.json")
    assert json.loads(manifest.read_text())["counts"]["ok"] == 80


@built
def test_the_image_holds_neither_the_fleet_nor_a_package_installer(volume: Path) -> None:
    names = ("distributed", "pip")
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    done = subprocess.run(
        podman(volume, "-c", code, more=["--entrypoint=/opt/campaign-export/bin/python"]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_the_image_runs_as_a_fixed_user_and_locks_its_dependencies() -> None:
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert 'ENTRYPOINT ["campaign-export"]' in DOCKERFILE
    assert "HEALTHCHECK NONE" in DOCKERFILE


def test_the_lock_file_has_every_dependency_with_its_hash_and_no_extras() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    for requirement in map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["speed"]]):
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), requirement
    packages = re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE)[1:]
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert not {"dask", "distributed"} & pinned.keys()
