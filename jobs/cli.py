"""The `campaign-export` command: a group that loads a command's file only when it is called."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from typing import NoReturn

import click

from exporter import __version__
from jobs.support.exit_codes import BUG
from jobs.support.lean import collecting_seldom, spare

COMMANDS: dict[str, str] = {
    "snapshot": "Fetch every campaign and publish one snapshot: the main job.",
    "plan": "Say what a snapshot would cost: IDs, requests, time. Sends nothing.",
    "pull": "Fetch some campaigns to the terminal, a file or a pipe.",
    "discover": "List the app's campaigns into an IDs CSV.",
    "snapshots": "List the snapshots of a destination.",
    "diff": "Show what changed between two snapshots.",
    "report": "Write one self-contained HTML page about a snapshot.",
    "verify": "Check a published snapshot against its manifest.",
    "rebuild": "Flatten stored responses again, without one request.",
    "schema": "Print the data dictionary.",
    "simulate": "Serve a local imitation of the API.",
    "demo": "Run a snapshot against the imitation; needs no account.",
    "fleet": "Run a snapshot for each of many accounts.",
}


class LazyGroup(click.Group):
    """Commands are files of this package: `diff` is `jobs/diff.py`. `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`, the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"jobs.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name suggested for a wrong one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1) if args else []
            if not near or "Did you mean" in error.message:
                raise
            told = f"{error.message.rstrip('.')}. Did you mean {near[0]!r}?"
            raise click.UsageError(told, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    "campaign-export",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account:  campaign-export demo",
)
@click.option("-v", "--verbose", count=True, help="Tell more; here or after the command.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only errors.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How events are told on stderr.")
@click.version_option(__version__, prog_name="campaign-export")
def cli(**_told_to_the_command: object) -> None:
    """Get every campaign of a Kore.ai account out of its API and into files people trust."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that `jobs.support.exit_codes` gives."""
    spare("cryptography", "numpy", "pandas")
    # Until the event loop takes it over. Without it SIGTERM would not end the first process of a container.
    signal.signal(signal.SIGTERM, _terminated)
    with collecting_seldom():
        code = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def run(arguments: list[str]) -> int:
    """The exit code of one command line. Only faults that a command could not tell itself are told here."""
    try:
        code = cli.main(arguments, prog_name="campaign-export", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        _tell_usage(error, as_json="--log-format json" in " ".join(arguments).replace("=", " "))
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except (BrokenPipeError, SystemExit) as error:
        # click and rich end the process with 1 where they meet it.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # The reader of our pipe has gone (`| head`): not an error, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: users get no traceback
        verbose = any(one == "--verbose" or re.fullmatch("-v+", one) for one in arguments)
        return _tell_bug(error, verbose=verbose)
    return code if isinstance(code, int) else 0


def _tell_usage(error: click.ClickException, *, as_json: bool) -> None:
    if not as_json:
        error.show()
        return
    from exporter.errors import InputError
    from jobs.support.console import Console

    problems = [line.strip() for line in error.format_message().splitlines()]
    Console.of(verbose=0, quiet=False, log_format="json").fail(InputError(problems), 2)


def _tell_bug(error: Exception, *, verbose: bool) -> int:
    from exporter.text import terminal_safe

    if verbose:
        import traceback

        click.echo(terminal_safe("".join(traceback.format_exception(error))), err=True, nl=False)
    click.echo(
        f"campaign-export: a fault of the program itself: {type(error).__name__}: {terminal_safe(str(error))}\n"
        "Nothing half-made was published. Please report it, with what `-v` adds to this message.",
        err=True,
    )
    return BUG
