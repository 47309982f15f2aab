"""A snapshot of each released schema stays readable: a small one of each lies in `tests/fixtures`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import exporter
from exporter.report.page import render_report
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.verify import damages
from exporter.tables.arrow import schema_of
from exporter.tables.columns import SCHEMA_VERSION
from tests.support.running import ROOT, run, snapshot_folders

RELEASED = sorted((ROOT / "tests" / "fixtures").glob("schema_*"))
ONE = "20261124T020000Z"


def test_there_is_one_of_todays_schema() -> None:
    assert f"schema_{SCHEMA_VERSION}" in [path.name for path in RELEASED]


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_it_is_read_verified_compared_reported_and_rebuilt(released: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    shutil.copytree(released, dest)
    destination = open_destination(str(dest))
    frame = exporter.read_snapshot(str(dest))
    assert list(frame.columns) == schema_of("campaigns").names
    assert len(frame) == 6
    assert damages(destination, ONE) == []
    assert not changes_between(destination, ONE, ONE).any
    assert "<svg" in render_report(destination, ONE, time_zone="UTC", quiet=())[0]
    assert run("rebuild", str(dest), env={"HOME": str(tmp_path)}).returncode == 0
    manifest = json.loads((snapshot_folders(dest)[-1] / "manifest.json").read_text())
    assert (manifest["schema_version"], manifest["base_snapshot"]) == (SCHEMA_VERSION, ONE)


def test_one_of_an_older_schema_is_read_with_todays_columns(tmp_path: Path) -> None:
    """As if today's were a later version: the rows are made anew from the stored answers."""
    import msgspec

    from exporter.snapshot_store import manifest as manifests

    shutil.copytree(RELEASED[-1], tmp_path / "out")
    path = tmp_path / "out" / f"snapshot={ONE}" / "manifest.json"
    old = msgspec.structs.replace(manifests.load(path.read_bytes()), schema_version=SCHEMA_VERSION - 1)
    path.write_bytes(manifests.dump(old))
    (path.parent / "campaigns.parquet").write_bytes(b"columns of another time")
    frame = exporter.read_snapshot(str(tmp_path / "out"))
    assert list(frame.columns) == schema_of("campaigns").names
    assert frame["name"].notna().all()
