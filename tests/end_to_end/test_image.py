"""The image, built and run for real, where a builder and a base image are to be had."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.running import ROOT

IMAGE = os.environ.get("CAMPAIGN_EXPORT_IMAGE", "")
PODMAN = ["podman", "--storage-driver", os.environ.get("CAMPAIGN_EXPORT_STORAGE", "overlay")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

built = pytest.mark.skipif(
    not IMAGE or shutil.which("podman") is None,
    reason="needs podman, and CAMPAIGN_EXPORT_IMAGE: the name of an image built from the Dockerfile",
)


def podman(volume: Path, *arguments: str, name: str = "") -> list[str]:
    return [
        *PODMAN, "run", "--rm", "--read-only", "--cap-drop=all", "--network=host", *(["--name", name] if name else []),
        "-v", f"{volume}:/data", IMAGE, *arguments,
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
def test_sigterm_reaches_the_program_and_the_same_volume_resumes(volume: Path) -> None:
    name = f"campaign-export-{os.getpid()}"
    process = subprocess.Popen(podman(volume, "demo", "--campaigns", "2000", name=name), stderr=subprocess.PIPE)
    while not list(volume.glob("campaign-export-demo/.work/journal-*")):
        time.sleep(0.1)
        assert process.poll() is None
    time.sleep(1)
    subprocess.run([*PODMAN, "kill", "--signal", "TERM", name], check=True, capture_output=True)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(volume.glob("campaign-export-demo/snapshot=*"))
    again = subprocess.run(
        podman(volume, "snapshots", "campaign-export-demo"), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0


def test_the_image_runs_as_a_fixed_user_and_locks_its_dependencies() -> None:
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert 'ENTRYPOINT ["campaign-export"]' in DOCKERFILE
    assert "HEALTHCHECK NONE" in DOCKERFILE


def test_the_lock_file_has_every_dependency_with_its_hash_and_none_of_the_extras() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for dependency in project["dependencies"]:
        name = dependency.split(">")[0].split("[")[0].lower()
        assert f"\n{name}==" in "\n" + lock, name
    assert lock.count("--hash=sha256:") > lock.count("==")
    assert "matplotlib" not in lock
    assert "distributed" not in lock
