"""`exporter.snapshot_store.manifest`: what is not a manifest is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.snapshot_store.manifest import NotAManifest, dump, load, seal
from tests.support.snapshots import changed, publish


@pytest.fixture
def text(tmp_path: Path) -> bytes:
    return dump(publish(tmp_path))


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
def test_a_manifest_that_cannot_be_true_is_none(text: bytes, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(NotAManifest):
        load(changed(text, change), sealed=False)


def test_what_a_newer_version_has_added_is_under_its_seal(text: bytes) -> None:
    newer = seal({**json.loads(text), "program_version": "99.0.0", "region": "eu"})
    assert load(newer).program_version == "99.0.0"
    with pytest.raises(NotAManifest, match="not what was written"):
        load(newer.replace(b'"eu"', b'"us"'))


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("99.0.0", "written by version 99.0.0 of the program, which this one .* cannot read"),
        ("1.0.0", "not a manifest: .*mode"),
        ("", "not a manifest: .*mode"),
    ],
)
def test_a_manifest_that_only_a_newer_version_reads_is_told_as_such(text: bytes, version: str, told: str) -> None:
    with pytest.raises(NotAManifest, match=told):
        load(changed(text, lambda m: m.update(mode="mirror", program_version=version)))


@pytest.mark.parametrize("text", [b"{}", b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"], ids=["empty", "nested"])
def test_other_json_is_no_manifest(text: bytes) -> None:
    with pytest.raises(NotAManifest):
        load(text, sealed=False)
