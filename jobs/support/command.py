"""How a command is declared, and what all commands have in common.

A command is a file of `jobs` with a function `command`. It gets a `Console` first, then its options by their names, and
returns its exit code:

    from jobs.support.command import job, option
    from jobs.support.exit_codes import ASKING
    from jobs.support.lazy_imports import lazy_imports

    with lazy_imports(__name__):                    # imported when the command uses it, so that `--help` is quick
        from exporter.pipeline.pull_to_memory import pull_campaigns

    @job("pull", example="campaign-export pull cd-1 --columns name", codes={**ASKING, 0: "every ID gave its campaign"})
    @click.argument("ids", nargs=-1)
    @option("--format", "form", type=click.Choice(FORMATS), default="csv", help="Output format.")
    @option("--keep-days", type=DAYS, help="Keep snapshots of the last DAYS days.")
    @fetch_options                                  # groups of options: `jobs.support.options`
    def command(console: Console, ids: tuple[str, ...], form: str, **options: Any) -> int:

Nothing else is needed for an option to be read from `CAMPAIGN_EXPORT_FORMAT` and from `format` in `--config`, too. A
default is shown in the help by itself. All problems of a command line are shown at once, not just the first. An
`ExportError` that the function raises is printed and becomes the exit code; `--metrics-file` is written in any case.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from exporter.errors import ExportError, InputError, exhausted
from exporter.settings import SETTINGS, Settings
from jobs.support.config_file import check_config, read_toml
from jobs.support.declare_option import CONFIG, PREFIX, PROBLEMS, Option
from jobs.support.declare_option import option as option
from jobs.support.event_console import LOG_FORMATS, Console
from jobs.support.exit_codes import BUG, code_of, exit_code, signal_code
from jobs.support.lazy_imports import lazy_imports
from jobs.support.metrics import MetricsFile
from jobs.support.param_types import nearest
from jobs.support.run_until_stopped import StoppedNow

with lazy_imports(__name__):
    from exporter.settings_reader import read_settings

EXCLUSIVE = (("ledger", "no_ledger"), ("verbose", "quiet"))
"""Options of which at most one can count."""

IDLE: tuple[tuple[str, str, Any, str], ...] = (
    ("full_every", "incremental", False, "--full-every has no effect without --incremental: give both, or neither"),
    ("excel_safe", "format", "parquet", "--excel-safe has no effect on Parquet: add --format csv or both"),
    ("rate_share", "rates", (None,), "--rate-share has no effect with --rate off: give the rate to take a share of"),
)
"""Options that do nothing where another has that value, and what is said of it."""

_SOURCES = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)


class JobCommand(click.Command):
    """A command whose help ends with an example and its exit codes, and whose errors become exit codes."""

    def __init__(self, *, example: str, codes: Mapping[int, str], params: list[click.Parameter], **kwargs: Any) -> None:
        super().__init__(params=[*params, *COMMON], **kwargs)
        self.example = example
        self.exit_code_meanings = dict(sorted(codes.items()))

    @property
    def options(self) -> dict[str, Option]:
        """Its options by their names in a configuration file."""
        return {param.key: param for param in self.params if isinstance(param, Option) and param.key != "config"}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; of two options that exclude each other, the one of the stronger source counts."""
        given = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError:
            # Read once more, what cannot be read left out: the metrics of this end are written, too.
            known = click.Context(
                self, parent=ctx.parent, resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True
            )
            super().parse_args(known, given)
            _write_metrics(known, _console(known), code_of(InputError))
            raise
        for pair in EXCLUSIVE:
            if all(ctx.params.get(name) for name in pair):
                stronger, weaker = sorted(pair, key=lambda name: _rank(ctx, name))
                if _rank(ctx, stronger) == _rank(ctx, weaker):
                    names = " and ".join(f"--{name.replace('_', '-')}" for name in pair)
                    ctx.meta.setdefault(PROBLEMS, []).append(f"{names} exclude each other: give one of them.")
                ctx.params[weaker] = self.options[weaker].absent()
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example and the exit codes."""
        with formatter.section("Example"):
            for line in self.example.strip().splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in self.exit_code_meanings.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with a console of its own; an `ExportError` is printed and becomes its exit code."""
        console = ctx.obj = _console(ctx)
        ctx.params.pop("config", None)
        code: int = BUG
        try:
            _warn_of_variables(console, self)
            _warn_of_idle(console, ctx)
            _raise_problems(ctx)
            code = super().invoke(ctx)
            sys.stdout.flush()
        except (ExportError, MemoryError, OSError, RuntimeError) as error:
            failure = error if isinstance(error, ExportError) else exhausted(error)
            if failure is None:
                raise
            code = exit_code(failure)
            console.fail(failure, code)
        except StoppedNow as stopped:
            code = exit_code(stopped.error)
            console.fail(stopped.error, code)
        except KeyboardInterrupt:
            code = signal_code(signal.SIGINT)
            raise
        finally:
            _write_metrics(ctx, console, code)
        return code


def _write_metrics(ctx: click.Context, console: Console, code: int) -> None:
    metrics_file = ctx.params.get("metrics_file")
    if isinstance(metrics_file, MetricsFile):
        account, stream = (str(ctx.params.get(key) or "").strip() for key in ("account_id", "stream_id"))
        metrics_file.finish(console, code, account, stream)


def _console(ctx: click.Context) -> Console:
    """The console that the common options ask for, which may be given before the command, too."""
    group = ctx.parent.params if ctx.parent is not None else {}
    log_format = ctx.params.pop("log_format", None)
    if ctx.get_parameter_source("log_format") is not ParameterSource.COMMANDLINE:
        log_format = group.get("log_format") or log_format
    verbose = (ctx.params.pop("verbose", 0) or 0) + group.get("verbose", 0)
    quiet = ctx.params.pop("quiet", False)
    if group.get("verbose") and ctx.get_parameter_source("quiet") is not ParameterSource.COMMANDLINE:
        quiet = False  # the command line beats environment and file
    quiet = quiet or group.get("quiet", False)
    return Console(stream=sys.stderr, verbosity=-1 if quiet else verbose, as_json=log_format == "json")


def _rank(ctx: click.Context, name: str) -> int:
    """How strong the source of a value is; the smaller, the stronger."""
    source = ctx.get_parameter_source(name)
    return _SOURCES.index(source) if source in _SOURCES else len(_SOURCES)


def _warn_of_variables(console: Console, command: JobCommand) -> None:
    """Warn of a variable that sets nothing and looks misspelled. Others may have a prefix in common with us."""
    own = {variable for option in command.options.values() for variable in option.variables}
    unknown = [name for name in os.environ if name.startswith(PREFIX) and name not in {*own, f"{PREFIX}CONFIG"}]
    known = {key.upper() for key in known_option_names()} if unknown else set()
    for name in unknown:
        key = name.removeprefix(PREFIX)
        if key not in known and (near := nearest(key, known, 0.8)):
            console.say(f"warning: no option is set by {name}; did you mean {PREFIX}{near}?", event="warned")


def _warn_of_idle(console: Console, ctx: click.Context) -> None:
    """Warn of what was typed for nothing. In the environment or a file it may be there for another command."""
    for name, other, value, text in IDLE:
        if is_typed(name) and other in ctx.params and ctx.params[other] == value:
            console.say(f"warning: {text}", event="warned")


def _raise_problems(ctx: click.Context) -> None:
    """Raise the problems of the options, together with those of the settings. Raises `InputError`."""
    problems: list[str] = list(ctx.meta.get(PROBLEMS, []))
    if not problems:
        return
    if "stream_id" in ctx.params:
        try:
            take_settings(dict(ctx.params))
        except InputError as error:
            problems.extend(error.problems)
    raise InputError(problems)


def is_typed(name: str) -> bool:
    """Whether the command line gives this parameter of the command: environment and file may be there for others."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def job(name: str, *, example: str, codes: Mapping[int, str]) -> Callable[[Callable[..., int]], JobCommand]:
    """Declare a command: its name, an example for `--help`, and its exit codes with what they mean.

    `jobs.support.exit_codes` has meanings that several commands share.
    """

    def decorate(function: Callable[..., int]) -> JobCommand:
        return click.command(name, cls=JobCommand, example=example, codes=codes)(click.pass_obj(function))

    return decorate


class ConfigOption(Option):
    """`--config`, read before the other options, which take their values from it."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Read the file; its problems are noted."""
        path, args = super().handle_parse_result(ctx, opts, args)
        if path and not ctx.resilient_parsing:
            try:
                config = read_toml(path)
                ctx.meta[CONFIG] = (path, config)
                check_config(path, config, known_option_names())
            except InputError as error:
                ctx.meta.setdefault(PROBLEMS, []).extend(error.problems)
        return path, args


def known_option_names() -> set[str]:
    """Every name that a configuration file may hold: the options of all commands. No secret has one."""
    from jobs.cli import COMMANDS, cli  # the group imports the commands, and they this module

    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in COMMANDS]
    return {key for command in commands if isinstance(command, JobCommand) for key in command.options}


COMMON = (
    ConfigOption(
        ["--config"],
        is_eager=True,
        metavar="FILE.toml",
        help='TOML file of options and settings but no secrets: rate_share = "80%" for --rate-share.',
    ),
    Option(["-v", "--verbose"], count=True, help="Log more; twice: every campaign."),
    Option(["-q", "--quiet"], is_flag=True, help="Log errors only."),
    Option(["--log-format"], type=click.Choice(LOG_FORMATS), default="text", help="Log format on stderr."),
)
"""Options of every command, listed after its own."""


def take_settings(options: dict[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Take the settings out of a command's options. Raises `SettingsError` with every problem there is.

    `environ`: holds the secrets, the proxies and `SSL_CERT_FILE`; None: the process's own variables.
    """
    given = {setting.name: options.pop(setting.name, None) for setting in SETTINGS if not setting.secret}
    return read_settings(os.environ if environ is None else environ, given)


def read_all(*readings: Callable[[], Any]) -> list[Any]:
    """The results of all `readings`; if any raise `InputError`, one with all the problems. Raises `InputError`."""
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
