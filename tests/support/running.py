"""The program as its users run it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]


def program(*arguments: str) -> list[str]:
    """The command line of the program under test."""
    return [sys.executable, "-m", "jobs", *arguments]


def run(*arguments: str, env: Mapping[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        program(*arguments), env=full(env), capture_output=True, text=True, timeout=100, check=False, cwd=ROOT, **more
    )


def full(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of a user, with what a process needs to run at all, and to be measured by `--cov`."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **measured, **env}


def wait_until(seen: Callable[[], Any], process: subprocess.Popen[Any] | None = None) -> Any:
    """What `seen` gives once it is true. `process`: what must not end before."""
    while not (found := seen()):
        assert process is None or process.poll() is None, "the process has ended"
        time.sleep(0.01)
    return found


def write_ids(path: Path, ids: Iterable[str]) -> Path:
    """An IDs file."""
    path.write_text("campaign_id\n" + "".join(f"{one}\n" for one in ids), encoding="utf-8")
    return path


def snapshot_folders(dest: Path) -> list[Path]:
    """What readers see, oldest first."""
    return sorted(dest.glob("snapshot=*"))


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a snapshot."""
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def rows_of(
    folder: Path, table: str = "campaigns", *, without: Iterable[str] = ("fetched_at",)
) -> list[dict[str, Any]]:
    """The rows of a table, without the columns that differ between two runs."""
    found = pq.read_table(folder / f"{table}.parquet")
    return list(found.drop_columns([name for name in without if name in found.schema.names]).to_pylist())
