"""Carrying answers over from the base of an incremental snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from exporter.events import Emit, Warned
from exporter.model import CampaignResponse, Identity
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import SnapshotInfo, belongs_to, list_snapshots, read_responses
from exporter.tables.timestamps import read_instant
from exporter.text import NotJson, loads
from exporter.units import format_duration

SLACK = 300_000
"""Milliseconds by which the service's clock and ours may differ."""

_STAMPS = ("updatedAt", "campaignInstanceUpdatedAt")


def choose_base(
    destination: Destination, identity: Identity, *, full_every: float | None, now: float, emit: Emit
) -> SnapshotInfo | None:
    """The snapshot to carry over from: the latest of this account; None: a full run, and why is told."""
    own = [info for info in list_snapshots(destination) if belongs_to(info.manifest, identity)]
    if not own:
        emit(Warned("--incremental: there is no snapshot of this account yet, so this is a full run"))
        return None
    if full_every is not None:
        full = [info for info in own if info.manifest.mode == "full"]
        age = now - began_at(full[-1].snapshot_id).timestamp() if full else None
        if age is None or age > full_every:
            since = f"the last full run is {format_duration(age)} old" if age is not None else "there is none yet"
            emit(Warned(f"--full-every {format_duration(full_every)}: {since}, so this is a full run"))
            return None
    return own[-1]


def carried(
    destination: Destination,
    base: str,
    *,
    wanted: Callable[[str], bool],
    item_of: Callable[[str], str | None],
) -> Iterator[list[CampaignResponse]]:
    """The base's answers that are still true, in blocks.

    `wanted`: whether an ID is wanted and not there yet. `item_of`: its item of this run's list pass.
    """
    for block in read_responses(destination, base):
        kept = []
        for response in block:
            if not wanted(response.campaign_id):
                continue
            item = item_of(response.campaign_id)
            if item is not None and is_unchanged(response, item):
                kept.append(response._replace(carried_from=base, list_item=None, list_type=None))
        if kept:
            yield kept


def is_unchanged(response: CampaignResponse, item: str) -> bool:
    """Whether a campaign is as it was when `response` was stored, by today's list item.

    Both stamps must be those that the base saw. A base without a list item has only the answer's own `updatedAt`;
    the last run of the campaign must then lie clearly before the answer.
    """
    now = _object(item)
    if not isinstance(now.get("updatedAt"), str):
        return False
    if response.list_item is not None:
        before = _object(response.list_item)
        return all(before.get(stamp) == now.get(stamp) for stamp in _STAMPS)
    document = _object(response.body)
    data = document.get("data")
    if not isinstance(data, dict) or data.get("updatedAt") != now["updatedAt"]:
        return False
    ran = now.get("campaignInstanceUpdatedAt")
    if ran is None or ran == now["updatedAt"]:
        return True
    moment = read_instant(ran) if isinstance(ran, str) else None
    return moment is not None and moment < response.fetched_at - SLACK


def gone(destination: Destination, base: str, *, there: Callable[[str], bool]) -> list[str]:
    """The IDs of the base's campaigns that are not there any more. Raises `DestinationError`."""
    return [
        response.campaign_id
        for block in read_responses(destination, base)
        for response in block
        if not there(response.campaign_id)
    ]


def _object(text: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except NotJson:
        return {}
    return value if isinstance(value, dict) else {}
