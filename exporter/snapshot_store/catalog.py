"""What is published in a destination, in which order, and what of it is damaged or misdated.

A snapshot belongs to the time of its responses: that of its run, for a rebuild that of the snapshot it was made from.
One of a later time than now was made under a wrong clock: it is neither the latest nor a base.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

import msgspec

from exporter.errors import DestinationError, NotReadable
from exporter.model import Identity
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest, NotAManifest, load
from exporter.snapshot_store.names import MANIFEST, is_misdated, is_snapshot_id
from exporter.snapshot_store.open_destination import open_destination


class SnapshotInfo(msgspec.Struct, frozen=True):
    """One published snapshot: its ID, where it is, and its manifest. `data_id`: that its responses are from."""

    snapshot_id: str
    where: str
    manifest: Manifest
    data_id: str = ""

    def is_misdated(self, now: float) -> bool:
        """Whether its run, or that of its responses, began under a wrong clock. `now`: seconds since 1970."""
        return is_misdated(self.snapshot_id, now) or is_misdated(self.data_id, now)


class DamagedSnapshot(msgspec.Struct, frozen=True):
    """A published snapshot whose manifest cannot be read, and why. One that is not readable, for this user or with
    these credentials, may be sound."""

    snapshot_id: str
    where: str
    problem: str
    verdict: Literal["damaged", "not readable"] = "damaged"


class Catalog(msgspec.Struct, frozen=True):
    """All that is published in a destination, oldest first."""

    snapshots: tuple[SnapshotInfo, ...]
    damaged: tuple[DamagedSnapshot, ...]


def snapshots(dest: str | os.PathLike[str]) -> list[SnapshotInfo]:
    """The published snapshots of a destination, oldest first.

    `dest`: a folder or a URL. Raises an `ExportError` when it cannot be read.

    >>> from exporter import snapshots
    >>> for snapshot in snapshots("exports"):  # doctest: +SKIP
    ...     print(snapshot.manifest.mode, snapshot.manifest.counts.ok)
    full 3
    """
    destination = open_destination(dest)
    published = list_snapshots(destination)
    if not published:
        destination.check_is_root()
    return published


def list_snapshots(destination: Destination) -> list[SnapshotInfo]:
    """The snapshots whose manifest can be read, oldest first."""
    return list(read_catalog(destination).snapshots)


def read_catalog(destination: Destination) -> Catalog:
    """Read every manifest. Raises `DestinationError`, `StorageFailed`."""
    entries = destination.of_each(lambda snapshot: _entry(destination, snapshot), destination.folder_ids())
    manifests = {entry.snapshot_id: entry.manifest for entry in entries if isinstance(entry, SnapshotInfo)}
    infos = [
        msgspec.structs.replace(entry, data_id=_data_id(entry.snapshot_id, manifests))
        for entry in entries
        if isinstance(entry, SnapshotInfo)
    ]
    return Catalog(
        tuple(sorted(infos, key=lambda info: (info.data_id, info.snapshot_id))),
        tuple(entry for entry in entries if isinstance(entry, DamagedSnapshot)),
    )


def _entry(destination: Destination, snapshot: str) -> SnapshotInfo | DamagedSnapshot | None:
    where = destination.where(snapshot)
    try:
        if not destination.has_manifest(snapshot):
            return None
        return SnapshotInfo(snapshot, where, read_manifest(destination, snapshot))
    except NotReadable as error:
        return DamagedSnapshot(snapshot, where, str(error), "not readable")
    except DestinationError as error:
        return DamagedSnapshot(snapshot, where, str(error))


def _data_id(snapshot: str, manifests: dict[str, Manifest]) -> str:
    """The snapshot of the run that fetched the responses: where a chain of rebuilds begins."""
    seen = {snapshot}
    while snapshot in manifests and manifests[snapshot].mode == "rebuild":
        base = manifests[snapshot].base_snapshot
        if base is None or base in seen or not is_snapshot_id(base):
            break
        seen.add(base)
        snapshot = base
    return snapshot


def read_manifest(destination: Destination, snapshot: str, *, sealed: bool = False) -> Manifest:
    """The manifest of a snapshot. `sealed`: refuse one that was changed. Raises `DestinationError`, `StorageFailed`."""
    try:
        return load(destination.read(snapshot, MANIFEST), sealed=sealed)
    except NotAManifest as error:
        raise DestinationError(f"{destination.where(snapshot)}/{MANIFEST}: {error}.") from None


def own_snapshots(infos: Iterable[SnapshotInfo], identity: Identity, now: float) -> list[SnapshotInfo]:
    """Those of an account, without misdated ones, in the same order."""
    return [info for info in infos if info.manifest.api == identity and not info.is_misdated(now)]


def latest_of(destination: Destination, identity: Identity, now: float) -> SnapshotInfo | None:
    """The newest snapshot of an account."""
    own = own_snapshots(list_snapshots(destination), identity, now)
    return own[-1] if own else None
