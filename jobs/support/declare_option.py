"""One option and where its value comes from: command line, environment, `--config` or a fleet file.

The command line beats the environment, the environment beats the file. Every source is read by the same parser.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

import click
from click.core import ParameterSource

from exporter.errors import InputError
from exporter.text import is_quoted, trim_invisible

PREFIX = "CAMPAIGN_EXPORT_"

PROBLEMS = "jobs.problems"
"""Key in `Context.meta`: what is wrong with the options, a line each. All of it is shown at once."""

CONFIG = "jobs.config"
"""Key in `Context.meta`: the path and the values of the configuration file."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Option(click.Option):
    """One option of a command. `variable`: another environment variable than `CAMPAIGN_EXPORT_` and its name."""

    def __init__(self, *names: Any, default: Any = None, variable: str | None = None, **attributes: Any) -> None:
        shown = {"default": default, "show_default": True} if default is not None else {}
        super().__init__(*names, **{**shown, **attributes})
        self._fallback = default
        self._variable = variable

    @property
    def long_name(self) -> str:
        """`--keep-days`."""
        return next(name for name in self.opts if name.startswith("--"))

    @property
    def key(self) -> str:
        """Its name in a configuration or fleet file: `keep_days`."""
        return self.long_name.removeprefix("--").replace("-", "_")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it, the most telling first."""
        own = PREFIX + self.key.upper()
        return (self._variable, own) if self._variable else (own,)

    def read(self, given: Any) -> Any:
        """The value of what a source gives: text, or what TOML or the command line made of it. Raises `ValueError`."""
        if self.is_flag:
            if not isinstance(given, bool):
                raise ValueError("must be true or false, without quotes.")
            return given
        if self.count:
            return self._count(given)
        entries = given if isinstance(given, list | tuple) else [given]
        if isinstance(given, date) and getattr(self.type, "dates", False):
            entries = [given.isoformat()]
        if any(isinstance(entry, bool) for entry in entries):
            raise ValueError("must be a text or a number, not true or false.")
        if not all(isinstance(entry, str | int | float) for entry in entries):
            raise ValueError("must be one value or a list of texts; a date or a table is neither.")
        texts = [str(entry) for entry in entries]
        self._refuse_quotes(texts)
        self._refuse_floats(entries)
        if self.multiple:
            return _each_of(texts, lambda text: [self._parse(text)])
        joined_by = getattr(self.type, "joined_by", None)
        if entries is given and joined_by is None:
            raise ValueError("must be one value, not a list.")
        return self._parse((joined_by or "").join(texts))

    def given_in(self, values: Mapping[str, Any]) -> bool:
        """Whether a file gives it. An empty text is not a value; for a flag it is a mistake."""
        return self.key in values and (self.is_flag or values[self.key] != "")

    def read_variable(self, text: str) -> Any:
        """The value of an environment variable. Raises `ValueError`."""
        self._refuse_quotes([text])
        if self.is_flag:
            if text.lower() not in _WORDS:
                raise ValueError(f"{text!r} is neither true nor false; write 1 or 0, true or false")
            return _WORDS[text.lower()]
        if self.multiple:
            try:
                return _each_of([part.strip() for part in text.split(",") if part.strip()], self._read_part)
            except ValueError:
                with suppress(ValueError):  # one value that has commas itself, such as MO,WE:20:00-09:00
                    return (self._parse(text),)
                raise
        return self.read(text)

    def _refuse_quotes(self, texts: list[str]) -> None:
        # Of a setting the reader of the settings says so.
        if self._variable is None and any(map(is_quoted, texts)):
            raise ValueError("is wrapped in quotes: remove them (`docker --env-file` keeps them)")

    def _refuse_floats(self, entries: Iterable[Any]) -> None:
        # 66e123 is an ID to whoever wrote it, and infinity to TOML: of such a number it keeps no digits.
        if any(isinstance(entry, float) and self._parse(str(entry)) == str(entry) for entry in entries):
            raise ValueError("is a text: write it in quotes, for a number with a point or an e loses digits.")

    def _read_variables(self, texts: set[str]) -> Any:
        if len(texts) > 1:
            raise ValueError("differ: set one of them")
        return self.read_variable(texts.pop())

    def _read_part(self, part: str) -> Iterable[Any]:
        try:
            return [self._parse(part)]
        except ValueError:
            if " " not in part:
                raise
            return _each_of(part.split(), lambda word: [self._parse(word)])

    def _count(self, given: Any) -> int:
        word = str(given).strip().lower()
        if word in _WORDS:
            return int(_WORDS[word])
        if not word.isdecimal():
            raise ValueError(f"{given!r} is not a number; write 1 or 2")
        return int(word)

    def _parse(self, text: str) -> Any:
        try:
            return self.type.convert(text, self, None)
        except click.BadParameter as error:
            raise ValueError(error.message) from None

    def absent(self) -> Any:
        """The value where no source gives one. Raises `ValueError` where one must."""
        if self.required:
            raise ValueError(f"missing: give it, or set {self.variables[0]}, or {self.key} in --config.")
        if self._fallback is not None:
            return self.read(self._fallback)
        return False if self.is_flag else 0 if self.count else () if self.multiple else None

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Take the value from the first source that gives one; a problem is noted, so that all are shown at once."""
        value = None
        source, name, read = self._source(ctx, opts)
        try:
            value = read()
        except ValueError as error:
            ctx.meta.setdefault(PROBLEMS, []).append(f"{name}: {error}")
        if self.name is not None:
            ctx.set_parameter_source(self.name, source)
            if self.expose_value:
                ctx.params[self.name] = value
        return value, args

    def _source(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[ParameterSource, str, Callable[[], Any]]:
        """Which source counts, its name in an error, and how it is read."""
        if self.name in opts:
            given = opts[self.name]
            return ParameterSource.COMMANDLINE, self.long_name, lambda: self.read(given)
        texts = {name: text for name in self.variables if (text := variable(name))}
        if texts:
            return ParameterSource.ENVIRONMENT, " and ".join(texts), lambda: self._read_variables(set(texts.values()))
        path, values = ctx.meta.get(CONFIG, ("", {}))
        if self.given_in(values):
            return ParameterSource.DEFAULT_MAP, f"{path}: {self.key}", lambda: self.read(values[self.key])
        return ParameterSource.DEFAULT, self.long_name, self.absent


def variable(name: str) -> str:
    """The text of an environment variable as the settings are read: what is around it does not count, such as the CR of
    a file with CRLF. Only a tab alone does: it is a separator."""
    text = os.environ.get(name, "")
    return trim_invisible(text)[0] or text.strip(" \r\n")


def _each_of(texts: Iterable[str], read: Callable[[str], Iterable[Any]]) -> tuple[Any, ...]:
    """The values of all texts. Raises `ValueError` with all that is wrong with them."""
    values: list[Any] = []
    problems: list[str] = []
    for text in texts:
        try:
            values.extend(read(text))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(values)


def option(*names: str, **attributes: Any) -> Decorator:
    """Declare an option, as with `click.option`. `type`: of `jobs.support.param_types`, or one of click's."""
    return click.option(*names, cls=Option, **attributes)


def read_file_values(options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `options` by their parameters' names, as a file gives them. Raises `InputError` with all problems.

    Neither the command line nor the environment is looked at.
    """
    by_name: dict[str, Any] = {}
    problems: list[str] = []
    for each in options:
        try:
            by_name[each.name or ""] = each.read(values[each.key]) if each.given_in(values) else each.absent()
        except ValueError as error:
            problems.append(f"{each.key}: {error}")
    if problems:
        raise InputError(problems)
    return by_name
