"""`campaign-export simulate`: a local imitation of the API."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.errors import InputError
from exporter.units import parse_allowance
from jobs.support.command import job, option
from jobs.support.param_types import DURATION, RATE, Parsed

if TYPE_CHECKING:
    from exporter.stop import Stop
    from exporter.units import Limit
    from jobs.support.console import Console


def _fault(text: str) -> tuple[str, float]:
    name, equals, share = text.partition("=")
    allowance = parse_allowance(share) if equals else None
    if allowance is None or allowance.share is None:
        raise ValueError(f"{text!r}: write a fault and how often it happens, such as 503=5%")
    return name, allowance.share


@job(
    "simulate",
    example="campaign-export simulate --port 8080 --campaigns 500 --ids-file ids.csv --fault 503=5%",
    codes={0: "stopped by Ctrl-C or SIGTERM", 2: "wrong usage"},
)
@option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free one.")
@option("--campaigns", type=click.IntRange(0, 10**6), default=200, show_default=True, help="How many there are.")
@option("--voice", type=click.IntRange(0, 100), default=0, show_default=True, help="Percentage of voice campaigns.")
@option("--rate", "limit", type=RATE, default="60/1m", show_default=True, help="The limit it enforces; or off.")
@option(
    "--window", type=click.Choice(["sliding", "fixed"]), default="sliding", show_default=True, help="Kind of limit."
)
@option("--retry-after", is_flag=True, help="Send Retry-After with a 429.")
@option("--latency", type=DURATION, default="50ms", show_default=True, help="Of each answer, give or take half.")
@option(
    "--fault",
    "faults",
    type=Parsed("FAULT=N%", _fault),
    multiple=True,
    help="Fail so often: 500, 503, reset, truncated, html, 429 … Repeatable.",
)
@option("--ids-file", metavar="FILE", help="Write the campaigns' IDs there, as CSV.")
@option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same campaigns.")
def command(console: Console, **options: Any) -> int:
    """Serve a local imitation of the API, for trying things out and for tests.

    What to set to use it goes to standard output, as shell commands.
    """
    from exporter.simulator.behaviour import Behaviour
    from exporter.simulator.faults import FAULTS
    from exporter.simulator.samples import sample_campaigns
    from exporter.simulator.server import serve
    from jobs.support.signals import run_until_stopped

    faults = dict(options["faults"])
    unknown = sorted(set(faults) - set(FAULTS))
    if unknown:
        raise InputError(f"--fault: there is no {', '.join(unknown)}; there are: {', '.join(FAULTS)}.")
    campaigns = sample_campaigns(options["campaigns"], seed=options["seed"], voice_share=options["voice"] / 100)
    limit: Limit | None = options["limit"]
    behaviour = Behaviour(campaigns, limit=limit, window=options["window"], retry_after=options["retry_after"])
    behaviour.chances.update(faults)
    if options["ids_file"]:
        write_ids(Path(options["ids_file"]), list(behaviour.campaigns))
    latency = options["latency"]

    async def main(stop: Stop) -> int:
        async with serve(behaviour, port=options["port"], latency=(latency / 2, latency * 1.5)) as url:
            click.echo(exports(url))
            console.say(
                f"{len(campaigns):,} campaigns at {url}, limit {limit or 'off'}; Ctrl-C ends it",
                event="serving",
                url=url,
            )
            await asyncio.wait([asyncio.ensure_future(stop.wait())])
        console.say(
            f"{len(behaviour.arrivals):,} requests came, {behaviour.refused():,} were refused for the limit",
            event="served",
            requests=len(behaviour.arrivals),
            refused=behaviour.refused(),
        )
        return 0

    try:
        return run_until_stopped(main)
    except OSError as error:
        raise InputError(f"--port {options['port']} cannot be used: {error.strerror}.") from None


def exports(url: str) -> str:
    """The variables of an account at the imitation, as shell commands."""
    from exporter.simulator.behaviour import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID

    values = {
        "KORE_HOST": url,
        "KORE_STREAM_ID": STREAM_ID,
        "KORE_ACCOUNT_ID": ACCOUNT_ID,
        "KORE_CLIENT_ID": CLIENT_ID,
        "KORE_CLIENT_SECRET": CLIENT_SECRET,
    }
    return "\n".join(f"export {name}={value}" for name, value in values.items())


def write_ids(path: Path, ids: list[str]) -> None:
    """A CSV of campaign IDs. Raises `InputError`."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["campaign_id"])
            writer.writerows([one] for one in ids)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
