"""The ad hoc fetch: some campaigns, kept in memory, in the order they were asked for."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from exporter.clock import Clock
from exporter.errors import CredentialsRefused, ExportError, StoppedEarly
from exporter.events import Emit, Settled
from exporter.fetch.open_engine import open_engine
from exporter.fetch.worker_pool import WorkerPool
from exporter.ids.ids_file import CampaignIds
from exporter.model import CampaignResponse, Failure, RowTable
from exporter.options import FetchOptions
from exporter.pipeline.event_relay import guarded
from exporter.settings import Settings
from exporter.stop import Stop
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.flatten import flatten


class Pulled(msgspec.Struct, frozen=True):
    """What came: answers and failures, both in the order of the IDs.

    `missing`: the IDs that were not asked for, or not answered, when `error` ended the fetch.
    """

    responses: tuple[CampaignResponse, ...]
    failures: tuple[Failure, ...]
    missing: tuple[str, ...] = ()
    error: ExportError | None = None

    def table(self, name: RowTable = "campaigns") -> pa.Table:
        """The rows of `campaigns` or `calling_windows`."""
        flat = flatten(self.responses)
        return pa.Table.from_batches([flat.campaigns if name == "campaigns" else flat.calling_windows], schema_of(name))


async def pull_campaigns(
    ids: CampaignIds, *, settings: Settings, fetch: FetchOptions, clock: Clock, emit: Emit, stop: Stop
) -> Pulled:
    """Fetch `ids` within the limit; nothing is written anywhere.

    What ends the fetch early (a stop, an outage, refused credentials) is in the result, beside what had come. Raises
    an `ExportError` only before the first request.
    """
    outcomes: dict[str, CampaignResponse | Failure] = {}
    emit = guarded(emit)

    async def sink(outcome: CampaignResponse | Failure, attempts: int) -> None:
        outcomes[outcome.campaign_id] = outcome
        emit(Settled.of(outcome, attempts))

    error: ExportError | None = None
    async with open_engine(settings, fetch, clock=clock, emit=emit) as engine:
        try:
            with stop.child() as own_stop, own_stop.after(fetch.max_duration):
                await WorkerPool(engine, len(ids.ids)).run(ids.each(), sink, own_stop)
        except (StoppedEarly, CredentialsRefused) as ended:
            error = ended
    wanted: list[str] = ids.ids.to_pylist()
    in_order = [outcomes[campaign_id] for campaign_id in wanted if campaign_id in outcomes]
    return Pulled(
        tuple(outcome for outcome in in_order if isinstance(outcome, CampaignResponse)),
        tuple(outcome for outcome in in_order if isinstance(outcome, Failure)),
        tuple(campaign_id for campaign_id in wanted if campaign_id not in outcomes),
        error,
    )
