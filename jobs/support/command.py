"""How a command is declared, and what all commands have in common.

A command is a function decorated with `@job(...)`; it gets a `jobs.support.console.Console` first, then its options,
and returns its exit code. All options that are given wrongly are told at once, not just the first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import click

from exporter.errors import ExportError, InputError
from exporter.settings import SETTINGS, Settings, read_settings
from jobs.support.config_file import check_config, read_config
from jobs.support.exit_codes import MEANINGS, exit_code
from jobs.support.lean import need
from jobs.support.param_types import COLUMNS

if TYPE_CHECKING:
    pass


_FAULTS = "jobs.support.options.faults"


_ENVIRON = "jobs.support.options.environ"


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def environ_of(ctx: click.Context) -> Mapping[str, str]:
    """The variables that a command reads."""
    found: Mapping[str, str] = ctx.meta.get(_ENVIRON, os.environ)
    return found


def within(environ: Mapping[str, str], command: click.Command) -> click.Context:
    """A parent context in which `command` reads `environ` and not the process's variables, which others share."""
    context = click.Context(command)
    context.meta[_ENVIRON] = environ
    return context


class EnvironOption(click.Option):
    """An option whose variable is looked up in the environment that the command was given; else the process's own."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """As click does, but where `within` says."""
        if not isinstance(self.envvar, str):
            return None
        return environ_of(ctx).get(self.envvar) or None


class Option(EnvironOption):
    """An option whose fault is remembered, so that all faults of a command line are told at once."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """As click does, but a wrong value is noted instead of ending the parsing."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.UsageError as error:
            if ctx.resilient_parsing:
                raise
            ctx.meta.setdefault(_FAULTS, []).append(error.format_message())
            if self.expose_value:
                ctx.params[self.name] = None
            return None, args


def option(*names: str, **attributes: Any) -> Decorator:
    """`click.option` with the fault-collecting class."""
    return click.option(*names, cls=Option, **attributes)


class JobCommand(click.Command):
    """A command whose help ends with an example and its exit codes, and whose errors become exit codes."""

    codes: ClassVar[Mapping[int, str]] = {}

    def __init__(self, *args: Any, example: str = "", codes: Mapping[int, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.exit_code_meanings = dict(codes or {})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, then tell every fault of the options together with every fault of the settings."""
        rest = super().parse_args(ctx, args)
        problems: list[str] = list(ctx.meta.get(_FAULTS, []))
        if not problems:
            return rest
        if "stream_id" in ctx.params:
            try:
                take_settings(dict(ctx.params), environ_of(ctx))
            except InputError as error:
                problems.extend(error.problems)
        raise click.UsageError("\n       ".join(problems), ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example and the exit codes."""
        if self.example:
            with formatter.section("Example"):
                for line in self.example.strip().splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")
        if self.exit_code_meanings:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), text) for code, text in self.exit_code_meanings.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with a console of its own; an `ExportError` is told and becomes its exit code."""
        from jobs.support.console import Console

        before = ctx.parent.params if ctx.parent is not None else {}
        log_format = ctx.params.pop("log_format", "text")
        if ctx.get_parameter_source("log_format") is not click.core.ParameterSource.COMMANDLINE:
            log_format = before.get("log_format") or log_format
        console = Console.of(
            verbose=ctx.params.pop("verbose", 0) + before.get("verbose", 0),
            quiet=ctx.params.pop("quiet", False) or before.get("quiet", False),
            log_format=log_format,
        )
        ctx.params.pop("config", None)
        ctx.obj = console
        try:
            return super().invoke(ctx)
        except ExportError as error:
            code = exit_code(error)
            console.fail(error, code)
            return code
        finally:
            console.close()


def job(
    name: str, *, example: str, codes: Mapping[int, str] | Sequence[int] = (0, 2)
) -> Callable[[Callable[..., int]], JobCommand]:
    """Declare a command: its name, an example for `--help`, and its exit codes.

    `codes`: numbers that mean what `jobs.support.exit_codes` says of them, or a mapping with meanings of its own.
    """
    meanings = codes if isinstance(codes, Mapping) else {code: MEANINGS[code] for code in codes}

    def decorate(function: Callable[..., int]) -> JobCommand:
        own = list(getattr(function, "__click_params__", []))
        decorated: Any = click.pass_obj(function)
        for decorator in reversed(COMMON):
            decorated = decorator(decorated)
        # Options given by `function`'s own decorators stand before the common ones.
        common = [p for p in decorated.__click_params__ if p not in own]
        decorated.__click_params__ = common + own
        return click.command(name, cls=JobCommand, example=example, codes=meanings)(decorated)

    return decorate


def _load_config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if not value or ctx.resilient_parsing:
        return
    try:
        config = read_config(value)
    except InputError as error:
        raise click.UsageError("\n       ".join(error.problems), ctx) from None
    problems: list[str] = ctx.meta.setdefault(_FAULTS, [])
    try:
        check_config(config, known_option_names())
    except InputError as error:
        problems.extend(error.problems)
    names = option_names(ctx.command)
    options = {p.name: p for p in ctx.command.params if isinstance(p, click.Option)}
    ctx.default_map = {}
    for name, entry in config.items():
        if name not in names or any(fault.startswith(f"--config: {name} ") for fault in problems):
            continue
        try:
            ctx.default_map[names[name]] = _as_typed(entry, options[names[name]])
        except ValueError as error:
            problems.append(f"--config: {name} {error}")


def _as_typed(entry: Any, option: click.Option) -> Any:
    """A value of a configuration file as it would stand on the command line. Raises `ValueError`."""
    entries = entry if isinstance(entry, list) else [entry]
    if option.is_flag and not option.count:
        if not isinstance(entry, bool):
            raise ValueError("must be true or false.")
        return entry
    if any(isinstance(one, bool) for one in entries):
        raise ValueError("must be a text or a number, not true or false.")
    texts = [str(one) for one in entries]
    if option.multiple:
        return texts
    if option.type is COLUMNS:
        return ",".join(texts)
    if entries is entry:
        raise ValueError("must be one value, not a list.")
    return texts[0]


def option_names(command: click.Command) -> dict[str, str]:
    """Name in a configuration file -> name of the parameter: `rate` for `--rate`, `id_column` for `--id-column`."""
    return {
        long.removeprefix("--").replace("-", "_"): param.name or ""
        for param in command.params
        if isinstance(param, click.Option)
        for long in param.opts
        if long.startswith("--") and long not in ("--config", "--help")
    }


def known_option_names() -> set[str]:
    """Every name that a configuration file may hold: the options of all commands. No secret has one."""
    from jobs.cli import COMMANDS, cli

    names: set[str] = set()
    context = click.Context(cli)
    for command in COMMANDS:
        loaded = cli.get_command(context, command)
        if loaded is not None:
            names.update(option_names(loaded))
    return names


COMMON: tuple[Decorator, ...] = (
    click.option(
        "--config",
        cls=EnvironOption,
        is_eager=True,
        expose_value=True,
        envvar="CAMPAIGN_EXPORT_CONFIG",
        metavar="FILE.toml",
        callback=_load_config,
        help="Options and non-secret settings, under their names with _ for -.  [CAMPAIGN_EXPORT_CONFIG]",
    ),
    click.option("-v", "--verbose", count=True, help="Tell more."),
    click.option("-q", "--quiet", is_flag=True, help="Tell only errors."),
    option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How events are told on stderr.",
    ),
)


def take_settings(options: dict[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Take the settings out of a command's options. Raises `SettingsError` with every fault there is.

    `environ`: where the rest stands; None: in the process's own variables.
    """
    given = {s.name: options.pop(s.name, None) for s in SETTINGS if not s.secret}
    environ = os.environ if environ is None else environ
    if given["private_key_file"] or environ.get("KORE_PRIVATE_KEY_FILE"):
        need("cryptography")
    return read_settings(environ, given)


def every_fault(*readings: Callable[[], Any]) -> list[Any]:
    """The results of all `readings`; if any raise `InputError`, one with all the faults. Raises `InputError`."""
    results: list[Any] = []
    problems: list[str] = []
    for read in readings:
        try:
            results.append(read())
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return results
