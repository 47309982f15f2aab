"""The package as pip installs it: a user's own script is type-checked against it, strictly, by mypy as it comes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import msgspec

import exporter
from tests.support import user_script
from tests.support.running import ROOT, full

REVEALING = f"""
import exporter
from exporter.pipeline.publish import SnapshotResult
def reveal(result: SnapshotResult) -> None:
    reveal_type((result.counts.ok, result.manifest.requests.total, result.failures[0].examples, result.where))
    {"; ".join(f"reveal_type(exporter.{name})" for name in dir(exporter))}
"""
MISTAKEN = """
import exporter
exporter.exprot
exporter.snapshots(7)
never_awaited = exporter.export(None, "exports")
"""


def install(site: Path) -> None:
    """The package, and of what it needs that which its types show: whatever else there is would only take time."""
    shutil.copytree(ROOT / "exporter", site / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pandas-stubs", "msgspec"):
        (site / name).symlink_to(Path(msgspec.__file__).parents[1] / name)


def test_a_users_script_is_type_checked_against_the_installed_package(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    install(site)
    (tmp_path / "revealing.py").write_text(REVEALING)
    (tmp_path / "mistaken.py").write_text(MISTAKEN)
    shutil.copy(user_script.__file__, tmp_path / "good.py")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "--cache-dir=/dev/null",
         "--python-executable", str(tmp_path / "env" / "bin" / "python"), "good.py", "revealing.py", "mistaken.py"],
        env={**full({}), "PYTHONPATH": ""}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    revealed = [line.replace("Coroutine[Any, Any, ", "") for line in lines if "note: Revealed type is" in line]
    assert len(revealed) == 1 + len(dir(exporter)), done.stdout + done.stderr
    assert not [line for line in revealed if "Any" in line]
    wrong = [line for line in lines if ": error: " in line]
    assert [line.rpartition(" ")[2] for line in wrong] == ["[attr-defined]", "[arg-type]", "[call-arg]"], done.stdout
    assert all(line.startswith("mistaken.py") for line in wrong)
