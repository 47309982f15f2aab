from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.simulator.behaviour import Behaviour
from exporter.simulator.samples import sample_campaigns
from tests.support.running import ROOT, full, write_ids
from tests.support.serving import environment, serving


def python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], env=full(env), cwd=ROOT, capture_output=True, text=True)


def imported_by(*arguments: str, **env: str) -> set[str]:
    """The modules that a command of the program imports."""
    done = python("-X", "importtime", "-m", "jobs", *arguments, **env)
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}


@pytest.mark.parametrize("command", ["pull", "snapshot"])
def test_fetching_imports_neither_numpy_nor_pandas(command: str, tmp_path: Path) -> None:
    behaviour = Behaviour(sample_campaigns(3))
    ids = str(write_ids(tmp_path / "ids.csv", behaviour.campaigns))
    place = ("--out", str(tmp_path / "out")) if command == "snapshot" else ()
    with serving(behaviour) as url:
        imported = imported_by(command, ids, *place, **environment(url, tmp_path))
    assert "pyarrow" in imported
    assert not imported & {"numpy._core", "pandas.core", "prometheus_client"}


def test_what_is_spared_cannot_be_imported_until_it_is_needed() -> None:
    code = """
from jobs.lean import need, spare
spare("numpy", "pandas")
for _ in range(2):
    try:
        import numpy
        print("there")
    except ModuleNotFoundError as error:
        print(error)
    need("numpy")
import pandas
"""
    done = python("-c", code)
    assert done.stdout.splitlines() == ["the command line does without numpy", "there"]
    assert "the command line does without pandas" in done.stderr


def test_a_process_looks_for_garbage_seldom_and_not_at_its_end() -> None:
    code = """
import gc
from jobs.lean import collecting_seldom
with collecting_seldom():
    print(gc.get_threshold()[0])
print(gc.isenabled(), gc.get_freeze_count() > 1_000)
"""
    assert python("-c", code).stdout.split() == ["50000", "False", "True"]
