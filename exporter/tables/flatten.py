"""From responses to rows, a block at a time, driven by the table of columns.

Three steps. *Find*: which value of an answer belongs to which column, and which leaves belong to none. An answer of
the usual shape is decoded straight into a record (`typed_decoder`); any other is walked leaf by leaf (`answer_walk`).
*Convert*: each column's values by its converter, at once where they are clean, one by one where not. *Put together*:
the rows, with `extra` and `parse_issues`.

The law: every leaf of an answer's `data` is in its row, as a column or in `extra`. Nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, compress, count, repeat
from operator import is_not
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from exporter.json_text import NotJson, loads_exactly
from exporter.model import CampaignResponse
from exporter.tables.answer_walk import walk
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.calling_hours import NO_WEEK, Week, WindowCells, doubts_beside_days, week_in, week_of
from exporter.tables.columns import CALLING_HOURS, CAMPAIGNS, MESSAGE, Column, Paths
from exporter.tables.converters import Unreadable
from exporter.tables.extra_and_issue_columns import Remarks
from exporter.tables.json_leaves import LIST, beginning, has_leaf, is_nothing, leaves_of
from exporter.tables.sms_text import decode_message
from exporter.tables.time_zones import resolve_time_zone, time_zones
from exporter.tables.typed_decoder import DAYS, NO_DATA, REPLACED, NotTyped, decode_typed, values_of
from exporter.tables.weekdays import WEEKDAYS

_COLUMNS = {column.name: column for column in CAMPAIGNS}
_ALL_PATHS = tuple(dict.fromkeys(column.answer_paths for column in CAMPAIGNS if column.answer_paths))
_ID = _COLUMNS["campaign_id"].answer_paths
_FREQUENCY = f"{CALLING_HOURS}.frequency"
_ZONES = (f"{CALLING_HOURS}.timezone", "schedule.timezone")
_VOICE = tuple(
    _COLUMNS[name].answer_paths
    for name in ("dialing_mode", "connection", "dialing_order", "max_attempts_per_record", "max_ring_time")
)
_SMS = tuple(_COLUMNS[name].answer_paths for name in ("format", "message_raw", "message_template_id",
                                                      "message_template_name"))  # fmt: skip
_VOICE_ITEM, _SMS_ITEM = ("connection", "dialingMode"), ("format", "direction", "message")

BLOCK_ROWS = 2048
"""Answers that are best flattened together: of fewer each takes longer, of more only the memory grows."""

_EMPTY: dict[str, Any] = {}


class Flat(NamedTuple):
    """The rows of a block of answers, in the answers' order."""

    campaigns: pa.RecordBatch
    calling_windows: pa.RecordBatch


def flatten(responses: Sequence[CampaignResponse]) -> Flat:
    """The rows that `responses` give: one of campaigns for each, and its calling windows."""
    block = _Block(responses)
    arrays = {column.name: block.convert(column) for column in CAMPAIGNS if column.converter is not None}
    arrays |= block.weeks()
    cells = {
        "campaign_id": [r.campaign_id for r in responses],
        "fetched_at": [r.fetched_at for r in responses],
        "carried_from": [r.carried_from for r in responses],
        "campaign_type": block.types(),
        **block.messages(),
    }
    block.note_time_zones()
    cells |= block.remarks.cells()  # last: all of the above adds to them
    arrays |= {name: pa.array(values, _COLUMNS[name].type) for name, values in cells.items()}
    schema = schema_of("campaigns")
    campaigns = pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
    return Flat(campaigns, block.windows(campaigns))


class _Block:
    """A block of answers on its way to rows. `values`: for each column's paths its values, one for each answer."""

    def __init__(self, responses: Sequence[CampaignResponse]) -> None:
        self.responses = responses
        self.remarks = Remarks(len(responses))
        self._located: dict[tuple[Paths, int], str] = {}
        self._odd_sms: set[int] = set()
        self._items = [
            _EMPTY if response.list_item is None else self._item(row, response.list_item)
            for row, response in enumerate(responses)
        ]
        self._has_items = any(self._items)
        self._nothing: Sequence[Any] = [None] * len(responses)
        self.values = self._find()
        self._compare_ids()

    # Find

    def _find(self) -> dict[Paths, Sequence[Any]]:
        records, odd = [], []
        for row, response in enumerate(self.responses):
            try:
                records.append(decode_typed(response.body))
            except NotTyped:
                records.append(NO_DATA)
                odd.append(row)
        typed = values_of(records)
        self._weeks = self._typed_weeks(typed, odd)
        values = {paths: typed.get(paths[0], self._nothing) for paths in _ALL_PATHS}
        if odd:
            # Columns share their values where they are the same; an odd row needs lists of its own.
            values = {paths: list(column) for paths, column in values.items()}
        for row in odd:
            self._find_odd(row, values)
        return values

    def _typed_weeks(self, typed: dict[str, Sequence[Any]], odd: list[int]) -> list[Week]:
        """The weeks of the usual answers; one whose text is not JSON after all is odd, too."""
        texts = typed.get(DAYS)
        if texts is None:
            return [NO_WEEK] * len(self.responses)
        weeks = []
        for row, (text, frequency) in enumerate(zip(texts, typed.get(_FREQUENCY, self._nothing), strict=True)):
            try:
                weeks.append(NO_WEEK if text is None else week_in(bytes(text), frequency))
            except NotJson:
                weeks.append(NO_WEEK)
                odd.append(row)
        return weeks

    def _find_odd(self, row: int, values: dict[Paths, Any]) -> None:
        data = self._data(row)
        if has_leaf(data.get("message")):
            self._odd_sms.add(row)
        located, issues = walk(data, self.remarks.extra_of(row))
        for path, text in [*issues, *doubts_beside_days(data), *_replaced(self.responses[row].body, data)]:
            self.remarks.issue(row, path, text)
        for paths, cells in values.items():
            cells[row], self._located[paths, row] = located.get(paths, (None, paths[0]))
        days, frequency = values[DAYS,][row], values[_FREQUENCY,][row]
        self._weeks[row] = week_of(days, frequency)

    def _data(self, row: int) -> dict[str, Any]:
        try:
            document = loads_exactly(self.responses[row].body)
        except NotJson:
            self.remarks.issue(row, "body", "not JSON")
            return _EMPTY
        data = document.get("data") if isinstance(document, dict) else document
        if isinstance(data, dict):
            return data
        if not is_nothing(data):
            self.remarks.issue(row, "data", f"not an object: {beginning(data)}")
            self.remarks.extra_of(row).keep_leaves("data", data)
        return _EMPTY

    def _item(self, row: int, text: str) -> dict[str, Any]:
        try:
            item = loads_exactly(text)
        except NotJson:
            item = None
        if isinstance(item, dict):
            return item
        self.remarks.issue(row, "list item", "not a JSON object")
        return _EMPTY

    def _compare_ids(self) -> None:
        """The ID asked for is the column; an ID key with another value is kept."""
        for row, (value, response) in enumerate(zip(self.values[_ID], self.responses, strict=True)):
            if value != response.campaign_id and value is not None:
                path = self._located.get((_ID, row), _ID[0])
                if type(value) is not int or str(value) != response.campaign_id:
                    self.remarks.extra_of(row).keep_leaves(path, value)
                if isinstance(value, dict | list):
                    self.remarks.issue(row, path, f"not text: {beginning(value)}")

    # Convert

    def convert(self, column: Column) -> pa.Array:
        """The cells of a column that has a converter."""
        values = self.values[column.answer_paths]
        from_list: frozenset[int] = frozenset()
        if column.list_key is not None and self._has_items:
            values, from_list = self._filled_from_list(values, column.list_key)
        if values is self._nothing:
            return pa.nulls(len(values), column.type)
        assert column.converter is not None  # noqa: S101 - the caller's choice
        try:
            return column.converter.parse_batch(values, column.type)
        except (ValueError, TypeError, OverflowError, AttributeError, pa.ArrowException):
            cells = [
                None if value is None or is_nothing(value) else self._cell(column, row, value, row in from_list)
                for row, value in enumerate(values)
            ]
            return pa.array(cells, column.type)

    def _cell(self, column: Column, row: int, value: Any, listed: bool) -> Any:
        assert column.converter is not None  # noqa: S101
        paths = column.answer_paths
        path = f"{LIST}{column.list_key}" if listed else self._located.get((paths, row), paths[0])
        try:
            cell = column.converter.parse(value)
        except (Unreadable, RecursionError) as error:
            self.remarks.unread(row, path, value, str(error))
            return None
        for below, rest in column.converter.left_over(value):
            if not is_nothing(rest):
                self.remarks.extra_of(row).keep_leaves(path + below, rest)
        return cell

    def _filled_from_list(self, values: Sequence[Any], key: str) -> tuple[Sequence[Any], frozenset[int]]:
        rows = frozenset(
            row
            for row, (value, item) in enumerate(zip(values, self._items, strict=True))
            if is_nothing(value) and not is_nothing(item.get(key))
        )
        if not rows:
            return values, rows
        return [self._items[row][key] if row in rows else value for row, value in enumerate(values)], rows

    # The columns that several values make

    def types(self) -> list[str | None]:
        """sms or voice: the type asked of the list call is sure; else the keys that only one of them has."""
        voice, sms = self._holding(_VOICE, _VOICE_ITEM), self._holding(_SMS, _SMS_ITEM) | self._odd_sms
        return [
            response.list_type or ("voice" if row in voice else "sms" if row in sms else None)
            for row, response in enumerate(self.responses)
        ]

    def _holding(self, columns: tuple[Paths, ...], item_keys: tuple[str, ...]) -> set[int]:
        """The rows with a value in one of the columns, or under one of the keys of the list item."""
        rows: set[int] = set()
        for paths in columns:
            values = self.values[paths]
            if values is self._nothing:
                continue
            if {list, dict}.isdisjoint(map(type, values)):  # then only None is nothing, which is looked for quickly
                rows.update(compress(count(), map(is_not, values, repeat(None))))
            else:
                rows.update(row for row, value in enumerate(values) if not is_nothing(value))
        if self._has_items:
            rows.update(
                row for row, item in enumerate(self._items) if any(has_leaf(item.get(key)) for key in item_keys)
            )
        return rows

    def messages(self) -> dict[str, Sequence[Any]]:
        """The cells of `message_text` and `message_encoding`."""
        decoded = [decode_message(raw) if isinstance(raw, str) else None for raw in self.values[MESSAGE,]]
        for row, message in enumerate(decoded):
            if message is not None and message.doubt is not None:
                self.remarks.issue(row, MESSAGE, message.doubt)
        return {
            "message_text": [message and message.text for message in decoded],
            "message_encoding": [message and message.encoding for message in decoded],
        }

    def weeks(self) -> dict[str, pa.Array]:
        """The columns that calling hours make; what is odd about them is noted."""
        for row, week in enumerate(self._weeks):
            for below, text in week.issues:
                self.remarks.issue(row, DAYS + below, text)
            for below, entry in week.left_over:
                if below:
                    self.remarks.extra_of(row).keep_leaves(DAYS + below, entry)
                else:  # as a whole, so that a key that is a number is not taken for a place in the list
                    self.remarks.extra_of(row)[DAYS] = entry
        # Many rows, few different weeks: the cells of each are made once, and then taken for every row that has it.
        self._different_weeks = list(dict.fromkeys(self._weeks))
        numbers = {week: number for number, week in enumerate(self._different_weeks)}
        self._week_numbers = pa.array([numbers[week] for week in self._weeks], pa.int32())
        cells: dict[str, list[Any]] = {
            f"calling_hours_{day.lower()}": [week.texts[at] for week in self._different_weeks]
            for at, day in enumerate(WEEKDAYS)
        }
        cells["calling_hours_minutes_per_week"] = [week.minutes for week in self._different_weeks]
        return {name: pa.array(column, _COLUMNS[name].type).take(self._week_numbers) for name, column in cells.items()}

    def windows(self, campaigns: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of `calling_windows`, for those of `campaigns`."""
        schema = schema_of("calling_windows")
        different = [window for week in self._different_weeks for window in week.windows]
        columns = zip(*different, strict=True) if different else [()] * len(WindowCells._fields)
        fields = [schema.field(name) for name in WindowCells._fields]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
        ends = accumulate((len(week.windows) for week in self._different_weeks), initial=0)
        lists = pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pa.StructArray.from_arrays(arrays, fields=fields)
        ).take(self._week_numbers)
        owners, rows = pc.list_parent_indices(lists), lists.flatten()
        cells = dict(zip(WindowCells._fields, rows.flatten(), strict=True))
        for name in ("campaign_id", "name", "status"):
            cells[name] = campaigns.column(name).take(owners)
        cells["timezone"] = campaigns.column("calling_hours_timezone").take(owners)
        return pa.RecordBatch.from_arrays([cells[name] for name in schema.names], schema=schema)

    def note_time_zones(self) -> None:
        """Note names that are no IANA zone; they are kept as given."""
        known = time_zones()
        for path in _ZONES:
            for row, name in enumerate(self.values[path,]):
                if name is not None and isinstance(name, str) and name not in known:
                    zone = resolve_time_zone(name)
                    meaning = "" if zone is None else f"; read as {zone}"
                    self.remarks.issue(row, path, f"no IANA time zone{meaning}: {beginning(name)}")


def _replaced(body: str, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, text) of every value with U+FFFD: bytes that were not UTF-8 have become it, and halves of pairs do."""
    if REPLACED in body or "\\u" in body:
        for path, leaf in leaves_of("", data):
            if REPLACED in path or (isinstance(leaf, str) and REPLACED in leaf):
                yield path[1:], "has U+FFFD in place of what could not be read"
