"""Whose snapshots are in a destination: several accounts can share one, and a comparison stays within one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from exporter.errors import DestinationError
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import SnapshotInfo, read_manifest

CLOCK_ERROR = timedelta(hours=1)
"""How far the clocks of two machines may be apart: what began later than that from now began under a wrong clock."""

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Older than any program that writes snapshots: a machine that had not set its clock yet."""


class Account(NamedTuple):
    """An account as manifests name it. What changes with the version of the API is not part of it."""

    host: str
    account_id: str
    stream_id: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.stream_id} at {self.host}"


class AccountSnapshots(msgspec.Struct, frozen=True):
    """The readable snapshots of one account, oldest first."""

    account: Account
    snapshots: list[SnapshotInfo]
    others: list[Account]
    """the other accounts of the destination"""
    left_out: list[str]
    """snapshots that do not count, and why"""

    @property
    def notices(self) -> list[str]:
        """What a user has to know about the choice."""
        if not self.others:
            return self.left_out
        others = ", ".join(map(str, self.others))
        return [f"account {self.account}; also in this destination: {others} (--account chooses)", *self.left_out]


def account_of(manifest: Manifest) -> Account:
    """The account that a snapshot is of."""
    return Account(manifest.api.host, manifest.api.account_id, manifest.api.stream_id)


def snapshots_of_account(
    destination: Destination, now: float, *, account: str | None = None, snapshot: str | None = None
) -> AccountSnapshots:
    """The snapshots of one account. `now`: seconds since 1970.

    `account`: an account ID, or account ID/stream ID; else the account of `snapshot`, else that of the newest
    snapshot. Raises `DestinationError` when there is none.
    """
    readable: list[SnapshotInfo] = []
    left_out: list[str] = []
    for snapshot_id in destination.snapshot_ids():
        try:
            readable.append(
                SnapshotInfo(snapshot_id, destination.where(snapshot_id), read_manifest(destination, snapshot_id))
            )
        except DestinationError as error:
            left_out.append(f"left out: {error}")
    sound = [info for info in readable if (snapshot == info.snapshot_id) or not _impossible(info.snapshot_id, now)]
    left_out += [f"left out: {info.where} began under a clock that was wrong" for info in readable if info not in sound]
    accounts = list(dict.fromkeys(account_of(info.manifest) for info in reversed(sound)))
    matching = [
        known for known in accounts if account in (None, known.account_id, f"{known.account_id}/{known.stream_id}")
    ]
    if snapshot is not None:
        named = {account_of(info.manifest) for info in sound if info.snapshot_id == snapshot}
        matching = [known for known in matching if known in named]
    if not matching:
        shown = ", ".join(map(str, accounts)) or "none"
        what = f"no snapshot of account {account}" if account else "no readable snapshot"
        raise DestinationError(f"{destination.shown}: there is {what}; accounts: {shown}.")
    chosen = matching[0]
    own = [info for info in sound if account_of(info.manifest) == chosen]
    return AccountSnapshots(chosen, own, [known for known in accounts if known != chosen], left_out)


def _impossible(snapshot_id: str, now: float) -> bool:
    return not EARLIEST <= began_at(snapshot_id) <= datetime.fromtimestamp(now, UTC) + CLOCK_ERROR
