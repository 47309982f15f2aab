"""JSON texts, and the rules about characters that any text of others goes through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from exporter.json_text import NotJson, dumps, dumps_sorted, loads, loads_exactly
from exporter.text import (
    excerpt,
    has_control,
    has_surrogate,
    one_line,
    terminal_safe,
    trim_invisible,
    without_format_characters,
)
from tests.fuzz.target import Target
from tests.support.leaves_in_rows import parsed


class Read(NamedTuple):
    """The text, what it holds, and how it is shown."""

    text: str
    value: Any
    exact: Any
    shown: tuple[str, str, str]


def read(data: bytes) -> Read:
    """As value and as text."""
    text = data.decode("utf-8", "surrogateescape")
    value, exact = (_loaded(how, text) for how in (loads, loads_exactly))
    trim_invisible(text), without_format_characters(text)
    if not isinstance(exact, NotJson):
        dumps_sorted(exact)
    return Read(text, value, exact, (one_line(text, 200), excerpt(text, 60), terminal_safe(text)))


def _loaded(how: Any, text: str) -> Any:
    try:
        return how(text)
    except NotJson as error:
        return error


def check(data: bytes, found: Read) -> None:
    """As Python's reader reads, the same again when written, and nothing that a terminal would act on."""
    line, beginning, safe = found.shown
    assert not has_control(line) and not has_surrogate(line) and len(line) <= 200
    assert not has_control(beginning) and not has_surrogate(beginning)
    assert not has_surrogate(safe) and "\x1b" not in safe
    trimmed, is_trimmed = trim_invisible(found.text)
    assert trim_invisible(trimmed) == (trimmed, False) and is_trimmed == (trimmed != found.text)
    assert isinstance(found.value, NotJson) == isinstance(found.exact, NotJson)
    if isinstance(found.value, NotJson):
        return
    assert loads(dumps(found.value)) == found.value
    assert loads_exactly(dumps_sorted(found.exact)) == found.exact
    try:
        expected = parsed(found.text)
        theirs = parsed(dumps(found.exact))
    except (ValueError, RecursionError):
        return
    assert _alike(theirs, expected), "other than Python's reader reads"


def _alike(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same; a number beyond a double may be its text."""
    if isinstance(theirs, Decimal) and isinstance(ours, str):
        return Decimal(ours) == theirs
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(_alike, ours, theirs))
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(_alike(ours[key], theirs[key]) for key in theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "1e400", "1e-400", "0.1000000000000000055", "-0.0", "\\ud83d", "\\udc00", "\\u0000", "NaN", "Infinity",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
    ),
)  # fmt: skip
