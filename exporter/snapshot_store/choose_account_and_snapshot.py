"""Which snapshots a command means: several accounts can share a destination, and the latest is that of one of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from exporter.errors import DestinationError
from exporter.snapshot_store.catalog import Catalog, SnapshotInfo, read_catalog
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import Manifest
from exporter.snapshot_store.names import PREFIX, is_snapshot_id, misdated_notices
from exporter.snapshot_store.open_bucket import without_secrets


class Account(NamedTuple):
    """An account as manifests name it. The host and the version of the API can change; the account stays the same."""

    account_id: str
    stream_id: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.stream_id}"


class AccountSnapshots(msgspec.Struct, frozen=True):
    """The readable snapshots of one account, oldest first: the last is the latest."""

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


def one_per_run(snapshots: Iterable[SnapshotInfo]) -> list[SnapshotInfo]:
    """One snapshot for each run, oldest first: a rebuild takes the place of what it was made from."""
    return list({info.data_id: info for info in snapshots}.values())


def account_of(manifest: Manifest) -> Account:
    """The account that a snapshot is of."""
    return Account(manifest.api.account_id, manifest.api.stream_id)


def snapshots_of_account(
    destination: Destination,
    now: float,
    catalog: Catalog | None = None,
    /,
    *,
    account: str | None = None,
    snapshot: str | None = None,
) -> AccountSnapshots:
    """The snapshots of one account. `now`: seconds since 1970.

    `account`: an account ID, a stream ID, or account ID/stream ID; else the account of `snapshot`, else that of the
    newest snapshot. `catalog`: of the destination, where it was read before. Raises `DestinationError` when there is
    none.
    """
    catalog = catalog or read_catalog(destination)
    counting = [info for info in catalog.snapshots if info.snapshot_id == snapshot or not info.is_misdated(now)]
    left_out = [f"left out: {damaged.problem}" for damaged in catalog.damaged]
    left_out += misdated_notices([info.where for info in catalog.snapshots if info not in counting])
    accounts = list(dict.fromkeys(account_of(info.manifest) for info in reversed(counting)))
    matching = [known for known in accounts if account in (None, *known, str(known))]
    if snapshot is not None:
        named = {account_of(info.manifest) for info in counting if info.snapshot_id == snapshot}
        matching = [known for known in matching if known in named]
    if not matching:
        raise _none(destination, catalog, accounts, account)
    if account is not None and len(matching) > 1:
        raise DestinationError(f"--account {account} names several: choose one of {', '.join(map(str, matching))}.")
    own = [info for info in counting if account_of(info.manifest) == matching[0]]
    return AccountSnapshots(matching[0], own, [known for known in accounts if known != matching[0]], left_out)


def _none(destination: Destination, catalog: Catalog, accounts: list[Account], account: str | None) -> DestinationError:
    destination.check_is_root()
    if account is not None:
        shown = ", ".join(map(str, accounts)) or "none"
        text = f"there is no snapshot of account {account}; accounts: {shown}"
    elif catalog.snapshots:
        text = f"every snapshot began under a wrong clock, as {catalog.snapshots[-1].snapshot_id}; give one by its ID"
    elif catalog.damaged:
        text = f"there is no readable snapshot: {catalog.damaged[-1].problem.rstrip('.')}"
    else:
        text = "there is no snapshot in it"
    return DestinationError(f"{destination.shown}: {text}.")


def find(
    destination: Destination, snapshot: str = "latest", *, account: str | None = None, now: float | None = None
) -> str:
    """The ID that `latest`, an ID, or the name or path of a snapshot's folder means. Raises `DestinationError`.

    `account`: as in `snapshots_of_account`. `now`: seconds since 1970; None: the machine's clock.
    """
    shown = without_secrets(snapshot)
    wanted = str(PurePath(shown))  # without slashes at the end, or two of them
    for place in (destination.where(""), destination.path("", "")):
        wanted = wanted.removeprefix(str(PurePath(place)))
    wanted = wanted.removeprefix(PREFIX)
    if wanted == "latest":
        chosen = snapshots_of_account(destination, time.time() if now is None else now, account=account)
        return chosen.snapshots[-1].snapshot_id
    if not is_snapshot_id(wanted):
        raise DestinationError(f"{shown!r} is not a snapshot ID; write latest or one like 20261123T020000Z.")
    if destination.has_manifest(wanted):
        return wanted
    destination.check_is_root()
    there = ", ".join(destination.snapshot_ids()[-5:]) or "none"
    raise DestinationError(f"{destination.shown}: there is no snapshot {wanted}; there are: {there}.")
