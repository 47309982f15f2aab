"""`campaign-export demo`: the main job against the simulator, with sample IDs. Needs no account."""

from __future__ import annotations

import socket
from pathlib import Path

from exporter.errors import InputError
from exporter.options import FetchOptions, SnapshotFormat, SnapshotOptions
from exporter.settings_reader import read_settings
from exporter.units import Limit
from jobs.support.command import is_typed, job, option
from jobs.support.copyable_commands import program_command
from jobs.support.event_console import Console
from jobs.support.exit_codes import MEANINGS
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import locations_of, snapshot_format_option
from jobs.support.param_types import FOLDER, whole_number
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.ids.ids_file import read_ids
    from exporter.pipeline.job_description import ExportJob
    from exporter.pipeline.publish import SnapshotResult
    from exporter.pipeline.take_snapshot import take_snapshot
    from exporter.report.page import render_report
    from exporter.simulator.server import serve
    from exporter.simulator.simulated_service import Behaviour
    from exporter.simulator.variables import account_variables
    from exporter.snapshot_store.local_folder import LocalDestination
    from exporter.snapshot_store.open_bucket import without_secrets
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.stop import Stop
    from jobs.support.demo_state import DemoFolder
    from jobs.support.summary import reading

LIMIT = Limit(60, 2.0)
"""The service's limit with its minute made short, so that the demo shows the pacing and ends soon."""


@job(
    "demo",
    example="campaign-export demo --out demo",
    codes={code: MEANINGS[code] for code in (0, 1, 2, 4, 5, 130, 143)},
)
@option("--out", "dest", default="campaign-export-demo", type=FOLDER, help="Folder to work in.")
@option("--campaigns", type=whole_number(1, 100_000), default=150, help="Number of campaigns.")
@snapshot_format_option(default="both")
def command(console: Console, dest: str, campaigns: int, format: SnapshotFormat) -> int:
    """Run a snapshot against a local simulator of the API; needs no account.

    It writes sample IDs, fetches them under a limit of 60 requests in 2 seconds, writes a report, and shows how to read
    the files. Run it again with the same folder for the next day of the same service: some campaigns have changed, one
    is gone and one is new.
    """
    destination = None if "://" in dest else open_destination(dest)
    if not isinstance(destination, LocalDestination):
        raise InputError(f"--out {without_secrets(dest)}: a demo works in a folder of this machine: name one.")
    folder = DemoFolder(destination.folder, campaigns=campaigns)
    if is_typed("campaigns") and campaigns != folder.state.campaigns:
        console.say(
            f"warning: --campaigns has no effect: {folder.folder} holds a demo that began with "
            f"{folder.state.campaigns:,}; name another folder with --out",
            event="warned",
        )
    today, changes = folder.next_day()
    service = Behaviour(today.values(), limit=LIMIT)
    options = SnapshotOptions(
        format=format,
        campaign_type="all",
        list_pass="always",  # noqa: S106 - no password
        incremental=changes is not None,
    )
    if changes is not None:
        console.say(
            f"the next day: {len(changes.changed)} campaigns have changed, {len(changes.gone)} is gone, "
            f"{len(changes.new)} is new"
        )
    result = _take_snapshot(console, dest, folder, service, options)
    console.summarize(result)
    page, _ = render_report(destination, result.manifest.snapshot_id, now=SystemClock().now())
    folder.write("report.html", page.encode())
    console.say(
        f"The service saw at most {service.most_in_a_window(LIMIT.seconds)} requests in any {LIMIT.seconds:g} s "
        f"and refused {service.refused()}."
    )
    _suggest(console, dest, folder, result)
    return 0 if result.complete else 1


def _take_snapshot(
    console: Console, dest: str, folder: DemoFolder, service: Behaviour, options: SnapshotOptions
) -> SnapshotResult:
    """Serve the day and take its snapshot. Raises `ExportError`."""
    ids = None if options.incremental else read_ids(str(_write_ids(folder, service)))
    fetch = FetchOptions(rates=(LIMIT,))

    async def main(stop: Stop) -> SnapshotResult:
        async with serve(service, port=_usable(folder.state.port), latency=(0.02, 0.08)) as url:
            folder.state.port = int(url.rpartition(":")[2])
            folder.save()
            console.say(f"a simulator of the API serves {len(service.campaigns)} campaigns at {url}, at most {LIMIT}")
            settings = read_settings(account_variables(url), {})
            job = ExportJob(ids, settings, locations_of(dest, None), fetch, options)
            return await take_snapshot(job, clock=SystemClock(), emit=console.emit, stop=stop)

    with console.tracking(fetch):
        result = run_until_stopped(main, resumes=True)
    folder.state.published += 1
    folder.save()
    return result


def _write_ids(folder: DemoFolder, service: Behaviour) -> Path:
    """The IDs file, with what real ones have: a campaign that was deleted, a repeat, one that fails for a moment."""
    ids = list(service.campaigns)
    service.faults[ids[0]] = ["503"]
    lines = ["campaign_id", *ids, "cd-deleted-long-ago", ids[-1]]
    return folder.write("ids.csv", ("\n".join(lines) + "\n").encode())


def _usable(port: int) -> int:
    """The port of the days before, so that the service is the same; 0 for any where it is taken."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except OSError:
        return 0


def _suggest(console: Console, dest: str, folder: DemoFolder, result: SnapshotResult) -> None:
    """Commands that work as printed, and the report."""
    commands: list[tuple[str, ...]] = [("snapshots", dest), ("verify", dest)]
    if folder.state.published > 1:
        commands += [("diff", dest), ("history", dest)]
    commands.append(("report", dest, "-o", str(folder.folder / "quiet-hours.html"), "--quiet-hours", "21:00-08:00"))
    # The summary has shown how to read it, but on a terminal only.
    lines = [] if console.is_terminal else ["", *reading(result)]
    lines += ["", "Other things to try:", *(f"  {program_command(*words)}" for words in commands)]
    lines += ["", "The next day of the same service:", f"  {program_command('demo', '--out', dest)}"]
    lines += ["", f"The report, to open in a browser: {(folder.folder / 'report.html').resolve()}"]
    console.block("\n".join(lines), event="suggested")
