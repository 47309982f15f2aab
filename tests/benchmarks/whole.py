"""Whole processes, from their start to their files: ours, and what a user would use in its place.

A rival is a script of `rivals/`, run as `python SCRIPT URL IDS.csv OUT`, that names its dependencies at its top. Each
contestant, ours too, has an environment of its own below the user's cache folder, made when it is first needed: some
cannot live side by side, and libraries import what else they find.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import pyarrow.parquet as pq

from tests.benchmarks.measuring import HERE
from tests.support.running import ROOT, full
from tests.support.serving import environment

OURS = "campaign-export"
RIVALS: dict[str, tuple[str, str]] = {
    "plain script": ("plain.py", "campaigns.parquet"),
    "dlt, async": ("dlt_async.py", "out/campaigns/*.parquet"),
    "dlt": ("dlt_default.py", "out/campaigns/*.parquet"),
    "Singer SDK": ("singer.py", "campaigns.parquet"),
    "Airbyte CDK": ("airbyte.py", "campaigns.jsonl"),
}
"""Name -> its script, and where its campaigns are in OUT."""


class NoRival(Exception):
    """The rival cannot be installed here."""


def dependencies(name: str) -> list[str]:
    """What a contestant needs, as its script says at its top (inline script metadata). Ours: with the extra `speed`."""
    if name == OURS:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [*project["dependencies"], *project["optional-dependencies"]["speed"]]
    lines = (HERE / "rivals" / RIVALS[name][0]).read_text(encoding="utf-8").splitlines()
    header = "\n".join(line.removeprefix("#").strip() for line in lines[1 : lines.index("# ///")])
    return list(tomllib.loads(header)["dependencies"])


def python_of(name: str) -> str:
    """The interpreter that runs a contestant. Raises `NoRival`."""
    needed = dependencies(name)
    key = hashlib.sha256("\n".join([sys.version, *needed]).encode()).hexdigest()[:12]
    home = (
        platformdirs.user_cache_path("campaign-export-benchmarks")
        / f"{name.replace(', ', '-').replace(' ', '-')}-{key}"
    )
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"making an environment for {name} in {home} …", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "-q", *needed], capture_output=True, text=True)
        if done.returncode:
            raise NoRival(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        (home / "ready").touch()
    return str(python)


def version_of(name: str) -> str:
    """`dlt 1.5.0`: the first dependency of a rival, as it is installed. Raises `NoRival`."""
    package = dependencies(name)[0].partition("[")[0].partition(">")[0]
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return f"{package} {subprocess.check_output([python_of(name), '-c', code], text=True).strip()}"


def command(name: str, url: str, ids: Path, out: Path, *options: str) -> list[str]:
    """The command line of a contestant. Raises `NoRival`."""
    out.mkdir(parents=True)
    if name == OURS:
        return [python_of(name), "-m", "jobs", "snapshot", str(ids), "--out", str(out), *options]
    return [python_of(name), str(HERE / "rivals" / RIVALS[name][0]), url, str(ids), str(out)]


def variables(url: str, home: Path) -> Mapping[str, str]:
    """The environment of every contestant."""
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(home / "dlt"), "RUNTIME__LOG_LEVEL": "CRITICAL"}
    return full({**environment(url, home), **quiet})


def campaigns_in(name: str, out: Path) -> int:
    """How many campaigns a contestant has written."""
    where = "snapshot=*/campaigns.parquet" if name == OURS else RIVALS[name][1]
    found = 0
    for path in out.glob(where):
        if path.suffix == ".parquet":
            found += pq.read_metadata(path).num_rows
        else:
            found += sum('"type":"RECORD"' in line for line in path.read_text(encoding="utf-8").splitlines())
    return found
