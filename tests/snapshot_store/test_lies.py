"""A destination of lies: manifests, tables and links that somebody else put there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationError
from exporter.events import ignore
from exporter.model import Identity
from exporter.options import Locations
from exporter.pipeline.rebuild import rebuild_snapshot
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.manifest import NotAManifest, load
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import find, list_snapshots, read_responses, read_table
from exporter.snapshot_store.retention import apply_retention
from exporter.snapshot_store.verify import damages
from exporter.tables.arrow import schema_of
from tests.snapshot_store.test_snapshot_files import RESPONSES, publish

ONE, TWO = "20261123T020000Z", "20261124T020000Z"


def changed(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    manifest = json.loads(text)
    change(manifest)
    return json.dumps(manifest).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["counts"].update(ok=10**30),
        lambda m: m["counts"].update(ok=-1),
        lambda m: m.update(started_at="\x1b[2J"),
        lambda m: m["files"].update({"x": {"rows": 1, "bytes": 2**60, "sha256": ""}}),
    ],
)
def test_a_manifest_that_cannot_be_true_is_none(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    publish(tmp_path)
    text = (tmp_path / f"snapshot={ONE}/manifest.json").read_bytes()
    with pytest.raises(NotAManifest):
        load(changed(text, change), sealed=False)


def test_a_manifest_nested_without_end_is_none() -> None:
    with pytest.raises(NotAManifest):
        load(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", sealed=False)


def test_a_manifest_that_names_files_elsewhere_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("precious")
    publish(tmp_path / "dest")
    path = tmp_path / f"dest/snapshot={ONE}/manifest.json"
    entry = {"rows": 1, "bytes": 8, "sha256": "0" * 64}
    path.write_bytes(changed(path.read_bytes(), lambda m: m["files"].update({"../../secret": entry})))
    destination = open_destination(str(tmp_path / "dest"))
    assert damages(destination, ONE)
    assert read_table(destination, ONE, "campaigns").num_rows == len(RESPONSES)


def other_columns(folder: Path) -> None:
    for name in ("campaigns", "responses"):
        (folder / f"{name}.parquet").write_bytes((folder / "failures.parquet").read_bytes())


def nulls(folder: Path) -> None:
    for name in ("campaigns", "responses"):
        schema = pa.schema([field.with_nullable(True) for field in schema_of(name)])
        table = pa.table([pa.nulls(3, kind) for kind in schema.types], schema=schema)
        pq.write_table(table, folder / f"{name}.parquet")


@pytest.mark.parametrize("damage", [other_columns, nulls])
def test_tables_that_are_none_of_ours_are_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    publish(tmp_path)
    publish(tmp_path, TWO)
    damage(tmp_path / f"snapshot={TWO}")
    destination = open_destination(str(tmp_path))
    for read in (
        lambda: read_table(destination, TWO, "campaigns"),
        lambda: list(read_responses(destination, TWO)),
    ):
        with pytest.raises(DestinationError, match=r"parquet: "):
            read()
    if damage is other_columns:
        with pytest.raises(DestinationError, match="its columns are not those of campaigns"):
            changes_between(destination, ONE, TWO)


def test_rebuild_publishes_no_less_than_the_manifest_says(tmp_path: Path) -> None:
    publish(tmp_path)
    path = tmp_path / f"snapshot={ONE}/responses.parquet"
    pq.write_table(pq.read_table(path).slice(0, 3), path)
    with pytest.raises(DestinationError, match="has 3 answers"):
        rebuild_snapshot(
            Locations(str(tmp_path), str(tmp_path / "state")), ONE, form="parquet", excel_safe=False,
            clock=SystemClock(), emit=ignore,
        )  # fmt: skip
    assert find(open_destination(str(tmp_path))) == ONE


def test_a_link_to_a_snapshot_elsewhere_is_never_removed(tmp_path: Path) -> None:
    publish(tmp_path / "elsewhere")
    publish(tmp_path / "dest", TWO)
    (tmp_path / f"dest/snapshot={ONE}").symlink_to(tmp_path / f"elsewhere/snapshot={ONE}")
    destination = open_destination(str(tmp_path / "dest"))
    removed, warnings = apply_retention(
        destination, Identity("https://h", "st-1", "acc", "v2"), keep=1, keep_days=None,
        now=datetime.now(UTC), in_use=set(),
    )  # fmt: skip
    assert (removed, len(warnings)) == ([], 1)
    assert len(list_snapshots(destination)) == 2


def test_a_destination_whose_name_is_no_text_is_told() -> None:
    with pytest.raises(DestinationError, match="not UTF-8"):
        open_destination("exports\udcff")


@pytest.mark.parametrize("url", ["s3://AKIA:SE/CREThush@bucket/x", "s3://[u:hush@b", "ftp://u:hush@x"])
def test_a_secret_in_a_url_that_is_wrong_is_not_shown(url: str) -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination(url)
    assert "hush" not in str(caught.value)
