"""Types of options: how each kind of value is written, and what to say of one that is written wrongly.

`exporter.units` has the parsers; a type names one for `--help` and for completion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import click

from exporter.errors import InputError
from exporter.ids.csv_layout import parse_delimiter
from exporter.units import (
    Limit,
    parse_allowance,
    parse_bound,
    parse_days,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)
from exporter.user_path import nameable, user_path
from jobs.support.lazy_imports import lazy_imports

with lazy_imports(__name__):
    from difflib import get_close_matches


class Parsed(click.ParamType[Any]):
    """A value read by a function whose `ValueError` says how to write it.

    `joined_by`: a list in a file is joined. `dates`: a file may give it as a date or time of TOML.
    """

    def __init__(
        self, name: str, parse: Callable[[str], Any], *, joined_by: str | None = None, dates: bool = False
    ) -> None:
        self.name = name
        self.joined_by = joined_by
        self.dates = dates
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The parsed value."""
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _rate(text: str) -> Limit | None:
    return None if text.strip().lower() == "off" else parse_rate(text)


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("names no column; write them with commas between, such as campaign_id,name,status")
    return names


def whole_number(least: int, most: int | None = None) -> Parsed:
    """A whole number from `least` to `most`."""
    bounds = f"from {least:,}" + (f" to {most:,}" if most is not None else "")

    def parse(text: str) -> int:
        digits = re.fullmatch(r"\s*([0-9]{1,15})\s*", text)
        if digits is None or not least <= int(digits[1]) <= (most if most is not None else int(digits[1])):
            raise ValueError(f"{text[:40]!r} is not a whole number {bounds}")
        return int(digits[1])

    return Parsed("N", parse)


def _page_size(text: str) -> int | None:
    word = text.strip().lower()
    if word == "auto":
        return None
    if not re.fullmatch(r"[0-9]{1,4}", word) or not 1 <= int(word) <= 1000:
        raise ValueError(f"{text[:40]!r} is not a size of a page: write auto, or a number from 1 to 1000")
    return int(word)


def local_path(text: str) -> str:
    """The path of a file or folder. Raises `ValueError`."""
    try:
        return str(user_path(text)) if text.startswith("~") else nameable(text)
    except OSError as error:
        raise ValueError(f"{text!r}: {error.strerror}; write the whole path") from None


def _output(text: str) -> str | None:
    return None if text == "-" else local_path(text)


FILE = Parsed("FILE", local_path)
FOLDER = Parsed("DIR", local_path)
OUTPUT_FILE = Parsed("FILE", _output)
DURATION = Parsed("DURATION", parse_duration)
BOUND = Parsed("DURATION", parse_bound)
DAYS = Parsed("DAYS", parse_days)
SIZE = Parsed("SIZE", parse_size)
PERCENT = Parsed("PERCENT", parse_percent)
ALLOWANCE = Parsed("N|N%", parse_allowance)
RATE = Parsed("N/WINDOW|off", _rate)
DELIMITER = Parsed("CHAR", parse_delimiter)
PAGE_SIZE = Parsed("N|auto", _page_size)
COLUMNS = Parsed("A,B,…", _columns, joined_by=",")


def nearest(name: str, names: Iterable[str], likeness: float = 0.5) -> str | None:
    """The one of `names` that was probably meant. `likeness`: from 0 (anything) to 1 (the same)."""
    return next(iter(get_close_matches(name, list(names), 1, likeness)), None)


def choose_columns(
    option: str, names: Sequence[str] | None, known: Sequence[str], *, first: str | None = None
) -> tuple[str, ...]:
    """The columns that `names` mean, patterns such as `calling_hours_*` included; none, where none are named.

    `first`: a column that is always among them. Raises `InputError` with all problems, each with the nearest name.
    """
    chosen = dict.fromkeys([first] if first is not None and names and first not in names else [])
    problems: list[str] = []
    for name in names or ():
        matching = [column for column in known if fnmatchcase(column, name)]
        chosen.update(dict.fromkeys(matching))
        if not matching:
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else "`campaign-export schema` shows them all."
            problems.append(f"{option}: there is no column {name!r}; {hint}")
    if problems:
        raise InputError(problems)
    return tuple(chosen)
