"""Values of options: how each kind is written, and what to say of one that is written wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from exporter.units import (
    parse_allowance,
    parse_bound,
    parse_days,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)

if TYPE_CHECKING:
    from exporter.units import Limit


class Parsed(click.ParamType[Any]):
    """A value read by a function of `exporter.units`, whose error text says how to write it."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The parsed value; what is parsed already stays. Numbers come from configuration files."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _rate(text: str) -> Limit | None:
    return None if text.strip().lower() == "off" else parse_rate(text)


DURATION = Parsed("DURATION", parse_duration)


BOUND = Parsed("DURATION", parse_bound)


DAYS = Parsed("DAYS", parse_days)


SIZE = Parsed("SIZE", parse_size)


PERCENT = Parsed("PERCENT", parse_percent)


ALLOWANCE = Parsed("N|N%", parse_allowance)


RATE = Parsed("N/WINDOW|off", _rate)


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("names no column; write them with commas between, such as campaign_id,name,status")
    return names


COLUMNS = Parsed("A,B,…", _columns)


def check_columns(told: str, names: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The faults of a list of columns, the nearest name suggested."""
    problems: list[str] = []
    for name in names or ():
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "`campaign-export schema` shows them all."
            problems.append(f"{told}: there is no column {name!r}; {hint}")
    return problems
