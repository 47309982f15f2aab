"""The commands whose file-system calls fail in turn, each on a folder with two older snapshots."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.snapshot_store.names import snapshot_id
from tests.support.failing_calls import Command
from tests.support.running import run, snapshot_folders, write_ids
from tests.support.serving import environment, serving

CAMPAIGNS = 6


@contextmanager
def failing_commands(folder: Path) -> Iterator[list[Command]]:
    """Every command, against one service."""
    service = Behaviour(sample_campaigns(CAMPAIGNS))
    with serving(service) as url:
        template, work = folder / "template", folder / "work"
        env = environment(url, work)
        dest, ids = work / "exports", work / "ids.csv"
        snapshot = ["snapshot", str(ids), "--out", str(dest), "--rate", "1000/1s", "--format", "both"]
        template.mkdir(parents=True)
        work.mkdir()
        write_ids(ids, service.campaigns)
        for _ in range(2):
            made = run(*snapshot, "--list", "always", env=env)
            assert made.returncode == 0, made.stderr
        shutil.copytree(work, template, dirs_exist_ok=True)
        older = [path.name.removeprefix("snapshot=") for path in snapshot_folders(dest)]
        new = snapshot_id(time.time())

        def command(name: str, *arguments: str, kept: list[str] = older, code: int = 0, empty: bool = False) -> Command:
            def prepare() -> None:
                if not empty:
                    shutil.copytree(template, work, dirs_exist_ok=True)
                else:
                    write_ids(ids, service.campaigns)

            return Command(name, list(arguments), work, prepare, env, new, set(kept), code)

        yield [
            command("first", *snapshot, kept=[], empty=True),
            command("full", *snapshot),
            command("incremental", *snapshot, "--incremental"),
            command("retention", *snapshot, "--keep", "1", kept=[]),
            command("rebuild", "rebuild", str(dest)),
            command("verify", "verify", str(dest), "--all"),
            command("snapshots", "snapshots", str(dest)),
            command("diff", "diff", str(dest)),
            command("plan", "plan", str(ids), "--out", str(dest)),
            command("pull", "pull", str(ids), "-o", str(work / "rows.csv")),
        ]
