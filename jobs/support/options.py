"""Groups of options that several commands share, and what the program makes of their values.

One table: each record has name, type, default and help, and is read from the command line, from `CAMPAIGN_EXPORT_` and
its name, from `--config` and from a fleet file alike (`jobs.support.declare_option`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from exporter.errors import InputError
from exporter.options import (
    LIST_PASS_MODES,
    MINUTE,
    PACES,
    SNAPSHOT_FORMATS,
    WANTED_TYPES,
    FetchOptions,
    Locations,
    SnapshotFormat,
    SnapshotOptions,
)
from exporter.settings import SETTINGS, Settings
from jobs.support.command import read_all, take_settings
from jobs.support.declare_option import Decorator, option
from jobs.support.lazy_imports import lazy_imports
from jobs.support.metrics import MetricsFile
from jobs.support.param_types import (
    ALLOWANCE,
    BOUND,
    DAYS,
    DELIMITER,
    DURATION,
    FILE,
    FOLDER,
    PAGE_SIZE,
    PERCENT,
    RATE,
    SIZE,
    Parsed,
    local_path,
    whole_number,
)

with lazy_imports(__name__):
    from exporter.files import explained
    from exporter.ids.ids_file import CampaignIds, ids_of, read_ids
    from exporter.pipeline.job_description import ExportJob
    from exporter.ratelimit.ledger import default_ledger_path
    from exporter.state_folder import user_state_dir

_FETCH = FetchOptions()


def snapshot_format_option(default: SnapshotFormat = "parquet") -> Decorator:
    """`--format` of what publishes a snapshot."""
    text = "File format of the tables; responses are always Parquet."
    return option("--format", type=click.Choice(SNAPSHOT_FORMATS), default=default, help=text)


ACCOUNT = option(
    "--account",
    metavar="ID[/STREAM]",
    help="Account ID, where DEST has snapshots of several accounts.  [default: that of the newest]",
)
IDS_COLUMN = option(
    "--id-column",
    metavar="NAME",
    help="Column of the CSV file that holds the campaign IDs.  [default: campaign_id, id, _id or the only column]",
)
IDS_DELIMITER = option(
    "--delimiter", type=DELIMITER,
    help="Separator of the CSV file: a character, or comma, semicolon, tab, pipe.  [default: the one that fits]",
)  # fmt: skip
EXCEL_SAFE = option("--excel-safe", is_flag=True, help="Keep CSV cells from being run as formulas by a spreadsheet.")
TYPE = option(
    "--type", "campaign_type", type=click.Choice(WANTED_TYPES), default="sms",
    help="Campaigns to take from the list call.",
)  # fmt: skip
METRICS_FILE = option(
    "--metrics-file",
    type=Parsed("FILE", lambda text: MetricsFile(local_path(text))),
    help="Write Prometheus metrics about the run to FILE, whatever its outcome.",
)

_SETTINGS_OPTIONS = tuple(
    option(
        setting.option, setting.name, variable=setting.variable, metavar=setting.value,
        help=f"{setting.meaning}  [{setting.variable}]",
    )
    for setting in SETTINGS
    if not setting.secret
)  # fmt: skip


def _group(*decorators: Decorator) -> Decorator:
    """All of these options, in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


_FETCH_OPTIONS = (
    option(
        "--rate", "rates", type=RATE, multiple=True,
        help="Rate limit: requests in a window, such as 60/1m or 1800/1h; off for none. Repeatable.  [default: 60/1m]",
    ),
    option("--rate-share", type=PERCENT, default="100%", help="Share of the rate limit to use."),
    option(
        "--pace", type=click.Choice(PACES), default=_FETCH.pace,
        help="Spread requests evenly, or send them as soon as the limit allows; auto: spread what takes more than five "
        "windows.",
    ),
    option("--ledger", type=FILE, help="File that counts recent requests.  [default: in the user's state folder]"),
    option("--no-ledger", is_flag=True, help="Keep no ledger: requests of other processes do not count for the limit."),
    option("--workers", type=whole_number(1, 1000), default=_FETCH.workers, help="Concurrent requests."),
    option("--attempts", type=whole_number(1, 100), default=_FETCH.attempts, help="Attempts for each ID."),
    option("--timeout", type=BOUND, default="30s", help="Time limit of one attempt."),
    option("--max-body", type=SIZE, default="16MiB", help="Largest response to accept, after decompression."),
    option("--max-duration", type=DURATION, help="Send no request after this time, and exit with 4."),
    option("--grace", type=DURATION, default="10s", help="Time that open requests get after a stop signal."),
    option(
        "--page-size", type=PAGE_SIZE, default="auto",
        help="Campaigns in a page of the list; auto: as many as the service gives.",
    ),
)  # fmt: skip

_PATIENCE, _SHORT_PATIENCE = (
    option("--patience", type=DURATION, default=default, help="How long to wait for a service that is down.")
    for default in ("15m", "30s")
)

fetch_options = _group(*_FETCH_OPTIONS, _PATIENCE, *_SETTINGS_OPTIONS)
"""`--rate`, `--workers`, `--timeout` …: how requests are sent; and one option for each setting that is not a secret."""

interactive_fetch_options = _group(*_FETCH_OPTIONS, _SHORT_PATIENCE, *_SETTINGS_OPTIONS)
"""As `fetch_options`, for a command that somebody waits for: half a minute of an outage is enough."""

snapshot_options = _group(
    option("--out", "dest", required=True, metavar="DEST", help="Destination: a folder or an s3, gs or abfs URL."),
    option("--work-dir", type=FOLDER, help="Journal and lock.  [default: DEST/.work, or in the user's state folder]"),
    IDS_COLUMN,
    IDS_DELIMITER,
    TYPE,
    option(
        "--list", "list_pass", type=click.Choice(LIST_PASS_MODES), default="auto",
        help="Whether to read the list of campaigns; auto: without IDS, or with --incremental.",
    ),
    option("--incremental", is_flag=True, help="Fetch only what changed since the latest snapshot."),
    option("--full-every", type=DURATION, help="With --incremental: run in full when the last full run is older."),
    option("--fresh", is_flag=True, help="Start over: reuse nothing of an interrupted run."),
    option("--resume-within", type=DURATION, default="24h", help="After an interruption, fetch again what is older."),
    snapshot_format_option(),
    EXCEL_SAFE,
    option(
        "--max-failures", type=ALLOWANCE, default="5%",
        help="Publish nothing when more IDs failed or were invalid.",
    ),
    option("--max-missing", type=ALLOWANCE, default="50%", help="Publish nothing when more IDs were not found."),
    option("--fail-on-missing", is_flag=True, help="Count an ID that does not exist as a failure."),
    option("--keep", type=whole_number(1),
        help="Keep the newest N snapshots, and the full one that incremental runs build on; remove older ones."),
    option("--keep-days", type=DAYS, help="Keep snapshots of the last DAYS days; remove older ones."),
)  # fmt: skip
"""`--out`, `--incremental`, `--keep` …: what to export, where to, and when to publish it."""


def take_fetch_options(options: dict[str, Any], settings: Settings) -> FetchOptions:
    """Take out what `fetch_options` put in beside the settings. Raises `InputError`.

    The ledger's file follows from host and account.
    """
    rates = options.pop("rates")
    ledger, no_ledger = options.pop("ledger"), options.pop("no_ledger")
    own = {name: options.pop(name) for name in FetchOptions.__struct_fields__ if name not in ("rates", "ledger")}
    if ledger and no_ledger:
        raise InputError("--ledger and --no-ledger exclude each other: give one of them.")
    limits = tuple(rate for rate in rates if rate is not None) if rates else (MINUTE,)
    if rates and None in rates and limits:
        raise InputError("--rate off and another --rate exclude each other.")
    if not limits or no_ledger:
        ledger = None
    elif not ledger:
        ledger = str(default_ledger_path(state_dir(), settings.host, settings.account_id))
    return FetchOptions(rates=limits, ledger=ledger, **own)


def state_dir(*, needed: bool = True) -> str:
    """The user's state folder; empty where this user has no home. Raises `InputError` when it is `needed` then."""
    folder = user_state_dir()
    if folder is None and needed:
        raise InputError(
            "this user has no home folder, where the ledger and the journals of object stores are kept: set HOME or "
            "XDG_STATE_HOME, or give --ledger or --no-ledger, and --work-dir."
        )
    return folder or ""


def locations_of(dest: str, work_dir: str | None) -> Locations:
    """Where a run works. Raises `InputError` when it needs a state folder and there is none."""
    needed = "://" in dest and work_dir is None
    return Locations(dest, state_dir(needed=needed), work_dir=work_dir)


_ENDINGS = {
    *("7z", "arrow", "avro", "bz2", "csv", "db", "doc", "docx", "duckdb", "feather", "gz", "htm", "html", "json"),
    *("jsonl", "ndjson", "ods", "orc", "parquet", "pdf", "sqlite", "tar", "tgz", "tsv", "xls", "xlsb", "xlsm", "xlsx"),
    *("xml", "xz", "yaml", "yml", "zip", "zst"),
}
"""Endings of a format: what opens such a file expects that format in it. Any other says nothing."""


def check_output(output: str | None, *formats: str) -> None:
    """Refuse a file that can't be written, before anything is asked for. Raises `InputError`.

    `formats`: those that are written; where there are some, the ending of another one is refused.
    """
    if output is None:
        return
    ending = Path(output).suffix.lower().removeprefix(".")
    if formats and ending in _ENDINGS.difference(formats):
        known = " or ".join(f".{form}" for form in formats if form in _ENDINGS)
        anyhow = ", or add --format, which then counts" if len(formats) > 2 else ""
        raise InputError(f"-o: {output}: no .{ending} is written here: end the name in {known}{anyhow}.")
    try:
        path = Path(output).absolute()  # a working folder that was removed has none
        if not output or path.is_dir():
            raise InputError(f"-o: {output or 'an empty name'} names no file.")
        if not path.parent.is_dir():
            raise InputError(f"-o: there is no folder {path.parent}.")
        # A file is put in its place, a device or a pipe is written to.
        place = path if path.exists() and not path.is_file() else Path(os.path.realpath(path)).parent
        if not os.access(place, os.W_OK):
            raise InputError(f"-o: {output} cannot be written: may this user write to {place}?")
    except OSError as error:
        raise InputError(f"-o: {output} cannot be written: {explained(error)}.") from None


def take_ids(ids: str | None, column: str | None, delimiter: str | None) -> CampaignIds | None:
    """The IDs of the argument IDS: a file, `-` for standard input, None for none. Raises `IdsError`."""
    if ids is None:
        if column is not None or delimiter is not None:
            name = "--id-column" if column is not None else "--delimiter"
            raise InputError(f"{name} is about the file IDS, and no IDS are given.")
        return None
    return read_ids_at(ids, column, delimiter)


def read_ids_at(place: str, column: str | None, delimiter: str | None) -> CampaignIds:
    """The IDs of a file, or of standard input where `place` is `-`. Raises `IdsError`."""
    if place == "-":
        return read_ids(sys.stdin.buffer, column=column, delimiter=delimiter, name="standard input")
    return read_ids(place, column=column, delimiter=delimiter)


def take_job(
    ids: str | list[str] | None, options: dict[str, Any], environ: Mapping[str, str] | None = None
) -> ExportJob:
    """Take out what `snapshot_options` and `fetch_options` put in.

    `ids`: a file, or the IDs. `environ`: as for `take_settings`. Raises `InputError` with all problems.
    """
    id_column, delimiter = options.pop("id_column"), options.pop("delimiter")
    settings, campaign_ids, locations = read_all(
        lambda: take_settings(options, environ),
        lambda: ids_of(ids, source="ids") if isinstance(ids, list) else take_ids(ids, id_column, delimiter),
        lambda: locations_of(options.pop("dest"), options.pop("work_dir")),
    )
    wanted = SnapshotOptions(**{name: options.pop(name) for name in SnapshotOptions.__struct_fields__})
    return ExportJob(campaign_ids, settings, locations, take_fetch_options(options, settings), wanted)
