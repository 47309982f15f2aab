"""Makes the small snapshot of today's schema version that lies in `tests/fixtures`, from that of the version before.

Once for each version, when SCHEMA_VERSION is raised: `python -m tests.support.released_snapshot`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.catalog import read_manifest
from exporter.snapshot_store.choose_account_and_snapshot import find
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_failures, read_responses
from exporter.snapshot_store.writer import SnapshotWriter
from exporter.tables.columns import SCHEMA_VERSION

FIXTURES = Path(__file__).parent.parent / "fixtures"


def release(before: Path, today: Path) -> None:
    """The answers and failures of the snapshot in `before`, flattened by this version, in `today`."""
    today.mkdir(exist_ok=True)
    source, target = open_destination(str(before)), open_destination(str(today))
    snapshot = find(source)
    staging = target.stage(snapshot)
    with SnapshotWriter(staging, form="both", excel_safe=False) as writer:
        for block in read_responses(source, snapshot):
            writer.add(block)
        writer.add_failures(read_failures(source, snapshot))
        files = writer.close()
    manifest = msgspec.structs.replace(read_manifest(source, snapshot), schema_version=SCHEMA_VERSION, files=files)
    staging.publish(manifests.dump(manifest))


if __name__ == "__main__":
    release(FIXTURES / f"schema_{SCHEMA_VERSION - 1}", FIXTURES / f"schema_{SCHEMA_VERSION}")
