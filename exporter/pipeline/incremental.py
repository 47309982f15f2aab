"""Carrying answers over from the base of an incremental snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any

import msgspec

from exporter.events import Emit, Warned
from exporter.ids.campaign_ids import each_of
from exporter.journal.run_checkpoint import Checkpoint
from exporter.json_text import NotJson, loads
from exporter.model import CampaignResponse
from exporter.options import SnapshotOptions
from exporter.snapshot_store.catalog import DamagedSnapshot, SnapshotInfo
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.reader import read_responses, read_table
from exporter.snapshot_store.verify import stored_problem
from exporter.tables.columns import CAMPAIGNS
from exporter.tables.json_leaves import is_nothing
from exporter.tables.timestamps import read_instant
from exporter.units import format_duration

SLACK = 86_400_000
"""Milliseconds by which the service's clock and ours may differ: one that shows local time is hours off."""

_STAMPS = ("updatedAt", "campaignInstanceUpdatedAt")

_LIST_KEYS = tuple(column.list_key for column in CAMPAIGNS if column.list_key is not None)
"""Of the columns that the list fills where the answer has nothing for them."""


class Bases(msgspec.Struct, frozen=True):
    """The snapshots that an incremental run may carry over from, the best first; none: a full run.

    `notes`: what the user should know of the choice.
    """

    candidates: tuple[SnapshotInfo, ...] = ()
    notes: tuple[str, ...] = ()


def choose_bases(
    own: Sequence[SnapshotInfo],
    damaged: Sequence[DamagedSnapshot],
    options: SnapshotOptions,
    now: float,
    *,
    earlier: Checkpoint | None,
) -> Bases:
    """Among an account's snapshots (oldest first) those to carry over from, newest first.

    `damaged`: those whose manifest cannot be read. `earlier`: an attempt of the same command, whose base comes first;
    the incomplete snapshot that it is about to replace is none.
    """
    if not options.incremental or options.fresh:
        return Bases()
    first = earlier.base if earlier is not None else None
    replaced = earlier.incomplete if earlier is not None else None
    without = replaced.snapshot_id if replaced is not None else None
    full_every = options.full_every
    usable = [info for info in own if info.snapshot_id != without]
    kept = [info for info in usable if info.snapshot_id == first]
    newest = usable[-1].snapshot_id if usable else ""
    notes = [
        f"{lost.where} is {lost.verdict} ({lost.problem.rstrip('.')}), so it is not a base"
        for lost in damaged
        if newest < lost.snapshot_id != without
    ]
    if not usable:
        note = "--incremental: there is no snapshot of this account yet, so this is a full run"
        return Bases(notes=(*notes, *([note] if without is None else [])))
    if full_every is not None and not kept:
        last = last_full(usable)
        age = now - began_at(last.snapshot_id).timestamp() if last is not None else None
        if age is None or age > full_every:
            since = f"the last full run is {format_duration(age)} old" if age is not None else "there is none yet"
            return Bases(notes=(f"--full-every {format_duration(full_every)}: {since}, so this is a full run",))
    return Bases((*kept, *(info for info in reversed(usable) if info not in kept)), tuple(notes))


def last_full(own: Sequence[SnapshotInfo]) -> SnapshotInfo | None:
    """The newest full snapshot."""
    return next((info for info in reversed(own) if info.manifest.mode == "full"), None)


def expected_changes(own: Sequence[SnapshotInfo]) -> int | None:
    """How many campaigns the last incremental run had to fetch; None: there was none."""
    for info in reversed(own):
        if info.manifest.mode == "incremental":
            return info.manifest.counts.ok - info.manifest.counts.carried_over
    return None


def newest_sound(destination: Destination, bases: Bases, *, emit: Emit) -> str | None:
    """The first candidate whose stored answers are what its manifest says; any other is a warning."""
    for info in bases.candidates:
        problem = stored_problem(destination, info.snapshot_id, "responses")
        if problem is None:
            return info.snapshot_id
        emit(Warned(f"{info.where} is not taken as a base ({problem}); see `campaign-export verify`"))
    if bases.candidates:
        emit(Warned("--incremental: no sound snapshot of this account is left, so this is a full run"))
    return None


def carried(destination: Destination, base: str, items: Mapping[str, str]) -> Iterator[list[CampaignResponse]]:
    """The base's answers that are still true, in blocks.

    `items`: the IDs that are wanted and not there yet, each with its item of this run's list pass.
    """
    for block in read_responses(destination, base):
        kept = [
            response._replace(carried_from=base, list_item=None, list_type=None)
            for response in block
            if (item := items.get(response.campaign_id)) is not None and is_unchanged(response, item)
        ]
        if kept:
            yield kept


def is_unchanged(response: CampaignResponse, item: str) -> bool:
    """Whether a campaign is as it was when `response` was stored, by today's list item.

    Both stamps must be those that the base saw, and the status, which a run that ends may change without a stamp. A
    base without a list item has only the answer's own `updatedAt`; the last run of the campaign must then lie before
    that, or clearly before the answer. What the list shows of a value that the answer holds as well must be as it was:
    the answer's own goes into the row, and whether that has changed, too, only the service can tell.
    """
    now = _object(item)
    if not _says_when(now.get("updatedAt")):
        return False
    if response.list_item is not None:
        before = _object(response.list_item)
        statuses = [one.get("status") for one in (before, now)]
        if None not in statuses and statuses[0] != statuses[1]:
            return False
        if any(before.get(stamp) != now.get(stamp) for stamp in _STAMPS):
            return False
        moved = [key for key in _LIST_KEYS if before.get(key) != now.get(key)]
        return not moved or not _holds_any(moved, _object(response.body).get("data"))
    data = _object(response.body).get("data")
    if not isinstance(data, dict) or data.get("updatedAt") != now["updatedAt"]:
        return False
    shown = [key for key in ("status", *_LIST_KEYS) if not is_nothing(now.get(key))]
    if _holds_any([key for key in shown if data.get(key) != now[key]], data):
        return False
    ran = now.get("campaignInstanceUpdatedAt")
    if ran is None or ran == now["updatedAt"]:
        return True
    moment, changed = (read_instant(stamp) if isinstance(stamp, str) else None for stamp in (ran, now["updatedAt"]))
    if moment is None:
        return False
    return moment < response.fetched_at - SLACK or (changed is not None and moment < changed)


def _holds_any(keys: Collection[str], data: Any) -> bool:
    return isinstance(data, dict) and not all(is_nothing(data.get(key)) for key in keys)


def _says_when(stamp: Any) -> bool:
    """Whether a stamp is more than a text such as "" or "N/A", which would be that of every night."""
    return type(stamp) in (str, int, float) and any(digit in str(stamp) for digit in "123456789")


def gone(
    destination: Destination, base: str, *, there: Set[str], missing: Set[str], listed_types: Collection[str]
) -> list[str]:
    """The IDs of the base's campaigns that are not there any more. Raises `DestinationError`.

    `there`: those that are. `missing`: those that were asked for and do not exist. Of the others only those are known
    to be gone that a list showed to the base, and that would be in today's.
    """
    rows = read_table(destination, base, "responses", ["campaign_id", "list_type"])
    ids, types = rows.columns
    told = {*listed_types, None} if types.null_count == len(types) else {*listed_types}  # a base without a list pass
    return [
        campaign_id
        for campaign_id, list_type in zip(each_of(ids), each_of(types), strict=True)
        if campaign_id not in there and (list_type in told or campaign_id in missing)
    ]


def _object(text: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except NotJson:
        return {}
    return value if isinstance(value, dict) else {}
