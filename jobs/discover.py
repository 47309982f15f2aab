"""`campaign-export discover`: the list call into an IDs CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporter.json_text import loads
from exporter.model import ListedCampaign
from exporter.options import WantedType, types_of
from exporter.units import counted
from jobs.support.command import job, option, read_all, take_settings
from jobs.support.event_console import Console
from jobs.support.exit_codes import ASKING
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import EXCEL_SAFE, TYPE, check_output, fetch_options, take_fetch_options
from jobs.support.output_formats import write_rows
from jobs.support.param_types import OUTPUT_FILE
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    import pyarrow as pa

    from exporter.clock import SystemClock
    from exporter.fetch.list_pass import ListPass
    from exporter.fetch.open_engine import open_engine
    from exporter.stop import Stop

COLUMNS = ("campaign_id", "campaign_type", "name", "status", "updated_at")


@job(
    "discover",
    example="campaign-export discover --type all -o ids.csv",
    codes={**ASKING, 0: "listed"},
)
@option("-o", "--output", type=OUTPUT_FILE, help="Write the CSV to FILE, atomically.  [default: standard output]")
@TYPE
@option(
    "--status", "statuses", multiple=True, metavar="STATUS", help="List only campaigns with this status. Repeatable."
)
@EXCEL_SAFE
@fetch_options
def command(
    console: Console,
    output: str | None,
    campaign_type: WantedType,
    statuses: tuple[str, ...],
    excel_safe: bool,
    **options: Any,
) -> int:
    """List the app's campaigns through the list call, and write an IDs CSV.

    Its columns are campaign_id, campaign_type, name, status and updated_at. `snapshot` and `pull` can read it.
    """
    settings, _ = read_all(lambda: take_settings(options), lambda: check_output(output, "csv"))
    fetch = take_fetch_options(options, settings)

    async def main(stop: Stop) -> list[ListedCampaign]:
        with stop.after(fetch.max_duration):
            async with open_engine(settings, fetch, clock=SystemClock(), emit=console.emit) as engine:
                return await stop.interrupting(ListPass(engine, stop).wanted(types_of(campaign_type)))

    with console.tracking(fetch):
        campaigns = run_until_stopped(main, resumes=False)
    rows = rows_of(campaigns, statuses)
    write_rows(rows, "csv", output, excel_safe=excel_safe)
    console.say(
        counted(rows.num_rows, "campaign") + (f" in {output}" if output else ""), event="discovered", rows=rows.num_rows
    )
    return 0


def rows_of(campaigns: Sequence[ListedCampaign], statuses: Sequence[str]) -> pa.Table:
    """The campaigns as rows; only those of `statuses`, in any letter case, if there are any."""
    wanted = {status.lower() for status in statuses}
    rows = []
    for campaign in campaigns:
        item = loads(campaign.item)
        texts = [value if isinstance(value := item.get(key), str) else None for key in ("name", "status", "updatedAt")]
        if not wanted or (texts[1] or "").lower() in wanted:
            rows.append(dict(zip(COLUMNS, (campaign.campaign_id, campaign.list_type, *texts), strict=True)))
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in COLUMNS]))
