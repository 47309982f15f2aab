"""Published snapshots to read: small ones, written by the program's own writer."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from exporter.model import CampaignResponse, Counts, Failure, FileEntry, Identity, Requests, Seconds, SnapshotMode
from exporter.options import SnapshotFormat
from exporter.simulator.samples import sample_campaigns
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.writer import SnapshotWriter
from exporter.tables.columns import SCHEMA_VERSION
from tests.support.answers import body_of

ONE, TWO, THREE = "20261123T020000Z", "20261124T020000Z", "20261125T020000Z"

NOW = 1_780_000_000_123
CAMPAIGNS = sample_campaigns(40, voice_share=0.3)
RESPONSES = [
    CampaignResponse(c.campaign_id, NOW, 200, body_of(c.data), json.dumps(c.item()), c.campaign_type) for c in CAMPAIGNS
]
FAILURES = [
    Failure("cd-gone", "not_found", 404, 1, "HTTP 404", "{}", NOW, NOW),
    Failure("=cmd()", "failed", None, 5, "connection broke", None, NOW, NOW),
]
ACCOUNT = Identity("https://h", "st-1", "acc", "v2")
OTHER_ACCOUNT = Identity("https://h", "st-1", "other", "v2")


def edited(response: CampaignResponse, hours: Mapping[str, Any] | None = None, **fields: Any) -> CampaignResponse:
    """The same campaign with other fields, also of its calling hours."""
    data = json.loads(response.body)["data"] | fields
    data["dialingStrategy"]["callingHours"] |= hours or {}
    return response._replace(body=body_of(data))


def publish(
    dest: Path,
    snapshot: str = ONE,
    form: SnapshotFormat = "parquet",
    *,
    excel_safe: bool = False,
    responses: list[CampaignResponse] = RESPONSES,
    mode: SnapshotMode = "full",
    base: str | None = None,
    api: Identity = ACCOUNT,
    failures: Sequence[Failure] = FAILURES,
) -> Manifest:
    """Write and publish a snapshot of `responses` and `failures`."""
    destination = open_destination(str(dest))
    destination.check_writable()
    staging = destination.stage(snapshot)
    with SnapshotWriter(staging, form=form, excel_safe=excel_safe) as writer:
        for start in range(0, len(responses), 16):
            writer.add(responses[start : start + 16])
        writer.add_failures(failures)
        files = writer.close()
    count, all_ids = len(responses), len(responses) + len(failures)
    outcomes = Counter(failure.outcome for failure in failures)
    manifest = Manifest(
        snapshot, manifests.iso(NOW), manifests.iso(NOW), "0", SCHEMA_VERSION, mode, base, api,
        manifests.Ids("ids.csv", "0" * 64, all_ids, all_ids, 0),
        Counts(count, 0, outcomes["not_found"], outcomes["invalid"], outcomes["failed"], 0),
        Requests(), Seconds(), files, [],
    )  # fmt: skip
    staging.publish(manifests.dump(manifest))
    staging.make_durable()
    return manifest


def changed(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A manifest's text after `change`."""
    manifest = json.loads(text)
    change(manifest)
    return json.dumps(manifest).encode()


def reseal(folder: Path, **fields: Any) -> None:
    """Let the manifest of a snapshot's folder say something else, under a seal that fits."""
    path = folder / "manifest.json"
    path.write_bytes(manifests.dump(msgspec.structs.replace(manifests.load(path.read_bytes()), **fields)))


def forge(folder: Path, change: Callable[[Path], tuple[str, pa.Table]]) -> None:
    """Write a table anew with a manifest that fits: only its content can give it away."""
    manifest = manifests.load((folder / "manifest.json").read_bytes())
    name, table = change(folder)
    pq.write_table(table, folder / name)
    data = (folder / name).read_bytes()
    entry = FileEntry(table.num_rows, len(data), hashlib.sha256(data).hexdigest())
    reseal(folder, files={**manifest.files, name: entry})
