"""The `campaign-export` command: a group that loads a command's file only when it is called."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from exporter import __version__
from exporter.errors import ExportError, InputError, exhausted
from exporter.text import hide_secrets
from jobs.support.config_file import misplaced_secret
from jobs.support.declare_option import PREFIX, variable
from jobs.support.event_console import LOG_FORMATS, Console
from jobs.support.exit_codes import BUG, exit_code, signal_code
from jobs.support.lazy_imports import lazy_imports
from jobs.support.open_files import allow_open_files
from jobs.support.param_types import nearest
from jobs.support.run_until_stopped import SIGNALS, StoppedNow, handling_signals, stop_now
from jobs.support.standard_streams import secure_standard_streams

with lazy_imports(__name__):
    from traceback import format_exception

    from jobs.support.config_file import read_toml

DEPLOY = Path(__file__).with_name("deploy")
"""Examples of running it for real, in an installed package too."""

OPEN_FILES = 4096
"""What the largest run needs: a connection for each of 1,000 workers, and the files of its tables. The usual limits are
few for that: 256 on macOS, 1,024 on Linux."""

COMMANDS: dict[str, str] = {
    "snapshot": "Fetch every campaign and publish one snapshot: the main job.",
    "plan": "Estimate a snapshot: IDs, requests, time. Sends nothing.",
    "pull": "Fetch some campaigns to the terminal, a file or a pipe.",
    "check": "Check an account's settings with one to three requests.",
    "discover": "List the app's campaigns into an IDs CSV.",
    "snapshots": "List the snapshots of a destination.",
    "diff": "Show what changed between two snapshots.",
    "history": "Show how campaigns changed over all snapshots.",
    "report": "Write one self-contained HTML page about a snapshot.",
    "verify": "Check a published snapshot against its manifest.",
    "rebuild": "Flatten stored responses again. Sends nothing.",
    "schema": "Print the data dictionary.",
    "simulate": "Serve a local simulator of the API.",
    "demo": "Run a snapshot against the simulator; needs no account.",
    "fleet": "Run a snapshot for each of many accounts.",
}


class LazyGroup(click.Group):
    """Commands are files of this package: `diff` is `jobs/diff.py`. `--help` imports no command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`, the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"jobs.{cmd_name}").command
        command.help = command.help or COMMANDS[cmd_name]  # `python -OO` takes the docstring away
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name suggested for a wrong one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], COMMANDS) if args else None
            if near is None or "Did you mean" in error.message:
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}. Did you mean {near!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    "campaign-export",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
        Try it without an account:  campaign-export demo
        Examples for cron, systemd, containers, alerts:  {DEPLOY}""",
)
@click.option("-v", "--verbose", count=True, help="Log more; before or after the command.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.option("--log-format", type=click.Choice(LOG_FORMATS), help="Log format on stderr.")
@click.version_option(__version__, prog_name="campaign-export")
def cli(**_read_by_the_command: object) -> None:
    """Get every campaign of a Kore.ai account out of its API and into files people trust."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that `jobs.support.exit_codes` gives.

    Without `arguments` the process is the program's own. With them it is somebody else's, and left as it is.
    """
    if arguments is not None:
        sys.exit(run(arguments))
    secure_standard_streams()
    forget_empty_variables()
    allow_open_files(OPEN_FILES)
    lighten_pyarrow()
    # Until the event loop takes them over. Without it SIGTERM would not end the first process of a container.
    with handling_signals((signal.SIGINT, *SIGNALS), stop_now):
        code = run(sys.argv[1:])
    sys.exit(code)


def lighten_pyarrow() -> None:
    """What pyarrow, which is imported later, need not do for a command; its own variable stays as the user set it."""
    # It imports NumPy, and then pandas, only to recognize their arrays, and no command has one. That is 40% of the
    # processor time of a `pull` of one campaign.
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]
    # Its own allocator gives memory back to the system between two blocks of answers and asks for it again at once:
    # the system clears those pages for a tenth of the time of flattening, and the peak is higher.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def forget_empty_variables() -> None:
    """A variable that is set to nothing is not set, as everywhere; OpenSSL would take it for a file that is not there,
    and trust nobody."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if not os.environ.get(name, "set").strip():
            del os.environ[name]


def run(arguments: list[str]) -> int:
    """The exit code of one command line. Only errors that a command could not print itself are printed here."""
    try:
        code = cli.main(arguments, prog_name="campaign-export", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        secret = misplaced_secret(error.option_name) if isinstance(error, click.NoSuchOption) else None
        shown = click.UsageError(secret or hide_secrets(error.format_message()), getattr(error, "ctx", None))
        return _fail(InputError([line.strip() for line in shown.message.splitlines()]), arguments, shown.show)
    except ExportError as error:  # what --help or --version print cannot be written
        return _fail(error, arguments)
    except StoppedNow as stopped:
        return _fail(stopped.error, arguments)
    except (click.Abort, KeyboardInterrupt):
        return signal_code(signal.SIGINT)
    except Exception as error:  # noqa: BLE001 - the last line of defence: users get no traceback
        out_of_room = exhausted(error)
        return _fail(out_of_room, arguments) if out_of_room is not None else _report_bug(error, arguments)
    return code if isinstance(code, int) else 0


def _fail(error: ExportError, arguments: list[str], show: Callable[[], None] | None = None) -> int:
    """Print what failed outside of a command. `show`: how click would."""
    if show is not None and not _wants_json(arguments):
        show()
    else:
        _console(arguments).fail(error, exit_code(error))
    return exit_code(error)


def _report_bug(error: Exception, arguments: list[str]) -> int:
    verbose = any(argument == "--verbose" or re.fullmatch("-v+", argument) for argument in arguments)
    text = (
        f"campaign-export: a fault of the program itself: {type(error).__name__}: {error}\n"
        "Nothing half-made was published. Please report it, with what `-v` adds to this message."
    )
    text = "".join([*format_exception(error), text]) if verbose else text
    _console(arguments).trouble(text, event="failed", error=type(error).__name__, exit_code=BUG)
    return BUG


def _console(arguments: list[str]) -> Console:
    return Console(stream=sys.stderr, verbosity=0, as_json=_wants_json(arguments))


def _wants_json(arguments: list[str]) -> bool:
    """Whether a log in JSON is asked for, as far as that is seen without reading the command line as a command does."""
    log_format = _given("log-format", arguments)
    config = _given("config", arguments)
    if not log_format and os.path.isfile(config):  # noqa: PTH113 - of a path that the system refuses it says no
        with suppress(InputError):
            log_format = read_toml(config).get("log_format", "")
    return log_format == "json"


def _given(option: str, arguments: list[str]) -> str:
    found = re.findall(f"--{option}[=\0]([^\0]+)", "\0".join(arguments))
    return [variable(PREFIX + option.replace("-", "_").upper()), *found][-1]
