"""The versions of campaigns: one snapshot's rows after the other, compared with the state before. Pure."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exporter.model import RowTable
from exporter.snapshot_store.cell_comparison import LIST_COLUMNS, NOT_COMPARED, differs
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.timestamps import TIME

Change = Literal["added", "changed", "removed", "came back"]

_HEAD = pa.schema(
    [("valid_from", TIME), ("valid_to", TIME), ("is_current", pa.bool_()), ("change", pa.string()),
     ("changed_columns", pa.list_(pa.string()))]
)  # fmt: skip
VERSION_COLUMNS = tuple(_HEAD.names)
"""What a version has before the columns of its table."""


class Versions:
    """The versions so far, and the state that the next snapshot is compared with.

    Rows are one for each campaign; a campaign's windows are lists in its row until the end. What only a list pass shows
    stays as it was listed last while snapshots make none.
    """

    def __init__(self, table: RowTable, names: list[str]) -> None:
        self._table, self._names = table, names
        self._compared = [name for name in names if name not in NOT_COMPARED]
        self.moments: list[datetime] = []
        self.seen: dict[str, int] = {}
        self._state: pa.Table | None = None
        self._listed = pa.array([], pa.bool_())  # of each row of the state, whether it was ever listed
        self._rows: list[pa.Table] = []
        self._heads: list[_Head] = []
        self._open: dict[str, int] = {}

    def add(self, moment: datetime, rows: pa.Table, unknown: pa.Array, *, listed: bool) -> None:
        """Compare a snapshot with the state. `unknown`: IDs that could not be fetched, and may still be there.

        `listed`: whether it made a list pass.
        """
        rows = _by_campaign(rows) if self._table == "calling_windows" else rows.combine_chunks()
        self.moments.append(moment)
        before = self._state if self._state is not None else rows.slice(0, 0)
        old_ids, new_ids = (part.column("campaign_id").combine_chunks() for part in (before, rows))
        at = pc.index_in(new_ids, value_set=old_ids)
        absent = pc.invert(pc.is_in(old_ids, value_set=new_ids))
        kept = pc.and_(absent, pc.is_in(old_ids, value_set=unknown))
        were_listed = pc.fill_null(self._listed.take(at), False)
        if not listed:
            rows = self._as_listed(rows, before, at, were_listed)
        self._remove(moment, before.filter(pc.and_(absent, pc.invert(kept))))
        self._change(moment, before, rows, at)
        self._append(moment, rows.filter(pc.is_null(at)), "added")
        carried = before.filter(kept)
        self._state = pa.concat_tables([rows, carried]).combine_chunks() if carried.num_rows else rows
        are_listed = pa.repeat(True, rows.num_rows) if listed else were_listed
        self._listed = pa.concat_arrays([are_listed, self._listed.filter(kept)])

    def _as_listed(self, rows: pa.Table, before: pa.Table, at: pa.Array, were_listed: pa.Array) -> pa.Table:
        """`rows` with the values of `before`, at `at`, where only a list pass could show them."""
        for name in LIST_COLUMNS.intersection(self._names):
            given, listed = rows.column(name), pc.if_else(were_listed, before.column(name).take(at), None)
            # A value of the answer is newer than that of the list; a type is only inferred from an answer.
            first, second = (listed, given) if name == "campaign_type" else (given, listed)
            index = rows.schema.get_field_index(name)
            rows = rows.set_column(index, rows.schema.field(index), pc.coalesce(first, second))
        return rows

    def _remove(self, moment: datetime, rows: pa.Table) -> None:
        """A version without values, but for what says which campaign it was."""
        kept = {"campaign_id", "name"} if self._table == "campaigns" else {"campaign_id"}
        empty = None if self._table == "campaigns" else [None]
        columns = [
            rows.column(name) if name in kept else pa.array([empty] * rows.num_rows, rows.schema.field(name).type)
            for name in rows.schema.names
        ]
        self._append(moment, pa.Table.from_arrays(columns, schema=rows.schema), "removed")

    def _change(self, moment: datetime, before: pa.Table, rows: pa.Table, at: pa.Array) -> None:
        known = pc.is_valid(at)
        if not before.column("campaign_id").equals(rows.column("campaign_id")):
            rows, before = rows.filter(known), before.take(at.filter(known))
        changed: dict[int, list[str]] = {}
        for name in self._compared:
            where = differs(name, before.column(name), rows.column(name))
            for index in pc.indices_nonzero(where).to_pylist():
                changed.setdefault(index, []).append(name)
        order = sorted(changed)
        columns = [changed[index] for index in order]
        self._append(moment, rows.take(pa.array(order, pa.int64())), "changed", columns)

    def _append(self, moment: datetime, rows: pa.Table, change: Change, columns: list[list[str]] | None = None) -> None:
        if not rows.num_rows:
            return
        for index, campaign_id in enumerate(rows.column("campaign_id").to_pylist()):
            if campaign_id in self._open:
                self._heads[self._open[campaign_id]].valid_to = moment
            self._open[campaign_id] = len(self._heads)
            this: Change = "came back" if change == "added" and campaign_id in self.seen else change
            self._heads.append(_Head(campaign_id, moment, this, columns[index] if columns else None))
            self.seen.setdefault(campaign_id, len(self.seen))
        self._rows.append(rows)

    def table(self, as_of: datetime | None) -> pa.Table:
        """All versions, a campaign's together in the order of time; or those of one time."""
        heads = self._heads
        order = [index for index, head in enumerate(heads) if as_of is None or head.is_valid(as_of)]
        order.sort(key=lambda index: (self.seen[heads[index].campaign_id], heads[index].valid_from))
        chosen = [heads[index] for index in order]
        rows = schema_of(self._table).empty_table().select(self._names)
        if self._rows:
            rows = pa.concat_tables(self._rows).combine_chunks().take(pa.array(order, pa.int64()))
        head = pa.table([list(map(attrgetter(name), chosen)) for name in VERSION_COLUMNS], schema=_HEAD)
        if self._table == "calling_windows" and self._rows:
            return _windows_again(head, rows)
        return _beside(head, rows)


class _Head(msgspec.Struct):
    campaign_id: str
    valid_from: datetime
    change: Change
    changed_columns: list[str] | None
    valid_to: datetime | None = None

    @property
    def is_current(self) -> bool:
        return self.valid_to is None and self.change != "removed"

    def is_valid(self, moment: datetime) -> bool:
        """Whether the campaign was so at a time."""
        is_over = self.valid_to is not None and self.valid_to <= moment
        return self.change != "removed" and self.valid_from <= moment and not is_over


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    return pa.Table.from_arrays([*left.columns, *right.columns], names=[*left.schema.names, *right.schema.names])


def _by_campaign(windows: pa.Table) -> pa.Table:
    """A row for each campaign, its windows as lists. The windows of a campaign are adjacent."""
    windows = windows.combine_chunks()
    ids = windows.column("campaign_id").combine_chunks()
    runs = pc.run_end_encode(ids)
    values = runs.values if len(ids) else pa.array([], pa.string())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), runs.run_ends.cast(pa.int32())]) if len(ids) else [0]
    arrays = [
        values if name == "campaign_id" else pa.ListArray.from_arrays(offsets, windows.column(name).combine_chunks())
        for name in windows.schema.names
    ]
    return pa.Table.from_arrays(arrays, names=windows.schema.names)


def _windows_again(head: pa.Table, rows: pa.Table) -> pa.Table:
    """A row for each window; a campaign that was removed has one row without a window."""
    lists = [name for name in rows.schema.names if name != "campaign_id"]
    if not lists:
        return _beside(head, rows)
    at = pc.list_parent_indices(rows.column(lists[0]).combine_chunks())
    columns = [
        rows.column(name).take(at) if name == "campaign_id" else pc.list_flatten(rows.column(name))
        for name in rows.schema.names
    ]
    return _beside(head.take(at), pa.Table.from_arrays(columns, names=rows.schema.names))
