"""From answers to rows, a block at a time, driven by the table of columns: one pass over a block, in one file.

Three steps. *Find*: which value of an answer belongs to which column, and which leaves belong to none. An answer of
the usual shape is parsed straight into a record (`shape`); any other is walked leaf by leaf (`walk`). *Read*: each
column's values by its reader, at once where they are clean, one by one where not. *Put together*: the rows, with
`extra` and `parse_issues`.

The law: every leaf of an answer's `data` is in its row, as a column or in `extra`. Nothing raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa

from exporter.model import CampaignResponse
from exporter.tables.arrow import schema_of
from exporter.tables.calling_hours import NO_WEEK, Week, Window, read_week
from exporter.tables.columns import CALLING_HOURS, CAMPAIGNS, LIST, MESSAGE, Column, Paths
from exporter.tables.converters import Unreadable, is_nothing
from exporter.tables.leaves import Extra, find
from exporter.tables.message import decode_message
from exporter.tables.time_zones import time_zones
from exporter.tables.typed_decoder import DAYS, NO_DATA, NotTyped, decode_typed, values_of
from exporter.tables.weekdays import WEEKDAYS
from exporter.text import NotJson, dumps, loads

_COLUMNS = {column.name: column for column in CAMPAIGNS}
_SHARED = tuple(dict.fromkeys(column.answer_paths for column in CAMPAIGNS if column.answer_paths))
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
_LONGEST_WEEK = 2048
"""Characters of calling hours that are remembered."""


class Flat(NamedTuple):
    """The rows of a block of answers, in the answers' order."""

    campaigns: pa.RecordBatch
    calling_windows: pa.RecordBatch


def flatten(responses: Sequence[CampaignResponse]) -> Flat:
    """The rows that `responses` give: one of campaigns for each, and its calling windows."""
    block = _Block(responses)
    arrays = {column.name: block.read(column) for column in CAMPAIGNS if column.converter is not None}
    cells = {
        "campaign_id": [r.campaign_id for r in responses],
        "fetched_at": [r.fetched_at for r in responses],
        "carried_from": [r.carried_from for r in responses],
        "campaign_type": block.types(),
        **block.messages(),
        **block.weeks(),
    }
    # The two that tell of all the others come last.
    block.note_time_zones()
    cells["extra"] = block.extra_texts()
    cells["parse_issues"] = block.issue_texts()
    arrays |= {name: pa.array(values, _COLUMNS[name].type) for name, values in cells.items()}
    schema = schema_of("campaigns")
    campaigns = pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
    return Flat(campaigns, block.windows(campaigns))


class _Block:
    """A block of answers on its way to rows. `values`: for each column's paths its values, one for each answer."""

    def __init__(self, responses: Sequence[CampaignResponse]) -> None:
        self.responses = responses
        self._issues: dict[int, list[str]] = {}
        self._extra: dict[int, Extra] = {}
        self._standing: dict[tuple[Paths, int], str] = {}
        self._odd_sms: set[int] = set()
        self._items = [self._item(row, r.list_item) for row, r in enumerate(responses)]
        self._has_items = any(self._items)
        self._nothing: Sequence[Any] = [None] * len(responses)
        self.values = self._find()
        self._settle_ids()

    def issue(self, row: int, text: str) -> None:
        self._issues.setdefault(row, []).append(text)

    def extra_of(self, row: int) -> Extra:
        return self._extra.setdefault(row, Extra())

    def extra_texts(self) -> Sequence[str | None]:
        """The cells of `extra`."""
        for row, extra in self._extra.items():
            for path in extra.whole:
                self.issue(row, f"{path[:100]}: has too many values to name each; extra has it as a whole")
        return self._sparse({row: dumps(extra) for row, extra in self._extra.items() if extra})

    def issue_texts(self) -> Sequence[list[str] | None]:
        """The cells of `parse_issues`."""
        return self._sparse(self._issues)

    def _sparse(self, cells: dict[int, Any]) -> Sequence[Any]:
        return [cells.get(row) for row in range(len(self.responses))] if cells else self._nothing

    # Find

    def _find(self) -> dict[Paths, Sequence[Any]]:
        records, odd = [], []
        for row, response in enumerate(self.responses):
            try:
                records.append(decode_typed(response.body))
            except NotTyped:
                records.append(NO_DATA)
                odd.append(row)
        json_type = values_of(records)
        self._weeks = self._usual_weeks(json_type, odd)
        values = {paths: json_type.get(paths[0], self._nothing) for paths in _SHARED}
        if odd:
            # Columns share their values where they are the same; an odd row needs lists of its own.
            values = {paths: list(found) for paths, found in values.items()}
        for row in odd:
            self._find_odd(row, values)
        return values

    def _usual_weeks(self, json_type: dict[str, Sequence[Any]], odd: list[int]) -> list[Week]:
        """The weeks of the usual answers; one whose text is no JSON after all is odd, too."""
        texts = json_type.get(DAYS)
        if texts is None:
            return [NO_WEEK] * len(self.responses)
        weeks = []
        for row, (text, frequency) in enumerate(zip(texts, json_type.get(_FREQUENCY, self._nothing), strict=True)):
            try:
                weeks.append(NO_WEEK if text is None else _week_of(bytes(text), frequency))
            except NotJson:
                weeks.append(NO_WEEK)
                odd.append(row)
        return weeks

    def _find_odd(self, row: int, values: dict[Paths, Any]) -> None:
        data = self._data(row)
        if not is_nothing(data.get("message")):
            self._odd_sms.add(row)
        found = find(data, self.extra_of(row))
        for paths, cells in values.items():
            cells[row], self._standing[paths, row] = found.get(paths, (None, paths[0]))
        days, frequency = values[DAYS,][row], values[_FREQUENCY,][row]
        self._weeks[row] = NO_WEEK if is_nothing(days) else read_week(days, daily=_is_daily(frequency))

    def _data(self, row: int) -> dict[str, Any]:
        try:
            document = loads(self.responses[row].body)
        except NotJson:
            self.issue(row, "the body is not JSON")
            return _EMPTY
        data = document.get("data") if isinstance(document, dict) else document
        if isinstance(data, dict):
            return data
        if not is_nothing(data):
            self.issue(row, "data: not an object")
            self.extra_of(row).keep_leaves("data", data)
        return _EMPTY

    def _item(self, row: int, text: str | None) -> dict[str, Any]:
        if text is None:
            return _EMPTY
        try:
            item = loads(text)
        except NotJson:
            item = None
        if isinstance(item, dict):
            return item
        self.issue(row, "the list item is not a JSON object")
        return _EMPTY

    def _settle_ids(self) -> None:
        """The ID asked for is the column; an ID key that says something else is kept."""
        for row, (value, response) in enumerate(zip(self.values[_ID], self.responses, strict=True)):
            if value != response.campaign_id and value is not None and str(value) != response.campaign_id:
                self.extra_of(row).keep_leaves(self._standing.get((_ID, row), _ID[0]), value)

    # Read

    def read(self, column: Column) -> pa.Array:
        """The cells of a column that has a reader."""
        values = self.values[column.answer_paths]
        from_list: frozenset[int] = frozenset()
        if column.list_key is not None and self._has_items:
            values, from_list = self._filled_from_list(values, column.list_key)
        if values is self._nothing:
            return pa.array(values, column.type)
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
        path = f"{LIST}{column.list_key}" if listed else self._standing.get((paths, row), paths[0])
        try:
            cell = column.converter.parse(value)
        except (Unreadable, RecursionError) as error:
            self.issue(row, f"{path}: {error}")
            self.extra_of(row)[path] = value
            return None
        for below, rest in column.converter.left_over(value):
            if not is_nothing(rest):
                self.extra_of(row).keep_leaves(path + below, rest)
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

    # The three shapes that need thought

    def types(self) -> list[str | None]:
        """sms or voice: the type asked of the list call is sure; else the keys that only one of them has."""
        voice, sms = self._holding(_VOICE, _VOICE_ITEM), self._holding(_SMS, _SMS_ITEM) | self._odd_sms
        return [
            response.list_type or ("voice" if row in voice else "sms" if row in sms else None)
            for row, response in enumerate(self.responses)
        ]

    def _holding(self, columns: tuple[Paths, ...], item_keys: tuple[str, ...]) -> set[int]:
        """The rows with a value in one of the columns, or under one of the keys of the list item."""
        rows = {
            row
            for paths in columns
            if self.values[paths] is not self._nothing
            for row, value in enumerate(self.values[paths])
            if value is not None and (type(value) is str or not is_nothing(value))
        }
        if self._has_items:
            rows.update(row for row, item in enumerate(self._items) if any([item.get(key) for key in item_keys]))
        return rows

    def messages(self) -> dict[str, Sequence[Any]]:
        """The cells of `message_text` and `message_encoding`."""
        decoded = [decode_message(raw) if isinstance(raw, str) else (None, None) for raw in self.values[MESSAGE,]]
        return {
            "message_text": [text for text, _ in decoded],
            "message_encoding": [encoding for _, encoding in decoded],
        }

    def weeks(self) -> dict[str, Sequence[Any]]:
        """The cells of the columns that calling hours make; what is odd about them is noted."""
        for row, week in enumerate(self._weeks):
            for text in week.issues:
                self.issue(row, f"{CALLING_HOURS}.{text}")
            for below, value in week.left_over:
                self.extra_of(row).keep_leaves(DAYS + below, value)
        cells: dict[str, Sequence[Any]] = {
            f"calling_hours_{day.lower()}": [week.texts[at] for week in self._weeks] for at, day in enumerate(WEEKDAYS)
        }
        return {**cells, "calling_hours_minutes_per_week": [week.minutes for week in self._weeks]}

    def windows(self, campaigns: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of `calling_windows`, for those of `campaigns`."""
        weeks = self._weeks
        # Many windows, few different ones: each is made once, and then taken wherever it stands.
        different = {id(window): window for week in weeks for window in week.windows}
        numbers = {key: number for number, key in enumerate(different)}
        rows = [numbers[id(window)] for week in weeks for window in week.windows]
        owners = pa.array([row for row, week in enumerate(weeks) for _ in week.windows], pa.int32())
        take = pa.array(rows, pa.int32())
        schema = schema_of("calling_windows")
        parts = zip(*different.values(), strict=True) if different else [()] * len(Window._fields)
        cells = {
            name: pa.array(part, schema.field(name).type).take(take)
            for name, part in zip(Window._fields, parts, strict=True)
        }
        for name, column in (("campaign_id", "campaign_id"), ("timezone", "calling_hours_timezone")):
            cells[name] = campaigns.column(column).take(owners)
        return pa.RecordBatch.from_arrays([cells[name] for name in schema.names], schema=schema)

    def note_time_zones(self) -> None:
        """Tell names that are no IANA zone; they are kept as given."""
        known = time_zones()
        for path in _ZONES:
            for row, name in enumerate(self.values[path,]):
                if name is not None and isinstance(name, str) and name not in known:
                    self.issue(row, f"{path}: {name[:100]!r} is no IANA time zone")


def _is_daily(frequency: Any) -> bool:
    return isinstance(frequency, str) and frequency.strip().upper() == "DAILY"


def _week_of(text: bytes, frequency: str | None) -> Week:
    """The week in the JSON text of `days`. Raises `NotJson`."""
    daily = frequency != "WEEKLY" and _is_daily(frequency)
    return _remembered_week(text, daily) if len(text) <= _LONGEST_WEEK else _read_week(text, daily)


def _read_week(text: bytes, daily: bool) -> Week:
    days = loads(text)
    return NO_WEEK if is_nothing(days) else read_week(days, daily=daily)


_remembered_week = lru_cache(maxsize=4096)(_read_week)
