"""`campaign-export fleet`: snapshots of many accounts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import partial
from typing import Any

import click

from exporter.errors import ExportError, InputError, StorageFailed
from jobs.support.command import is_typed, job, option
from jobs.support.declare_option import CONFIG
from jobs.support.event_console import Console
from jobs.support.exit_codes import MEANINGS, worst
from jobs.support.lazy_imports import lazy_imports
from jobs.support.metrics import MetricsFile
from jobs.support.open_files import allow_open_files
from jobs.support.options import METRICS_FILE
from jobs.support.output_formats import format_option
from jobs.support.param_types import whole_number
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.blocking_calls import BackgroundThread
    from exporter.pipeline.fleet import AccountResult, run_account, run_side_by_side
    from exporter.snapshot_store.open_bucket import without_secrets
    from exporter.stop import Stop
    from jobs.support.copyable_commands import program_command
    from jobs.support.fleet_dask import run_on_dask
    from jobs.support.fleet_file import prepare, read_fleet
    from jobs.support.fleet_rows import result_row, take_outcome
    from jobs.support.standard_streams import print_line
    from jobs.support.terminal_tables import print_table

OPEN_FILES = 65_536
"""An account needs some 30."""


@job(
    "fleet",
    example="campaign-export fleet fleet.toml --out exports --parallel 20",
    codes={
        **MEANINGS,
        0: "every account is published and complete",
        1: f"{MEANINGS[1]}. With several accounts the worst code counts, in this order: 143, 130, 70, 3, 2, 6, 4, 5, 1",
    },
)
@click.argument("fleet", metavar="FLEET.toml")
@option("--out", "dest", metavar="DEST", help="Destination, instead of `out` in the file: a folder or a URL.")
@option("--only", multiple=True, metavar="NAME", help="Run only this account. Repeatable.")
@option(
    "--parallel", type=whole_number(1, 10_000), default=100, help="Accounts to run at the same time in this process."
)
@option(
    "--engine", type=click.Choice(["local", "dask"]), default="local",
    help="Run in this process, or on the workers of a Dask cluster.",
)  # fmt: skip
@option("--scheduler", metavar="tcp://HOST:PORT", help="Address of the Dask scheduler.")
@format_option("table", "json")
@METRICS_FILE
def command(
    console: Console,
    fleet: str,
    dest: str | None,
    only: tuple[str, ...],
    parallel: int,
    engine: str,
    scheduler: str | None,
    form: str,
    metrics_file: MetricsFile | None,
) -> int:
    """Run a snapshot for each of many accounts.

    FLEET.toml names them: each with its host, stream_id, account_id, client_id, where its secret comes from
    (client_secret_env or client_secret_file), its ids file, and any option of `snapshot`. Snapshots go to
    DEST/account=<id>/stream=<id>/. Relative paths in the file are those of the folder in which the command runs.
    """
    if (engine == "dask") != (scheduler is not None):
        raise InputError("--engine dask and --scheduler go together: give both, or none.")
    entries = read_fleet(fleet, dest, only)
    if scheduler is not None:
        rows = _on_dask(console, entries, scheduler)
    else:
        rows = [result_row(result) for result in _here(console, entries, parallel)]
    outcomes = [take_outcome(row, entry) for row, entry in zip(rows, entries, strict=True)]
    if metrics_file is not None:
        metrics_file.outcomes = outcomes
    for row in rows:
        if row["error"]:
            # The table has room for its beginning at most. Each line has the name: those of accounts mix.
            label = f"{row['account']}: "
            lines = row["error"].removeprefix(label).splitlines()
            console.trouble(
                "\n".join(label + line for line in lines),
                event="account_failed",
                account=row["account"],
                exit_code=row["exit_code"],
            )
    try:
        if form == "json":
            print_line(json.dumps(rows, indent=2))
        else:
            _print(rows)
    except StorageFailed as error:  # what is published stays published, and the exit code says how it went
        console.trouble(f"warning: the results are not shown: {error}", event="warned")
    failed = [row["account"] for row in rows if row["exit_code"]]
    if failed and len(failed) < len(rows):
        repeated = _repeated(
            fleet,
            failed,
            out=without_secrets(dest) if dest else None,
            parallel=str(parallel) if is_typed("parallel") else None,
            engine=engine if scheduler is not None else None,
            scheduler=scheduler,
            format=form if is_typed("form") else None,
            config=click.get_current_context().meta.get(CONFIG, (None,))[0],
            log_format="json" if console.as_json else None,
            metrics_file=metrics_file.path if metrics_file is not None else None,
        )
        console.say(f"repeat what failed: {repeated}", event="repeat")
    return worst(int(row["exit_code"]) for row in rows)


def _here(console: Console, entries: list[dict[str, Any]], parallel: int) -> list[AccountResult]:
    allow_open_files(OPEN_FILES)
    by_name = {entry["name"]: entry for entry in entries}

    async def run_one(name: str, stop: Stop) -> AccountResult:
        # Reading the IDs, or a command that prints the secret, may take a while, and must not hold up other accounts.
        preparing = BackgroundThread(f"prepare {name}")
        try:
            job = await stop.interrupting(preparing.run(prepare, by_name[name], dict(os.environ)))
        except ExportError as error:
            return AccountResult(name, error=error)
        finally:
            preparing.close()
        return await run_account(name, job, emit=partial(console.emit_for, name), stop=stop)

    return run_until_stopped(
        lambda stop: run_side_by_side(list(by_name), run_one, parallel=parallel, stop=stop), resumes=True
    )


def _on_dask(console: Console, entries: list[dict[str, Any]], scheduler: str) -> list[dict[str, Any]]:
    try:
        return run_on_dask(console, entries, scheduler)
    except ModuleNotFoundError as error:
        raise InputError(f"--engine dask needs {error.name}: pip install 'campaign-exporter[fleet]'.") from None


def _repeated(fleet: str, names: Iterable[str], **options: str | None) -> str:
    """The command that does the same for some of the accounts; it has those of `options` that were given."""
    given = [f"--{option.replace('_', '-')}={value}" for option, value in options.items() if value]
    return program_command("fleet", fleet, *given, *(f"--only={name}" for name in names))


def _print(rows: list[dict[str, Any]]) -> None:
    cells = [
        [
            row["account"],
            str(row["exit_code"]),
            f"{row['ok']:,}",
            f"{row['failed']:,}",
            f"{row['not_found']:,}",
            f"{row['requests']:,}",
            row["snapshot_id"] or "–",
            (row["error"] or "").splitlines()[0] if row["error"] else "",
        ]
        for row in rows
    ]
    styles = [None if row["exit_code"] == 0 else "yellow" if row["exit_code"] == 1 else "red" for row in rows]
    columns = ["account", "exit", "campaigns", "failed", "not found", "requests", "snapshot", "error"]
    print_table(columns, cells, right=("exit", "campaigns", "failed", "not found", "requests"), styles=styles)
