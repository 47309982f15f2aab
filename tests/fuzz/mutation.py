"""New inputs from old ones: changed here and there, put together, or blown up to a MiB."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.support.odd_values import KEYS, ODD

LARGEST = 2**20

NUMBERS = ("0", "-1", "1e999", "127", "128", "2147483648", "9223372036854775808", "1" * 30, "0.1", "-0", "NaN")
PIECES = (
    '"', "'", ",", ";", ":", "\n", "\r\n", "\t", " ", "\0", "\x1b", "\x7f", "\x85", "\u00a0", "\u200b", "\u202e",
    "\u2028", "\ufeff", "\ufffd", "é", "٣", "²", "ß", "İ", "%2e", "%00", "//", "..", "\\", "{", "}", "[", "]", "@", "#",
    "?", "=", "\\u0000", "\\ud800",
)  # fmt: skip
RAW = (b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf")


class Mutator:
    """Makes new inputs. `is_json`, `words`: as in `Target`."""

    def __init__(self, random: Random, *, is_json: bool = False, words: Sequence[str] = ()) -> None:
        self._random = random
        self._is_json = is_json
        self._keys = words or KEYS
        self._pieces = [*(piece.encode() for piece in (*words, *PIECES, *NUMBERS)), *RAW]

    def changed(self, data: bytes, other: bytes = b"") -> bytes:
        """`data` with a few changes; some parts may come from `other`."""
        if self._is_json and self._random.random() < 0.7:
            head, body = split_head(data)
            value = _loaded(body)
            if value is not None:
                for _ in range(self._random.choice((1, 1, 2, 4))):
                    value = self._changed_value(value, _loaded(split_head(other)[1]))
                return head + json.dumps(value, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "replace")
        for _ in range(self._random.choice((1, 1, 2, 4))):
            data = self._changed_bytes(data, other)
        return data[:LARGEST]

    def blown_up(self, data: bytes) -> bytes:
        """`data` with one part of it repeated until it has up to a MiB: what takes the square of its length shows."""
        size = self._random.choice((2**14, 2**17, LARGEST))
        head, body = split_head(data) if self._is_json else (b"", data)
        value = _loaded(body) if self._is_json and self._random.random() < 0.7 else None
        if value is None:
            start, end = self._slice(data)
            part = data[start:end] or b"x"
            return (data[:start] + part * (size // len(part)) + data[end:])[:LARGEST]
        places = _places(value)
        parent, key = self._random.choice(places) if places else ([value], 0)
        text = json.dumps(parent[key])
        many = max(2, size // (len(text) + 12))
        blow: Callable[[], Any] = self._random.choice((
            lambda: [parent[key]] * many,
            lambda: {f"k{number}": parent[key] for number in range(many)},
            lambda: text * many,
            lambda: self._random.choice(" x.a=%&\u200b") * size,
            lambda: json.loads("[" * 900 + "]" * 900),
        ))  # fmt: skip
        parent[key] = blow()
        return head + json.dumps(value if places else parent[0]).encode()[:LARGEST]

    def _changed_bytes(self, data: bytes, other: bytes) -> bytes:
        random = self._random
        start, end = self._slice(data)
        part = random.choice((
            b"", data[start:end] * 2, random.choice(self._pieces), random.choice(self._pieces), random.randbytes(1),
            data[slice(*self._slice(data))], other[slice(*self._slice(other))],
        ))  # fmt: skip
        if random.random() < 0.5:
            end = start  # put in, and nothing taken out
        number = re.compile(rb"[0-9]+").search(data, start)
        if number and random.random() < 0.2:
            (start, end), part = number.span(), random.choice(NUMBERS).encode()
        return data[:start] + part + data[end:]

    def _slice(self, data: bytes) -> tuple[int, int]:
        start = self._random.randint(0, len(data))
        return start, min(len(data), start + self._random.choice((1, 1, 2, 4, 8, 16, 64)))

    def _changed_value(self, value: Any, other: Any) -> Any:
        random = self._random
        places = _places(value)
        if not places:
            return copy.deepcopy(random.choice(ODD))
        parent, key = random.choice(places)
        kind = random.random()
        if kind < 0.2:
            del parent[key]
        elif kind < 0.5:
            parent[key] = copy.deepcopy(random.choice(ODD))
        elif kind < 0.6:
            source, name = random.choice(_places(other) or places)
            parent[key] = copy.deepcopy(source[name])
        elif kind < 0.7:
            parent[key] = random.choice(([parent[key]], {random.choice(self._keys): parent[key]}))
        elif kind < 0.8 and isinstance(parent[key], str):
            parent[key] = self._changed_bytes(parent[key].encode("utf-8", "replace"), b"").decode("utf-8", "replace")
        elif isinstance(parent, dict):
            parent[random.choice(self._keys)] = copy.deepcopy(random.choice((parent[key], *ODD)))
        else:
            parent.insert(random.randint(0, len(parent)), copy.deepcopy(random.choice((parent[key], *ODD))))
        return value


def split_head(data: bytes) -> tuple[bytes, bytes]:
    """(head with the empty line that ends it, the rest); no head where JSON comes first."""
    if data[:1] in (b"{", b"["):
        return b"", data
    head, line, body = data.partition(b"\n\n")
    return (head + line, body) if line else (b"", data)


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(parent, key) of every value below `value`."""
    found: list[tuple[Any, Any]] = []
    parents = [value]
    while parents:
        parent = parents.pop()
        if isinstance(parent, dict | list):
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            found.extend((parent, key) for key in keys)
            parents.extend(parent[key] for key in keys)
    return found
