"""How campaigns changed over all snapshots of an account: a row for every version of a campaign.

One snapshot after the other is compared with the state before it, so that memory is needed for one snapshot and for the
versions, not for all snapshots.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.errors import DestinationError
from exporter.ids.ids_file import ids_of
from exporter.model import ROW_TABLES, RowTable
from exporter.snapshot_store.campaign_versions import Versions
from exporter.snapshot_store.cell_comparison import LIST_COLUMNS, NOT_COMPARED
from exporter.snapshot_store.choose_account_and_snapshot import one_per_run, snapshots_of_account
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import check_columns, had_list_pass, names_given, not_fetched, read_table, to_frame
from exporter.tables.arrow_schemas import schema_of
from exporter.units import counted

if TYPE_CHECKING:
    import pandas as pd


class History(msgspec.Struct, frozen=True):
    """`versions`: the columns of `VERSION_COLUMNS`, then those of the table; `notices`: what a user has to know."""

    versions: pa.Table
    notices: list[str]
    unknown_ids: list[str]
    """IDs that were asked for and are in no snapshot"""


def read_history(
    dest: str | os.PathLike[str],
    ids: Iterable[str] | None = None,
    *,
    table: RowTable = "campaigns",
    columns: Iterable[str] | None = None,
    as_of: date | datetime | str | None = None,
    account: str | None = None,
) -> pd.DataFrame:
    """Every version of every campaign over all snapshots, as a pandas DataFrame with Arrow-backed columns.

    A version has `valid_from` and `valid_to` (the times of snapshots), `is_current`, `change` (added, changed,
    removed, came back) and `changed_columns`, then the columns of `table`. `ids`: only these campaigns. `columns`:
    compare and give only these. `as_of`: the versions of that time; of a day, those at its end (UTC). `account`: an
    account ID, where the destination has several. Raises `DestinationError` when there is no such snapshot or it cannot
    be read, `IdsError` when `ids` are none, `ValueError` when there is no such table, column or time, `TypeError` when
    `columns` is one text.

    >>> from exporter import read_history
    >>> versions = read_history("exports")  # doctest: +SKIP
    >>> versions[versions.change == "removed"].campaign_id.tolist()  # doctest: +SKIP
    ['cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55']
    """
    if as_of is not None:
        as_of = parse_moment(as_of) if isinstance(as_of, str) else end_of(as_of)
    history = history_of(
        open_destination(dest),
        datetime.now(UTC).timestamp(),
        ids=None if ids is None else ids_of(ids, source="ids").ids.to_pylist(),
        table=table,
        columns=names_given(columns) or (),
        as_of=as_of,
        account=account,
    )
    return to_frame(history.versions)


def parse_moment(text: str) -> datetime:
    """`2026-11-20`, the end of that day, or `2026-11-20T14:00Z`, in UTC if no offset is given. Raises `ValueError`."""
    time_or_day = datetime if len(text.strip()) > 10 else date
    try:
        return end_of(time_or_day.fromisoformat(text.strip()))
    except ValueError:
        raise ValueError(f"{text!r} is not a time: write 2026-11-20 or 2026-11-20T14:00Z") from None


def end_of(moment: Any) -> datetime:
    """The last moment of a day; a moment in UTC, which it is if it names no zone. Raises `ValueError`."""
    # NaT of pandas is a datetime, and the only one that is not itself.
    if not isinstance(moment, date) or moment != moment:
        raise ValueError(f"{moment!r} is not a time: give a date, a datetime or text such as 2026-11-20T14:00Z")
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time.max, UTC)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"{moment} is outside the years 1 to 9999 in UTC") from None


def history_of(
    destination: Destination,
    now: float,
    *,
    ids: Sequence[str] | None = None,
    table: RowTable = "campaigns",
    columns: Collection[str] = (),
    as_of: datetime | None = None,
    account: str | None = None,
) -> History:
    """The versions of campaigns. `now`: seconds since 1970. `ids`: None: all. Raises as `read_history`."""
    names = _wanted_columns(table, columns)
    chosen = snapshots_of_account(destination, now, account=account)
    notices = list(chosen.notices)
    versions = Versions(table, names)
    without_list: list[str] = []
    runs = one_per_run(chosen.snapshots)
    for info in runs:
        snapshot, manifest = info.snapshot_id, info.manifest
        try:
            rows = _only(read_table(destination, snapshot, table, names, manifest=manifest), ids)
            listed = had_list_pass(destination, snapshot, manifest=manifest)
            unknown = not_fetched(destination, snapshot, manifest=manifest)
        except DestinationError as error:
            notices.append(f"left out: {error}")
            continue
        if not listed:
            without_list.append(snapshot)
        versions.add(began_at(info.data_id), rows, unknown, listed=listed)
    compared = LIST_COLUMNS & set(names) - NOT_COMPARED
    if without_list and len(without_list) < len(runs) and compared:
        notices.append(
            f"{counted(len(without_list), 'snapshot')} without a list pass: what its answers lack of these is as it "
            f"was listed last: {', '.join(sorted(compared))}"
        )
    if not versions.moments:
        raise DestinationError(f"{destination.shown}: there is no readable snapshot of account {chosen.account}.")
    if as_of is not None and as_of < versions.moments[0]:
        moment, first = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (as_of, versions.moments[0]))
        raise DestinationError(f"{destination.shown}: {moment} is before the first snapshot, {first}.")
    return History(
        versions.table(as_of), notices, [campaign_id for campaign_id in ids or () if campaign_id not in versions.seen]
    )


def _wanted_columns(table: RowTable, columns: Collection[str]) -> list[str]:
    if table not in ROW_TABLES:
        raise ValueError(f"there is no history of {table!r}; there is one of: {', '.join(ROW_TABLES)}")
    check_columns(table, columns)
    return list(dict.fromkeys(("campaign_id", *columns))) if columns else schema_of(table).names


def _only(rows: pa.Table, ids: Sequence[str] | None) -> pa.Table:
    if ids is None:
        return rows
    return rows.filter(pc.is_in(rows.column("campaign_id"), value_set=pa.array(ids, pa.string())))
