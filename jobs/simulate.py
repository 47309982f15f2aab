"""`campaign-export simulate`: a local simulator of the API."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from exporter.errors import InputError
from exporter.simulator.faults import FAULTS
from exporter.simulator.list_call import HABITS
from exporter.simulator.variables import ACCOUNT_ID, account_variables, variables_text
from exporter.units import counted, parse_allowance
from jobs.support.command import job, option
from jobs.support.event_console import Console
from jobs.support.lazy_imports import lazy_imports
from jobs.support.param_types import DURATION, FILE, RATE, Parsed, whole_number
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    import asyncio

    from exporter.simulator.change_simulator import change_running
    from exporter.simulator.changes import SimulatedChanges
    from exporter.simulator.samples import sample_campaigns
    from exporter.simulator.server import serve
    from exporter.simulator.simulated_service import Behaviour
    from exporter.stop import Stop


def _fault(text: str) -> tuple[str, float]:
    name, equals, share = text.partition("=")
    allowance = parse_allowance(share if equals else "100%")
    if allowance.share is None:
        raise ValueError(f"{text!r}: write a fault and how often it happens, such as 503=5%")
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are: {', '.join(FAULTS)}")
    return name, allowance.share


@job(
    "simulate",
    example="campaign-export simulate --port 8080 --campaigns 500 --ids-file ids.csv --fault 503=5%",
    codes={0: "stopped by Ctrl-C or SIGTERM", 2: "wrong usage", 4: "the output cannot be written"},
)
@option("--port", type=whole_number(0, 65535), default=8080, help="Port on this machine; 0 for any free one.")
@option("--campaigns", type=whole_number(0, 10**6), default=200, help="Number of campaigns.")
@option("--voice", type=whole_number(0, 100), default=0, help="Voice campaigns, in percent.")
@option("--account-id", metavar="ID", default=ACCOUNT_ID, help="Account to serve.")
@option("--rate", "limit", type=RATE, default="60/1m", help="Rate limit to enforce; off for none.")
@option("--window", type=click.Choice(["sliding", "fixed"]), default="sliding", help="Window of the rate limit.")
@option("--retry-after", is_flag=True, help="Send Retry-After with a 429.")
@option("--latency", type=DURATION, default="50ms", help="Latency of each response, plus or minus half of it.")
@option(
    "--fault",
    "faults",
    type=Parsed("FAULT=N%", _fault),
    multiple=True,
    help=f"Share of the requests that fail, by kind. Repeatable. Kinds: {', '.join(FAULTS)}.",
)
@option(
    "--list-habit",
    "habits",
    type=click.Choice(list(HABITS)),
    metavar="HABIT",
    multiple=True,
    help=f"What the list call may do and the vendor's page does not show. Repeatable. Habits: {', '.join(HABITS)}.",
)
@option("--clock-ahead", type=DURATION, default="0s", help="How far its clock is ahead of this machine's.")
@option("--change", type=whole_number(0), help="Change N campaigns of the simulator that runs at --port.")
@option("--ids-file", type=FILE, help="Write the campaign IDs to FILE, as CSV.")
@option(
    "--format", "variable_format", type=click.Choice(["shell", "env"]), default="shell",
    help="Settings as shell commands, or as lines for cron, systemd and Docker.",
)  # fmt: skip
@option("--seed", type=whole_number(0), default=1, help="The same seed gives the same campaigns.")
def command(console: Console, **options: Any) -> int:
    """Serve a local simulator of the API, for trying things out and for tests.

    Prints the settings that reach it. With --change it asks the simulator that runs at --port for the changes of a day:
    N campaigns change, one is removed, one is added. Where none runs, it serves the campaigns of the next day.
    """
    number = options["change"]
    changes = change_running(options["port"], number) if number is not None and options["port"] else None
    if changes is not None:
        return _show_changes(console, changes, options["ids_file"])
    behaviour = _behaviour(options)
    if number is not None:
        _show_changes(console, behaviour.change(number), None)
    if options["ids_file"]:
        write_ids(Path(options["ids_file"]), behaviour.campaigns)
    latency = options["latency"]

    async def main(stop: Stop) -> int:
        async with serve(behaviour, port=options["port"], latency=(latency / 2, latency * 1.5)) as url:
            variables = account_variables(url, account_id=options["account_id"])
            try:
                click.echo(variables_text(variables, options["variable_format"]))
            except ValueError as error:
                raise InputError(f"--account-id: {error}.") from None
            console.say(
                f"{counted(len(behaviour.campaigns), 'campaign')} at {url}, limit {options['limit'] or 'off'}; "
                "Ctrl-C ends it",
                event="serving",
                url=url,
            )
            await asyncio.wait([asyncio.ensure_future(stop.wait())])
        console.say(
            f"{counted(len(behaviour.arrivals), 'request')} came, {behaviour.refused():,} refused for the limit",
            event="served",
            requests=len(behaviour.arrivals),
            refused=behaviour.refused(),
        )
        return 0

    try:
        return run_until_stopped(main, resumes=False)
    except OSError as error:
        raise InputError(f"--port {options['port']} cannot be used: {error.strerror}.") from None


def _behaviour(options: dict[str, Any]) -> Behaviour:
    behaviour = Behaviour(
        sample_campaigns(options["campaigns"], seed=options["seed"], voice_share=options["voice"] / 100),
        limit=options["limit"],
        window=options["window"],
        retry_after=options["retry_after"],
        account_id=options["account_id"],
        clock_ahead=options["clock_ahead"],
    )
    behaviour.chances.update(dict(options["faults"]))
    if round(sum(behaviour.chances.values()), 9) > 1:
        raise InputError("--fault: the shares of all kinds are more than 100% together.")
    for habit in options["habits"]:
        behaviour.take_habit(habit)
    return behaviour


def _show_changes(console: Console, changes: SimulatedChanges, ids_file: str | None) -> int:
    console.say(
        f"{counted(len(changes.changed), 'campaign')} changed, "
        f"{len(changes.gone)} gone ({', '.join(changes.gone) or 'none'}), "
        f"{len(changes.new)} new ({', '.join(changes.new)})",
        event="changed",
        **msgspec.structs.asdict(changes),
    )
    if ids_file:
        write_ids(Path(ids_file), changes.campaigns)
    return 0


def write_ids(path: Path, ids: Iterable[str]) -> None:
    """A CSV of campaign IDs. Raises `InputError`."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["campaign_id"])
            writer.writerows([campaign_id] for campaign_id in ids)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
