"""Which old snapshots may go after a successful publish. Never the newest, never a base in use, never a stranger."""

from __future__ import annotations

from datetime import datetime, timedelta

from exporter.errors import DestinationError
from exporter.model import Identity
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import belongs_to, list_snapshots


def to_remove(
    ids: list[str], *, keep: int | None, keep_days: float | None, now: datetime, in_use: set[str]
) -> list[str]:
    """Of the snapshots `ids` (oldest first) those that neither rule keeps, oldest first.

    With both rules a snapshot stays when either keeps it.
    """
    if keep is None and keep_days is None:
        return []
    kept = set(ids[-1:]) | in_use
    if keep is not None:
        kept.update(ids[-keep:])
    if keep_days is not None:
        kept.update(one for one in ids if now - began_at(one) <= timedelta(days=keep_days))
    return [one for one in ids if one not in kept]


def apply_retention(
    destination: Destination,
    identity: Identity,
    *,
    keep: int | None,
    keep_days: float | None,
    now: datetime,
    in_use: set[str],
) -> tuple[list[str], list[str]]:
    """Remove old snapshots of this account: (removed, warnings). Never raises for one that cannot go.

    Other accounts' snapshots in the same destination are not counted and not touched.
    """
    if keep is None and keep_days is None:
        return [], []
    own = [info.snapshot_id for info in list_snapshots(destination) if belongs_to(info.manifest, identity)]
    removed, warnings = [], []
    for one in to_remove(own, keep=keep, keep_days=keep_days, now=now, in_use=in_use):
        if not destination.removable(one):
            warnings.append(f"{destination.where(one)} is not removed: it holds files that are not ours")
            continue
        try:
            destination.remove(one)
        except (OSError, DestinationError) as error:
            warnings.append(f"{destination.where(one)} could not be removed: {error}")
        else:
            removed.append(one)
    return removed, warnings
