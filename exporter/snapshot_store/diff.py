"""What is different between two snapshots, by whole columns and not by rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.snapshot_store.cell_comparison import LIST_COLUMNS, NOT_COMPARED, differs, order_only
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.reader import Columns, had_list_pass, not_fetched, open_columns
from exporter.snapshot_store.writer import csv_column
from exporter.tables.weekdays import WEEKDAYS

_CELLS = pa.schema(
    [("campaign_id", pa.string()), ("name", pa.string()), ("column", pa.string()), ("old", pa.string()),
     ("new", pa.string()), ("note", pa.string())]
)  # fmt: skip


class Changes(msgspec.Struct, frozen=True):
    """The differences, in the order of the newer snapshot (removed campaigns in that of the older).

    `added` and `removed` have the columns campaign_id and name; `changed` has one row for each changed cell:
    campaign_id, name, column, old, new as CSV writes them, and a note: `order`, where only the order changed.
    """

    old: str
    new: str
    added: pa.Table
    removed: pa.Table
    changed: pa.Table
    not_compared: list[str] = []
    """columns that only one of the two could have in full, as the other made no list pass"""
    not_fetched: int = 0
    """campaigns that are in one of the two, and could not be fetched for the other"""

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        return bool(self.added.num_rows or self.removed.num_rows or self.changed.num_rows)

    @property
    def campaigns(self) -> int:
        """How many campaigns changed."""
        return int(pc.count_distinct(self.changed.column("campaign_id")).as_py())


def changes_between(
    destination: Destination, old: str, new: str, *, columns: Collection[str] = (), ignore: Collection[str] = ()
) -> Changes:
    """Compare the campaigns of two snapshots. `columns`: only these; `ignore`: all but these.

    Raises `DestinationError`.
    """
    with open_columns(destination, old, "campaigns") as before, open_columns(destination, new, "campaigns") as after:
        # Where neither made one, the columns are as much of both as the answers hold.
        left_out = () if had_list_pass(destination, old) == had_list_pass(destination, new) else LIST_COLUMNS
        changes = compare(before, after, old=old, new=new, columns=columns, ignore={*ignore, *left_out})
    added, came = _without(changes.added, not_fetched(destination, old))
    removed, went = _without(changes.removed, not_fetched(destination, new))
    wanted = [name for name in before.schema.names if name in left_out and (not columns or name in columns)]
    return msgspec.structs.replace(changes, added=added, removed=removed, not_compared=wanted, not_fetched=came + went)


def compare(
    before: Columns,
    after: Columns,
    *,
    old: str = "old",
    new: str = "new",
    columns: Collection[str] = (),
    ignore: Collection[str] = (),
) -> Changes:
    """As `changes_between`, of two campaigns tables. A column is looked at and let go of before the next."""
    old_ids, new_ids = before.column("campaign_id"), after.column("campaign_id")
    at = pc.index_in(new_ids.combine_chunks(), value_set=old_ids)
    known = pc.is_valid(at)
    at = at.filter(known)
    missing = pc.invert(pc.is_in(old_ids.combine_chunks(), value_set=new_ids))
    added, removed = _named(after, pc.invert(known)), _named(before, missing)
    ids, names = new_ids.filter(known), after.column("name").filter(known)
    cells: list[pa.Table] = []
    positions: list[pa.Array] = []
    for name in before.schema.names:
        if (
            name not in after.schema.names
            or name in NOT_COMPARED
            or name in ignore
            or (columns and name not in columns)
        ):
            continue
        older, newer = before.column(name).take(at), after.column(name).filter(known)
        where = differs(name, older, newer)
        if not pc.any(where).as_py():
            continue
        older, newer = older.filter(where), newer.filter(where)
        column = pa.repeat(name, len(older))
        cell = [ids.filter(where), names.filter(where), column, _as_text(older), _as_text(newer), _notes(older, newer)]
        cells.append(pa.Table.from_arrays(cell, schema=_CELLS))
        positions.append(pc.indices_nonzero(where))
    # The sort is stable: of a campaign the columns stay in their order.
    order = pc.sort_indices(pa.chunked_array(positions, pa.uint64()))
    changed = pa.concat_tables([_CELLS.empty_table(), *cells]).take(order)
    return Changes(old, new, added, removed, changed)


def all_changes(changes: Changes) -> pa.Table:
    """One table: change (added, removed, changed), campaign_id, name, column, old, new, note."""
    schema = pa.schema([("change", pa.string()), *_CELLS])
    kinds = (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed))
    parts = [rows.add_column(0, schema[0], pa.array([change] * rows.num_rows, pa.string())) for change, rows in kinds]
    return pa.concat_tables([schema.empty_table(), *parts], promote_options="default")


def spoken(cell: Mapping[str, Any]) -> tuple[str, str, str]:
    """A row of `changed` as people say it: (`calling hours`, `MO 09:00-18:00`, `09:00-20:00`); nothing is `none`."""
    before, after = ("none" if cell[key] is None else cell[key] for key in ("old", "new"))
    column: str = cell["column"]
    day = column.removeprefix("calling_hours_").upper()
    if column.startswith("calling_hours_") and day in WEEKDAYS:
        return "calling hours", f"{day} {before}", after
    return f"{column} ({cell['note']})" if cell["note"] else column, before, after


def _named(campaigns: Columns, rows: pa.Array) -> pa.Table:
    names = ["campaign_id", "name"]
    return pa.Table.from_arrays([campaigns.column(name).filter(rows) for name in names], names=names)


def _without(campaigns: pa.Table, ids: pa.Array) -> tuple[pa.Table, int]:
    """A campaign that could not be fetched for the other snapshot is neither new nor gone."""
    kept = campaigns.filter(pc.invert(pc.is_in(campaigns.column("campaign_id"), value_set=ids)))
    return kept, campaigns.num_rows - kept.num_rows


def _notes(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    if not pa.types.is_list(after.type):
        return pa.nulls(len(after), pa.string())
    pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
    return pa.array(["order" if order_only(old, new) else None for old, new in pairs], pa.string())


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    shown = csv_column(column)
    return shown if pa.types.is_string(shown.type) else pc.cast(shown, pa.string())
