"""`exporter.snapshot_store.manifest`: what is not a manifest is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.manifest import NotAManifest, load
from tests.support.snapshots import ONE, changed, publish


def test_a_manifest_is_sealed() -> None:
    with pytest.raises(NotAManifest):
        manifests.load(b"{}")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["counts"].update(ok=10**30),
        lambda m: m["counts"].update(ok=-1),
        lambda m: m.update(started_at="\x1b[2J"),
        lambda m: m["files"].update({"x": {"rows": 1, "bytes": 2**60, "sha256": ""}}),
        lambda m: m.update(snapshot_id="20261124"),
        lambda m: m.update(base_snapshot="yesterday"),
        lambda m: m.update(finished_at="0001-01-01T00:00:00+12:00"),
        lambda m: m.update(pacing={"limits": ["60/1m"], "pauses": [{"at": "9:00 AM", "seconds": 1.0, "why": "x"}]}),
        lambda m: m.update(pacing={"limits": [], "pauses": [{"at": m["started_at"], "seconds": 1e300, "why": "x"}]}),
        lambda m: m.update(pacing={"limits": ["fast"], "pauses": []}),
        lambda m: m["seconds"].update(paused=-1.0),
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
