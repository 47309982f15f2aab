"""`tests.support.forked_program`: a run that is forked is what one is that was started, but quicker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import ForkedProgram
from tests.support.running import rows_of, run, snapshot_folders, write_ids
from tests.support.serving import environment, serving

WHAT_IT_IMPORTS = """
import atexit, sys

before = set(sys.modules)
atexit.register(lambda: print(*sorted(set(sys.modules) - before)))
"""


def test_it_says_writes_and_ends_as_a_program_that_was_started(forked: ForkedProgram, tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(4))
    dest = tmp_path / "exports"
    ids = write_ids(tmp_path / "ids.csv", [*service.campaigns, "cd-refused"])
    service.bodies["cd-refused"] = b"no JSON"
    with serving(service) as url:
        env = environment(url, tmp_path)
        command = ["snapshot", str(ids), "--out", str(dest), "--max-failures", "100%", "--attempts", "1"]
        started, again = run(*command, env=env), forked.run(*command, "--fresh", env=env)
    assert started.returncode == again.returncode == 1, again.stderr
    assert len(again.stderr.splitlines()) == len(started.stderr.splitlines())
    assert again.stdout == started.stdout == ""
    first, second = snapshot_folders(dest)
    assert rows_of(first) == rows_of(second)


def test_it_has_imported_what_a_run_imports(forked: ForkedProgram, tmp_path: Path) -> None:
    """Else every run would spend its time with importing again."""
    service = Behaviour(sample_campaigns(4))
    ids = write_ids(tmp_path / "ids.csv", service.campaigns)
    with serving(service) as url:
        done = forked.run(
            "snapshot", str(ids), "--out", str(tmp_path / "exports"),
            env=environment(url, tmp_path), prepare=WHAT_IT_IMPORTS,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) < 10, done.stdout


def test_one_that_is_killed_says_so_and_one_that_hangs_is_ended(forked: ForkedProgram) -> None:
    killed = forked.start("schema", env={}, prepare="import time\ntime.sleep(60)")
    os.kill(killed.pid, signal.SIGTERM)
    assert killed.wait().returncode == -signal.SIGTERM
    with pytest.raises(AssertionError, match=r"no end after 0\.1 s"):
        forked.start("schema", env={}, prepare="import time\ntime.sleep(60)").wait(0.1)
    assert forked.run("--version", env={}).stdout.startswith("campaign-export")
