"""What is different between two snapshots, by whole columns and not by rows."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.reader import Columns, open_columns
from exporter.snapshot_store.writer import csv_column
from exporter.tables.weekdays import WEEKDAYS

NOT_COMPARED = frozenset({"campaign_id", "fetched_at", "carried_from"})
"""Where an answer came from and when is no difference of the campaign."""

_BETWEEN = "\x1f"

_CELLS = pa.schema(
    [("campaign_id", pa.string()), ("name", pa.string()), ("column", pa.string()), ("old", pa.string()),
     ("new", pa.string())]
)  # fmt: skip


class Changes(msgspec.Struct, frozen=True):
    """The differences, in the order of the newer snapshot (removed campaigns in that of the older).

    `added` and `removed` have the columns campaign_id and name; `changed` has one row for each changed cell:
    campaign_id, name, column, old, new, the values as CSV writes them.
    """

    old: str
    new: str
    added: pa.Table
    removed: pa.Table
    changed: pa.Table

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
        return compare(before, after, old=old, new=new, columns=columns, ignore=ignore)


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
    rows = pa.array(range(len(ids)), pa.int64())
    found: list[pa.Table] = []
    order: list[pa.Array] = []
    compared = [name for name in before.schema.names if name in after.schema.names and name not in NOT_COMPARED]
    for number, name in enumerate(compared):
        if name in ignore or (columns and name not in columns):
            continue
        older, newer = before.column(name).take(at), after.column(name).filter(known)
        differs = _differs(older, newer)
        if not pc.any(differs).as_py():
            continue
        position = rows.filter(differs)
        cells = [
            ids.filter(differs),
            names.filter(differs),
            pa.array([name] * len(position), pa.string()),
            _as_text(older.filter(differs)),
            _as_text(newer.filter(differs)),
        ]
        found.append(pa.Table.from_arrays(cells, schema=_CELLS))
        order.append(pc.add(pc.multiply(position, 1000), number))
    changed = pa.concat_tables(found) if found else _CELLS.empty_table()
    if found:
        changed = changed.take(pc.sort_indices(pa.concat_arrays(order)))
    return Changes(old, new, added, removed, changed)


def spoken(column: str, old: str | None, new: str | None) -> tuple[str, str, str]:
    """A change as people say it: (`calling hours`, `MO 09:00-18:00`, `09:00-20:00`); nothing is `none`."""
    before, after = "none" if old is None else old, "none" if new is None else new
    day = column.removeprefix("calling_hours_").upper()
    if column.startswith("calling_hours_") and day in WEEKDAYS:
        return "calling hours", f"{day} {before}", after
    return column, before, after


def _named(campaigns: Columns, rows: pa.Array) -> pa.Table:
    names = ["campaign_id", "name"]
    return pa.Table.from_arrays([campaigns.column(name).filter(rows) for name in names], names=names)


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_list(before.type):
        # A sign that stands in no text makes one text of a list; where it does stand in one, JSON does.
        one_text = csv_column if _holds(before, _BETWEEN) or _holds(after, _BETWEEN) else _joined
        before, after = one_text(before), one_text(after)
    one_is_null = pc.xor(pc.is_null(before), pc.is_null(after))
    differs = pc.or_(one_is_null, pc.fill_null(pc.not_equal(before, after), False))
    return differs.combine_chunks() if isinstance(differs, pa.ChunkedArray) else differs


def _holds(lists: pa.ChunkedArray, sign: str) -> bool:
    return bool(pc.any(pc.match_substring(pc.list_flatten(lists), sign)).as_py())


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join(lists, _BETWEEN)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    shown = csv_column(column)
    return shown if pa.types.is_string(shown.type) else pc.cast(shown, pa.string())
