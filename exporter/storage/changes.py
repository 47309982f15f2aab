"""What is different between two snapshots, by whole columns and not by rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from exporter.storage.destination import Destination
from exporter.storage.reader import read_table
from exporter.storage.writer import csv_column

NOT_COMPARED = frozenset({"campaign_id", "fetched_at", "carried_from"})
"""Where an answer came from and when is no difference of the campaign."""

_CELLS = pa.schema(
    [("campaign_id", pa.string()), ("name", pa.string()), ("column", pa.string()), ("old", pa.string()),
     ("new", pa.string())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changes:
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


def changes_between(
    destination: Destination, old: str, new: str, *, columns: Collection[str] = (), ignore: Collection[str] = ()
) -> Changes:
    """Compare the campaigns of two snapshots. `columns`: only these; `ignore`: all but these.

    Raises `DestinationError`.
    """
    return compare(
        read_table(destination, old, "campaigns"),
        read_table(destination, new, "campaigns"),
        old=old,
        new=new,
        columns=columns,
        ignore=ignore,
    )


def compare(
    before: pa.Table,
    after: pa.Table,
    *,
    old: str = "old",
    new: str = "new",
    columns: Collection[str] = (),
    ignore: Collection[str] = (),
) -> Changes:
    """As `changes_between`, of two campaigns tables."""
    old_ids = before.column("campaign_id").combine_chunks()
    new_ids = after.column("campaign_id").combine_chunks()
    at = pc.index_in(new_ids, value_set=old_ids)
    known = pc.is_valid(at)
    added = _named(after.filter(pc.invert(known)))
    removed = _named(before.filter(pc.invert(pc.is_in(old_ids, value_set=new_ids))))
    older, newer = before.take(at.filter(known)), after.filter(known)
    rows = pa.array(range(newer.num_rows), pa.int32())
    found: list[pa.Table] = []
    order: list[pa.Array] = []
    for number, name in enumerate(before.schema.names):
        if (
            name in NOT_COMPARED
            or name in ignore
            or (columns and name not in columns)
            or name not in newer.schema.names
        ):
            continue
        differs = _differs(older.column(name), newer.column(name))
        if not pc.any(differs).as_py():
            continue
        cells = [
            newer.column("campaign_id").filter(differs),
            newer.column("name").filter(differs),
            pa.array([name] * pc.sum(differs).as_py(), pa.string()),
            _as_text(older.column(name).filter(differs)),
            _as_text(newer.column(name).filter(differs)),
        ]
        found.append(pa.Table.from_arrays(cells, schema=_CELLS))
        position = pc.cast(rows.filter(differs.combine_chunks()), pa.int64())
        order.append(pc.add(pc.multiply(position, 1000), number))
    changed = pa.concat_tables(found) if found else _CELLS.empty_table()
    if found:
        changed = changed.take(pc.sort_indices(pa.concat_arrays(order)))
    return Changes(old, new, added, removed, changed)


def _named(campaigns: pa.Table) -> pa.Table:
    return campaigns.select(["campaign_id", "name"])


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(before.type):
        before, after = pc.binary_join(before, "\x1f"), pc.binary_join(after, "\x1f")
    one_is_null = pc.xor(pc.is_null(before), pc.is_null(after))
    return pc.or_(one_is_null, pc.fill_null(pc.not_equal(before, after), False))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    shown = csv_column(column)
    return shown if pa.types.is_string(shown.type) else pc.cast(shown, pa.string())
