"""Which old snapshots go after a successful publish: `--keep`, `--keep-days`.

A rebuild belongs to the night of its responses: it takes no place of its own, and goes with that night. Never removed:
the snapshot just published and any after it, a base in use, one of another account, what is not a snapshot of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter.errors import ExportError
from exporter.model import Identity
from exporter.snapshot_store.catalog import Catalog
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at


class Dated(NamedTuple):
    """A snapshot and the one that its responses are from: itself, unless it is a rebuild."""

    snapshot_id: str
    data_id: str


def to_remove(
    snapshots: Sequence[Dated],
    *,
    published: str,
    keep: int | None,
    keep_days: float | None,
    now: datetime,
    in_use: set[str],
) -> list[str]:
    """Of the snapshots of an account those that neither rule keeps, oldest first.

    With both rules a snapshot stays when either keeps it.
    """
    if keep is None and keep_days is None:
        return []
    safe = [snapshot for snapshot in snapshots if snapshot.snapshot_id in in_use or max(snapshot) >= published]
    kept = {snapshot.data_id for snapshot in safe}
    nights = sorted({snapshot.data_id for snapshot in snapshots if snapshot.data_id <= published})
    if keep is not None:
        kept.update(nights[-keep:])
    if keep_days is not None:
        kept.update(night for night in nights if now - began_at(night) <= timedelta(days=keep_days))
    return [
        snapshot.snapshot_id
        for snapshot in sorted(snapshots, key=lambda snapshot: snapshot[::-1])
        if snapshot.data_id not in kept
    ]


def apply_retention(
    destination: Destination,
    catalog: Catalog,
    identity: Identity,
    *,
    published: str,
    keep: int | None,
    keep_days: float | None,
    now: datetime,
    in_use: set[str],
) -> tuple[list[str], list[str]]:
    """Remove old snapshots of this account: (removed, warnings). One that cannot go is a warning, and the others go.

    `catalog`: all of the destination. Other accounts' are not counted and not touched; nor is one whose manifest cannot
    be read, which is told.
    """
    own = [Dated(info.snapshot_id, info.data_id) for info in catalog.snapshots if info.manifest.api == identity]
    removed = []
    warnings = [f"{entry.where} stays, however old it is: {entry.problem}" for entry in catalog.damaged]
    for snapshot in to_remove(own, published=published, keep=keep, keep_days=keep_days, now=now, in_use=in_use):
        try:
            if destination.removable(snapshot):
                destination.remove(snapshot)
                removed.append(snapshot)
            else:
                warnings.append(f"{destination.where(snapshot)} is not removed: it holds files that are not ours")
        except ExportError as error:
            warnings.append(f"an old snapshot could not be removed: {error}")
    return removed, warnings
