"""The quick way: answers of the usual shape, decoded into records whose types msgspec checks while it parses.

The records are made from the table of columns: the first path of each column, the JSON types that its converter takes
in a batch. An answer with any other key, or with a value of another type, is refused here as a whole and walked leaf
by leaf (`answer_walk`), which takes five times as long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from exporter.json_text import MSGSPEC_REFUSES
from exporter.tables.columns import CALLING_HOURS, CAMPAIGNS

DAYS = f"{CALLING_HOURS}.days"
"""Read as raw text: most campaigns share a few weeks, and a text that was seen need not be parsed again."""

REPLACED = "\ufffd"
"""In place of what could not be read as a character."""

_REPLACED_ESCAPE = re.compile(r"\\u[fF]{3}[dD]")

_astuple = msgspec.structs.astuple


class NotTyped(ValueError):
    """An answer is not of the usual shape."""


class _TypedObject(msgspec.Struct):
    """An object of the answer: for each key the type of its value, or the object there."""

    types: dict[str, Any] = {}
    parts: dict[str, _TypedObject] = {}
    record: type[msgspec.Struct] = msgspec.Struct
    empty: msgspec.Struct | None = None

    def define(self, name: str) -> type[msgspec.Struct]:
        """Define the record, and first those of its parts."""
        for key, part in self.parts.items():
            self.types[key] = part.define(f"{name}_{key}") | None
        fields = [(f"f{number}", kind, None) for number, kind in enumerate(self.types.values())]
        names = {f"f{number}": key for number, key in enumerate(self.types)}
        self.record = msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=True, gc=False)
        self.empty = self.record()
        return self.record


def _usual_shape() -> _TypedObject:
    root = _TypedObject()
    for column in CAMPAIGNS:
        if not column.answer_paths:
            continue
        *parents, key = column.answer_paths[0].split(".")
        at = root
        for parent in parents:
            at = at.parts.setdefault(parent, _TypedObject())
        if column.converter is not None:
            at.types[key] = column.converter.json_type
        else:
            at.types.setdefault(key, msgspec.Raw if column.answer_paths == (DAYS,) else str | None)
    return root


_SHAPE = _usual_shape()
_DATA = _SHAPE.define("Data")
_ANSWER = msgspec.defstruct("Answer", [("data", _DATA | None, None)])
_decode = msgspec.json.Decoder(_ANSWER).decode

NO_DATA = _DATA()
"""The record of an answer without data."""


def decode_typed(body: str) -> msgspec.Struct:
    """The record of an answer's data. Raises `NotTyped`, also for one with U+FFFD: `parse_issues` names its place."""
    # One character is looked for ten times as fast as two.
    if REPLACED in body or ("\\" in body and _REPLACED_ESCAPE.search(body)):
        raise NotTyped
    try:
        return _decode(body).data or NO_DATA  # type: ignore[attr-defined]
    except MSGSPEC_REFUSES as error:
        raise NotTyped from error


def values_of(records: Sequence[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """For each path the values of all records; a path that no record has is left out."""
    values: dict[str, Sequence[Any]] = {}
    if records:
        _collect(_SHAPE, "", records, values)
    return values


def _collect(at: _TypedObject, path: str, records: Sequence[Any], values: dict[str, Sequence[Any]]) -> None:
    for key, column in zip(at.types, zip(*map(_astuple, records), strict=True), strict=True):
        if column[0] is None and column.count(None) == len(column):  # mostly the first one says it
            continue
        part = at.parts.get(key)
        if part is None:
            values[path + key] = column
        else:
            _collect(part, f"{path}{key}.", [part.empty if record is None else record for record in column], values)
