"""What the commands share: how a command is declared, its common options, and options of several commands.

A command is a function decorated with `@job(...)`; it gets a `jobs.support.console.Console` first, then its options,
and returns its exit code. All options that are given wrongly are told at once, not just the first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.errors import InputError
from exporter.options import MINUTE, OUTPUT_FORMATS, FetchOptions, Locations, SnapshotOptions
from exporter.settings import SETTINGS, Settings
from jobs.support.command import Decorator, option
from jobs.support.param_types import ALLOWANCE, BOUND, DAYS, DURATION, PERCENT, RATE, SIZE

if TYPE_CHECKING:
    from exporter.ids.campaign_ids import CampaignIds


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
        from exporter.ratelimit.ledger import default_ledger_path

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
        type=click.Choice(OUTPUT_FORMATS),
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


def take_snapshot_options(options: dict[str, Any]) -> tuple[Locations, SnapshotOptions]:
    """Take out what `snapshot_options` put in, the ID column excepted."""
    locations = Locations(
        dest=options.pop("dest"),
        work_dir=options.pop("work_dir"),
        state_dir=state_dir(),
        environ=dict(os.environ),
    )
    names = SnapshotOptions.__struct_fields__
    return locations, SnapshotOptions(**{name: options.pop(name) for name in names})


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
    from exporter.ids.campaign_ids import read_ids

    if ids is None:
        if column is not None:
            raise InputError("--id-column names a column of IDS, and no IDS are given.")
        return None
    if ids == "-":
        return read_ids(sys.stdin.buffer, column=column, name="standard input")
    return read_ids(ids, column=column)
