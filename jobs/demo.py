"""`campaign-export demo`: the main job against the imitation, with sample IDs. Needs no account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.options import OUTPUT_FORMATS
from exporter.settings import Settings, read_settings
from jobs.support.command import job, option
from jobs.support.options import state_dir

if TYPE_CHECKING:
    from exporter.pipeline.publish import SnapshotResult
    from exporter.stop import Stop
    from jobs.support.console import Console

RATE = "60/2s"
"""The service's limit with its minute made short, so that the demo shows the pacing and ends soon."""


@job("demo", example="campaign-export demo --out demo", codes=(0, 1, 2, 4, 5, 130, 143))
@option("--out", "dest", default="campaign-export-demo", show_default=True, metavar="DIR", help="Where it works.")
@option("--campaigns", type=click.IntRange(1, 100_000), default=150, show_default=True, help="How many to fetch.")
@option(
    "--format", "form", type=click.Choice(OUTPUT_FORMATS), default="both", show_default=True,
    help="Files of the tables.",
)  # fmt: skip
def command(console: Console, dest: str, campaigns: int, form: str) -> int:
    """Run a snapshot against a local imitation of the API; needs no account.

    It starts the imitation, writes sample IDs, fetches them under a limit of 60 requests in 2 seconds, and shows
    where the files are and how to read them.
    """
    from exporter.clock import SystemClock
    from exporter.errors import DestinationError
    from exporter.ids.campaign_ids import read_ids
    from exporter.options import FetchOptions, Locations, SnapshotOptions
    from exporter.pipeline.snapshot import take_snapshot
    from exporter.simulator.behaviour import Behaviour
    from exporter.simulator.samples import sample_campaigns
    from exporter.simulator.server import serve
    from exporter.snapshot_store.open_destination import open_destination
    from exporter.snapshot_store.reader import read_failures
    from exporter.units import parse_rate
    from jobs.simulate import write_ids
    from jobs.support.signals import run_until_stopped
    from jobs.support.summary import summary_of

    limit = parse_rate(RATE)
    behaviour = Behaviour(sample_campaigns(campaigns, voice_share=0.25), limit=limit)
    ids = list(behaviour.campaigns)
    # What real lists have: a campaign that was deleted, a repeat, one that fails for a moment.
    behaviour.faults[ids[0]] = ["503"]
    folder = Path(dest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DestinationError(f"--out {dest} cannot be written: {error.strerror}.") from None
    ids_file = folder / "ids.csv"
    write_ids(ids_file, [*ids, "cd-deleted-long-ago", ids[-1]])

    async def main(stop: Stop) -> SnapshotResult:
        async with serve(behaviour, latency=(0.02, 0.08)) as url:
            console.say(f"an imitation of the API serves {campaigns} campaigns at {url}, at most {RATE}")
            console.say(f"campaign-export snapshot {ids_file} --out {dest} --rate {RATE} --format {form}")
            return await take_snapshot(
                read_ids(str(ids_file)),
                settings=_settings(url),
                locations=Locations(dest, state_dir()),
                fetch=FetchOptions(rates=(limit,)),
                options=SnapshotOptions(format=form, fresh=True),  # type: ignore[arg-type]
                clock=SystemClock(),
                emit=console.emit,
                stop=stop,
            )

    console.track([limit])
    try:
        result = run_until_stopped(main)
    finally:
        console.close()
    failures = read_failures(open_destination(dest), result.manifest.snapshot_id)
    console.summarize(summary_of(result, failures), result)
    console.say(
        f"The service saw at most {behaviour.most_in_a_window(limit.seconds)} requests in any {limit.seconds:g} s "
        f"and refused {behaviour.refused()}."
    )
    console.say(
        f"Other things to try:\n  campaign-export snapshots {dest}\n  campaign-export report {dest} -o report.html"
    )
    return 0


def _settings(url: str) -> Settings:
    from exporter.simulator.behaviour import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID

    return read_settings(
        {"KORE_CLIENT_SECRET": CLIENT_SECRET},
        {"host": url, "stream_id": STREAM_ID, "account_id": ACCOUNT_ID, "client_id": CLIENT_ID},
    )
