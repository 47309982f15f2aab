"""From answers to rows, a block at a time, driven by the table of columns.

Three steps. *Find*: which value of an answer belongs to which column, and which leaves belong to none. Answers of
the usual shape are searched together, a path for the whole block; one that has any unknown key, or a value in an
unusual place, is walked leaf by leaf. *Read*: each column's values by its reader, at once where they are clean,
one by one where not. *Put together*: the rows, with `extra` and `parse_issues`.

The law: every leaf of an answer's `data` is in its row, as a column or in `extra`. Nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

import pyarrow as pa

from exporter.json_text import NotJson, dumps, loads
from exporter.model import Response
from exporter.tables.arrow import schema_of
from exporter.tables.calling_hours import NO_WEEK, Week, escape_key, read_week
from exporter.tables.columns import CALLING_HOURS, CAMPAIGNS, MESSAGE, Column
from exporter.tables.message import Message, decode_message
from exporter.tables.readers import Unreadable, is_nothing
from exporter.tables.weekdays import WEEKDAYS

LIST = "list:"
"""How the path of a value in the list item begins."""

_PATHS = {column.name: column.path for column in CAMPAIGNS}
_VOICE_PATHS = tuple(
    _PATHS[name] for name in ("dialing_mode", "connection", "dialing_order", "max_attempts_per_record", "max_ring_time")
)
_SMS_PATHS = (_PATHS["format"],)
_SMS_KEYS = ("format", "direction", "message")

_EMPTY: dict[str, Any] = {}


class Flat(NamedTuple):
    """The rows of a block of answers, in the answers' order."""

    campaigns: pa.RecordBatch
    calling_windows: pa.RecordBatch


def flatten(responses: Sequence[Response]) -> Flat:
    """The rows that `responses` give: one of campaigns for each, and its calling windows."""
    block = _Block(responses)
    arrays = {column.name: block.read(column) for column in CAMPAIGNS if column.reader is not None}
    arrays["campaign_id"] = pa.array([r.campaign_id for r in responses], pa.string())
    arrays["fetched_at"] = pa.array([r.fetched_at for r in responses], schema_of("campaigns").field("fetched_at").type)
    arrays["carried_from"] = pa.array([r.carried_from for r in responses], pa.string())
    arrays["campaign_type"] = pa.array(block.types(), pa.string())
    arrays.update(block.messages())
    weeks = block.weeks()
    for index, day in enumerate(WEEKDAYS):
        arrays[f"calling_hours_{day.lower()}"] = pa.array([week.texts[index] for week in weeks], pa.string())
    arrays["calling_hours_minutes_per_week"] = pa.array([week.minutes for week in weeks], pa.int32())
    block.note_time_zones()
    arrays["extra"] = pa.array(block.extra_texts(), pa.string())
    arrays["parse_issues"] = pa.array([block.issues.get(i) for i in range(len(responses))], pa.list_(pa.string()))
    schema = schema_of("campaigns")
    return Flat(
        pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema),
        _calling_windows(arrays["campaign_id"], arrays["calling_hours_timezone"], weeks),
    )


def _calling_windows(campaign_ids: pa.Array, time_zones: pa.Array, weeks: list[Week]) -> pa.RecordBatch:
    rows = [index for index, week in enumerate(weeks) for _ in week.windows]
    windows = list(zip(*(window for week in weeks for window in week.windows), strict=True)) or [()] * 9
    schema = schema_of("calling_windows")
    day, number, start, end, start_minute, end_minute, crosses, raw_start, raw_end = windows
    owners = pa.array(rows, pa.int32())
    values = [campaign_ids.take(owners), day, number, start, end, start_minute, end_minute, crosses,
              time_zones.take(owners), raw_start, raw_end]  # fmt: skip
    return pa.RecordBatch.from_arrays(
        [v if isinstance(v, pa.Array) else pa.array(v, f.type) for v, f in zip(values, schema, strict=True)],
        schema=schema,
    )


# Find


@dataclass
class _Node:
    """An object of the answer that holds values of columns. `usual`: the keys of each column's first path."""

    path: str
    children: dict[str, _Node] = field(default_factory=dict)
    leaves: dict[str, list[tuple[tuple[str, ...], int]]] = field(default_factory=dict)
    usual: set[str] = field(default_factory=set)

    def all(self) -> Iterator[_Node]:
        yield self
        for child in self.children.values():
            yield from child.all()


@cache
def _walked(path: str) -> tuple[str, ...]:
    """The keys of a path down to where its column's reader takes over."""
    return tuple(path.split("[]")[0].split("."))


def _dotted(keys: tuple[str, ...]) -> str:
    return ".".join(keys)


def _source(column: Column) -> tuple[str, ...]:
    """The paths of the answer that a column is found at; columns with the same ones share their values."""
    return _source_of(column.path)


@cache
def _source_of(path: str) -> tuple[str, ...]:
    paths = path.split(" | ") if path else []
    return tuple(_dotted(_walked(one)) for one in paths if not one.startswith(LIST))


@cache
def _sources() -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(_source(column) for column in CAMPAIGNS if column.path))


def _list_key(column: Column) -> str | None:
    return next((path.removeprefix(LIST) for path in column.paths if path.startswith(LIST)), None)


@cache
def _tree() -> _Node:
    root = _Node("")
    for column in CAMPAIGNS:
        source = _source(column)
        for rank, path in enumerate(source):
            *parents, key = path.split(".")
            node = root
            for parent in parents:
                if rank == 0:
                    node.usual.add(parent)
                node = node.children.setdefault(parent, _Node(f"{node.path}.{parent}".lstrip(".")))
            if (source, rank) not in node.leaves.setdefault(key, []):
                node.leaves[key].append((source, rank))
            if rank == 0:
                node.usual.add(key)
    return root


_ID_SOURCE = ("_id", "id", "campId")


class _Block:
    """A block of answers on its way to rows. `values`: for each source its values, one for each answer."""

    def __init__(self, responses: Sequence[Response]) -> None:
        self.responses = responses
        self.issues: dict[int, list[str]] = {}
        self._extra: dict[int, dict[str, Any]] = {}
        self._places: dict[tuple[tuple[str, ...], int], str] = {}
        self._items: list[dict[str, Any]] = [self._item(i, r.list_item) for i, r in enumerate(responses)]
        self._has_items = any(self._items)
        self.data = [self._data(index, response.body) for index, response in enumerate(responses)]
        self._nothing: list[Any] = []
        self.values = self._find()
        self._settle_ids()

    def issue(self, row: int, text: str) -> None:
        self.issues.setdefault(row, []).append(text)

    def keep(self, row: int, path: str, value: Any) -> None:
        self._extra.setdefault(row, {})[path] = value

    def extra_texts(self) -> list[str | None]:
        return [dumps(self._extra[i]) if self._extra.get(i) else None for i in range(len(self.responses))]

    def _data(self, row: int, body: str) -> dict[str, Any]:
        try:
            document = loads(body)
        except NotJson:
            self.issue(row, "the body is not JSON")
            return _EMPTY
        data = document.get("data") if isinstance(document, dict) else document
        if isinstance(data, dict):
            return data
        if not is_nothing(data):
            self.issue(row, "data: not an object")
            self._keep_leaves(row, "data", data)
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

    def _find(self) -> dict[tuple[str, ...], list[Any]]:
        self._nothing = [None] * len(self.data)
        values: dict[tuple[str, ...], list[Any]] = dict.fromkeys(_sources(), self._nothing)
        odd: set[int] = set()
        self._search(_tree(), self.data, values, odd)
        if odd:
            # Columns share their values where they are the same; a row of its own needs lists of its own.
            values = {source: list(found) for source, found in values.items()}
        for row in sorted(odd):
            self._find_one(row, values)
        return values

    def _search(
        self,
        node: _Node,
        objects: list[dict[str, Any]],
        values: dict[tuple[str, ...], list[Any]],
        odd: set[int],
    ) -> None:
        """Search one object of all answers; what the whole block does not have is not looked for in each."""
        present = set[str]().union(*objects)
        if not present <= node.usual:
            usual = node.usual
            odd.update([row for row, value in enumerate(objects) if not value.keys() <= usual])
        for key, users in node.leaves.items():
            if key in present:
                found = [value.get(key) for value in objects]
                for source, rank in users:
                    if rank == 0:
                        values[source] = found
        for key, child in node.children.items():
            if key not in present:
                continue
            parts = [value.get(key, _EMPTY) for value in objects]
            if set(map(type, parts)) != {dict}:
                odd.update(i for i, part in enumerate(parts) if not isinstance(part, dict) and part is not None)
                parts = [part if isinstance(part, dict) else _EMPTY for part in parts]
            self._search(child, parts, values, odd)

    def _find_one(self, row: int, values: dict[tuple[str, ...], list[Any]]) -> None:
        """Walk one answer leaf by leaf."""
        found: dict[tuple[str, ...], list[tuple[int, str, Any]]] = {}
        self._walk(row, _tree(), "", self.data[row], found)
        for source, column_values in values.items():
            column_values[row] = None
            places = sorted(found.get(source, ()), key=lambda place: place[0])
            if not places:
                continue
            _, path, taken = places[0]
            column_values[row] = taken
            self._places[source, row] = path
            for _, other, value in places[1:]:
                if value != taken or type(value) is not type(taken):
                    self._keep_leaves(row, other, value)

    def _walk(
        self,
        row: int,
        node: _Node,
        path: str,
        value: dict[str, Any],
        found: dict[tuple[str, ...], list[tuple[int, str, Any]]],
    ) -> None:
        for key, part in value.items():
            if is_nothing(part):
                continue
            below = f"{path}.{escape_key(key)}" if path else escape_key(key)
            if key in node.leaves:
                for source, rank in node.leaves[key]:
                    found.setdefault(source, []).append((rank, below, part))
            elif key in node.children and isinstance(part, dict):
                self._walk(row, node.children[key], below, part, found)
            else:
                self._keep_leaves(row, below, part)

    def _keep_leaves(self, row: int, path: str, value: Any) -> None:
        for leaf, part in leaves_of(path, value):
            self.keep(row, leaf, part)

    def _settle_ids(self) -> None:
        """The ID asked for is the column; an ID key that says something else is kept."""
        for row, value in enumerate(self.values[_ID_SOURCE]):
            if value is not None and str(value) != self.responses[row].campaign_id:
                self._keep_leaves(row, self._places.get((_ID_SOURCE, row), _ID_SOURCE[0]), value)

    # Read

    def read(self, column: Column) -> pa.Array:
        """The cells of a column that has a reader."""
        source = _source(column)
        values = self.values[source]
        key = _list_key(column)
        from_list: set[int] = set()
        if key is not None and self._has_items:
            values, from_list = self._filled_from_list(values, key)
        if values is self._nothing or values.count(None) == len(values):
            return pa.nulls(len(values), column.type)
        assert column.reader is not None  # noqa: S101 - the caller's choice
        try:
            return column.reader.bulk(values, column.type)
        except (ValueError, TypeError, OverflowError, AttributeError, pa.ArrowException):
            cells = [
                None if is_nothing(value) else self._cell(column, row, value, key if row in from_list else None)
                for row, value in enumerate(values)
            ]
            return pa.array(cells, column.type)

    def _cell(self, column: Column, row: int, value: Any, list_key: str | None) -> Any:
        assert column.reader is not None  # noqa: S101
        source = _source(column)
        path = LIST + list_key if list_key else self._places.get((source, row), source[0])
        try:
            cell = column.reader.one(value)
        except (Unreadable, RecursionError) as error:
            self.issue(row, f"{path}: {error}")
            self.keep(row, path, value)
            return None
        for below, rest in column.reader.left_over(value):
            if not is_nothing(rest):
                self._keep_leaves(row, path + below, rest)
        return cell

    def _filled_from_list(self, values: list[Any], key: str) -> tuple[list[Any], set[int]]:
        filled = list(values)
        rows: set[int] = set()
        for row, value in enumerate(values):
            if is_nothing(value) and not is_nothing(self._items[row].get(key)):
                filled[row] = self._items[row][key]
                rows.add(row)
        return filled, rows

    # The three shapes that need thought

    def types(self) -> list[str | None]:
        """sms or voice: the type asked of the list call is sure; else the keys that only one of them has."""
        voice = [self.values[_source_of(path)] for path in _VOICE_PATHS]
        sms = [self.values[_source_of(path)] for path in _SMS_PATHS]
        found: list[str | None] = []
        for row, response in enumerate(self.responses):
            if response.list_type is not None:
                found.append(response.list_type)
                continue
            item = self._items[row]
            if (
                any([not is_nothing(column[row]) for column in voice])
                or item.get("connection")
                or item.get("dialingMode")
            ):
                found.append("voice")
            elif any([not is_nothing(column[row]) for column in sms]) or any([item.get(key) for key in _SMS_KEYS]):
                found.append("sms")
            else:
                found.append("sms" if self.data[row].get("message") else None)
        return found

    def messages(self) -> dict[str, pa.Array]:
        """`message_text` and `message_encoding`."""
        decode: Callable[[Any], Message | tuple[None, None]] = lambda raw: (  # noqa: E731 - one use
            decode_message(raw) if isinstance(raw, str) else (None, None)
        )
        decoded = [decode(raw) for raw in self.values[(MESSAGE,)]]
        return {
            "message_text": pa.array([text for text, _ in decoded], pa.string()),
            "message_encoding": pa.array([encoding for _, encoding in decoded], pa.string()),
        }

    def weeks(self) -> list[Week]:
        """The calling hours of each answer."""
        source = (f"{CALLING_HOURS}.days",)
        frequencies = self.values[(f"{CALLING_HOURS}.frequency",)]
        weeks = []
        for row, days in enumerate(self.values[source]):
            if not days and (days is None or isinstance(days, list | dict)):
                weeks.append(NO_WEEK)
                continue
            frequency = frequencies[row]
            daily = isinstance(frequency, str) and frequency.strip().upper() == "DAILY"
            week = read_week(days, daily=daily)
            if week.issues or week.left_over:
                for text in week.issues:
                    self.issue(row, f"{CALLING_HOURS}.{text}")
                for below, value in week.left_over:
                    self._keep_leaves(row, f"{CALLING_HOURS}.days{below}", value)
            weeks.append(week)
        return weeks

    def note_time_zones(self) -> None:
        """Tell names that are no IANA zone; they are kept as given."""
        known = _time_zones()
        for path in (f"{CALLING_HOURS}.timezone", "schedule.timezone"):
            for row, name in enumerate(self.values[(path,)]):
                if name is not None and isinstance(name, str) and name not in known:
                    self.issue(row, f"{path}: {name[:100]!r} is no IANA time zone")


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def leaves_of(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every leaf at or below `path`; places in a list are numbers from 0.

    Without recursion, since an answer can be nested deeper than Python's stack.
    """
    waiting = [(path, value)]
    while waiting:
        at, part = waiting.pop()
        if is_nothing(part):
            continue
        if isinstance(part, dict):
            waiting.extend((f"{at}.{escape_key(key)}", below) for key, below in reversed(part.items()))
        elif isinstance(part, list):
            waiting.extend((f"{at}.{index}", below) for index, below in reversed(list(enumerate(part))))
        else:
            yield at, part
