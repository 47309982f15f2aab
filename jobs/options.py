"""What the commands share: how a command is declared, its common options, and options of several commands.

A command is a function decorated with `@job(...)`; it gets a `jobs.console.Console` first, then its options,
and returns its exit code. All options that are given wrongly are told at once, not just the first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from exporter.errors import ExportError, InputError
from exporter.run_options import MINUTE, FetchOptions, Place, SnapshotOptions
from exporter.settings import SETTINGS, Settings, check_config, read_config, read_settings
from exporter.units import (
    parse_allowance,
    parse_bound,
    parse_days,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)
from jobs.exit_codes import MEANINGS, exit_code

if TYPE_CHECKING:
    from exporter.ids import CampaignIds
    from exporter.units import Limit

_FAULTS = "jobs.options.faults"
_ENVIRON = "jobs.options.environ"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


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
    faults: list[str] = []
    for name in names or ():
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "`campaign-export schema` shows them all."
            faults.append(f"{told}: there is no column {name!r}; {hint}")
    return faults


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
        faults: list[str] = list(ctx.meta.get(_FAULTS, []))
        if not faults:
            return rest
        if "stream_id" in ctx.params:
            try:
                take_settings(dict(ctx.params), environ_of(ctx))
            except InputError as error:
                faults.extend(error.faults)
        raise click.UsageError("\n       ".join(faults), ctx)

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
        from jobs.console import Console

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

    `codes`: numbers that mean what `jobs.exit_codes` says of them, or a mapping with meanings of its own.
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
        raise click.UsageError("\n       ".join(error.faults), ctx) from None
    faults: list[str] = ctx.meta.setdefault(_FAULTS, [])
    try:
        check_config(config, known_option_names())
    except InputError as error:
        faults.extend(error.faults)
    names = option_names(ctx.command)
    options = {p.name: p for p in ctx.command.params if isinstance(p, click.Option)}
    ctx.default_map = {}
    for name, entry in config.items():
        if name not in names or any(fault.startswith(f"--config: {name} ") for fault in faults):
            continue
        try:
            ctx.default_map[names[name]] = _as_typed(entry, options[names[name]])
        except ValueError as error:
            faults.append(f"--config: {name} {error}")


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


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--host`, `--stream-id` …: one option for each setting that is no secret."""
    for setting in reversed(SETTINGS):
        if not setting.secret:
            function = option(
                setting.option,
                setting.name,
                envvar=setting.variable,
                help=f"{setting.meaning}  [{setting.variable}]",
            )(function)
    return function


def take_settings(options: dict[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Take the settings out of a command's options. Raises `SettingsError` with every fault there is.

    `environ`: where the rest stands; None: in the process's own variables.
    """
    given = {s.name: options.pop(s.name, None) for s in SETTINGS if not s.secret}
    return read_settings(os.environ if environ is None else environ, given)


_DEFAULT = FetchOptions()

_RATE_OPTIONS: tuple[Decorator, ...] = (
    option(
        "--rate",
        "rates",
        type=RATE,
        multiple=True,
        help="Requests in a window, repeatable: 60/1m, 1800/1h; or off.  [default: 60/1m]",
    ),
    option(
        "--rate-share",
        type=PERCENT,
        default="100%",
        show_default=True,
        help="How much of the limit is ours; leaves room for other programs of the account.",
    ),
    option(
        "--pace",
        type=click.Choice(["asap", "even"]),
        default=_DEFAULT.pace,
        show_default=True,
        help="Send as soon as allowed, or spread evenly.",
    ),
    option("--ledger", metavar="FILE", help="Where the places taken are kept.  [default: user's state folder]"),
    option("--no-ledger", is_flag=True, help="Keep them in memory only: other processes are not seen."),
    option(
        "--workers",
        type=click.IntRange(1, 1000),
        default=_DEFAULT.workers,
        show_default=True,
        help="Requests under way at once.",
    ),
    option(
        "--attempts",
        type=click.IntRange(1, 100),
        default=_DEFAULT.attempts,
        show_default=True,
        help="Tries for one ID, when it fails.",
    ),
    option("--timeout", type=BOUND, default="30s", show_default=True, help="Bound of one try."),
    option(
        "--patience",
        type=DURATION,
        default="15m",
        show_default=True,
        help="How long an outage of the whole service is waited out.",
    ),
    option(
        "--max-body",
        type=SIZE,
        default="16MiB",
        show_default=True,
        help="Largest answer, after decompression.",
    ),
    option("--max-duration", type=DURATION, help="No new request after that; exit 4, resumable."),
    option(
        "--grace",
        type=DURATION,
        default="10s",
        show_default=True,
        help="What requests under way get when the run is asked to stop.",
    ),
    option(
        "--page-size",
        type=click.IntRange(1, 1000),
        default=_DEFAULT.page_size,
        show_default=True,
        help="Campaigns in a page of the list call.",
    ),
)


def fetch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--rate`, `--workers`, `--timeout` …: how requests are sent."""
    for decorator in reversed(_RATE_OPTIONS):
        function = decorator(function)
    return function


def take_fetch_options(options: dict[str, Any], settings: Settings) -> FetchOptions:
    """Take out what `fetch_options` put in. The ledger's file follows from host and account."""
    rates = options.pop("rates")
    names = ("workers", "rate_share", "pace", "attempts", "timeout", "patience", "max_body")
    rest = {name: options.pop(name) for name in (*names, "max_duration", "grace", "page_size")}
    ledger, no_ledger = options.pop("ledger"), options.pop("no_ledger")
    if ledger and no_ledger:
        raise InputError("--ledger and --no-ledger exclude each other: give one of them.")
    limits = tuple(rate for rate in rates if rate is not None) if rates else (MINUTE,)
    if rates and None in rates and limits:
        raise InputError("--rate off and another --rate exclude each other.")
    if not no_ledger and not ledger and limits:
        from exporter.pacing.ledger import default_ledger_path

        ledger = str(default_ledger_path(state_dir(), settings.host, settings.account_id))
    return FetchOptions(rates=limits, ledger=None if no_ledger or not limits else ledger, **rest)


def state_dir() -> str:
    """The user's state folder of this program (on Linux below `$XDG_STATE_HOME` or `~/.local/state`)."""
    import platformdirs

    return platformdirs.user_state_dir("campaign-export", appauthor=False)


IDS_COLUMN = option("--id-column", metavar="NAME", help="The column of IDS that holds the campaign IDs.")
TYPE = option(
    "--type",
    "campaign_type",
    type=click.Choice(["sms", "voice", "all"]),
    default="sms",
    show_default=True,
    help="Which campaigns the list call is asked for.",
)

_SNAPSHOT_OPTIONS: tuple[Decorator, ...] = (
    option("--out", "dest", required=True, metavar="DEST", help="A folder, or an s3://, gs:// or abfs:// URL."),
    option(
        "--work-dir",
        metavar="DIR",
        help="Journal and lock.  [default: DEST/.work, or the user's state folder]",
    ),
    IDS_COLUMN,
    TYPE,
    option(
        "--list",
        "list_pass",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Whether to read the list call too; auto: without IDS, or with --incremental.",
    ),
    option("--incremental", is_flag=True, help="Fetch only what changed since the latest snapshot."),
    option("--full-every", type=DURATION, help="With --incremental: a full run when the last is older."),
    option("--fresh", is_flag=True, help="Start over; use nothing that an earlier run fetched."),
    option(
        "--resume-within",
        type=DURATION,
        default="24h",
        show_default=True,
        help="Answers older than that are fetched again.",
    ),
    option(
        "--format",
        type=click.Choice(["parquet", "csv", "both"]),
        default="parquet",
        show_default=True,
        help="Files of the tables; responses.parquet is always there.",
    ),
    option("--excel-safe", is_flag=True, help="Keep CSV cells from being run as formulas."),
    option(
        "--max-failures",
        type=ALLOWANCE,
        default="5%",
        show_default=True,
        help="More failed or invalid IDs than that: nothing is published.",
    ),
    option(
        "--max-missing",
        type=ALLOWANCE,
        default="50%",
        show_default=True,
        help="More IDs not found than that: nothing is published.",
    ),
    option("--fail-on-missing", is_flag=True, help="An ID that does not exist is a failure."),
    option("--keep", type=click.IntRange(1), help="After publishing, keep so many snapshots."),
    option("--keep-days", type=DAYS, help="After publishing, keep so many days."),
)


def snapshot_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is wanted, where it goes, and when it may be published."""
    for decorator in reversed(_SNAPSHOT_OPTIONS):
        function = decorator(function)
    return function


def take_snapshot_options(options: dict[str, Any]) -> tuple[Place, SnapshotOptions]:
    """Take out what `snapshot_options` put in, the ID column excepted."""
    place = Place(
        dest=options.pop("dest"),
        work_dir=options.pop("work_dir"),
        state_dir=state_dir(),
        environ=dict(os.environ),
    )
    names = SnapshotOptions.__dataclass_fields__
    return place, SnapshotOptions(**{name: options.pop(name) for name in names})


def every_fault(*readings: Callable[[], Any]) -> list[Any]:
    """The results of all `readings`; if any raise `InputError`, one with all the faults. Raises `InputError`."""
    results: list[Any] = []
    faults: list[str] = []
    for read in readings:
        try:
            results.append(read())
        except InputError as error:
            faults.extend(error.faults)
    if faults:
        raise InputError(faults)
    return results


def check_output(output: str | None) -> None:
    """Refuse a file that can't be written, before anything is asked for. Raises `InputError`."""
    if output is None:
        return
    path = Path(output).absolute()
    if not output or path.is_dir():
        raise InputError(f"-o: {output or 'an empty name'} names no file.")
    if not path.parent.is_dir():
        raise InputError(f"-o: there is no folder {path.parent}.")


def take_ids(ids: str | None, column: str | None) -> CampaignIds | None:
    """The IDs of the argument IDS: a file, `-` for standard input, None for none. Raises `IdsError`."""
    from exporter.ids import read_ids

    if ids is None:
        if column is not None:
            raise InputError("--id-column names a column of IDS, and no IDS are given.")
        return None
    if ids == "-":
        return read_ids(sys.stdin.buffer, column=column, name="standard input")
    return read_ids(ids, column=column)
