"""What a user of the library writes, with all of its public names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import exporter
from exporter.events import Event, Settled
from exporter.options import FetchOptions, SnapshotOptions
from exporter.snapshot_store.catalog import SnapshotInfo


def note(event: Event) -> None:
    """Print what became of each campaign."""
    if isinstance(event, Settled):
        print(event.campaign_id, event.outcome)


async def main(ids: list[str], dest: Path) -> int:
    """Fetch, read, compare."""
    settings = exporter.settings_from_env()
    options = SnapshotOptions(incremental=True, keep=7)
    fetch = FetchOptions(rate_share=0.8)
    result = await exporter.export(ids, dest, settings=settings, fetch=fetch, options=options, on_event=note)
    campaigns: pd.DataFrame = exporter.read_snapshot(dest)
    versions: pd.DataFrame = exporter.read_history(str(dest))
    snapshots: list[SnapshotInfo] = exporter.snapshots(dest)
    where: str = snapshots[-1].where
    print(f"{len(campaigns)} campaigns, {len(versions)} versions, {result.manifest.counts.ok} of them new, {where}")
    return 0 if result.complete else 1
