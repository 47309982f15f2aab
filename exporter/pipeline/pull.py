"""The ad hoc fetch: some campaigns, kept in memory, in the order they were asked for."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from exporter.clock import Clock
from exporter.events import Emit, Settled
from exporter.fetch.engine import open_engine
from exporter.ids.campaign_ids import CampaignIds
from exporter.model import CampaignResponse, Failure
from exporter.options import FetchOptions
from exporter.settings import Settings
from exporter.stop import Stop
from exporter.tables.arrow import schema_of
from exporter.tables.columns import TableName
from exporter.tables.flatten import flatten


class Pulled(msgspec.Struct, frozen=True):
    """What came: answers and failures, both in the order of the IDs."""

    responses: tuple[CampaignResponse, ...]
    failures: tuple[Failure, ...]

    def table(self, name: TableName = "campaigns") -> pa.Table:
        """The rows of `campaigns` or `calling_windows`."""
        flat = flatten(self.responses)
        return pa.Table.from_batches([flat.campaigns if name == "campaigns" else flat.calling_windows], schema_of(name))


async def pull_campaigns(
    ids: CampaignIds, *, settings: Settings, fetch: FetchOptions, clock: Clock, emit: Emit, stop: Stop
) -> Pulled:
    """Fetch `ids` within the limit; nothing is written anywhere.

    Raises `CredentialsRefused` or a `StoppedEarly`.
    """
    outcomes: dict[str, CampaignResponse | Failure] = {}

    async def sink(outcome: CampaignResponse | Failure, attempts: int) -> None:
        outcomes[outcome.campaign_id] = outcome
        if isinstance(outcome, Failure):
            emit(Settled(outcome.campaign_id, outcome.outcome, attempts, outcome.error))
        else:
            emit(Settled(outcome.campaign_id, "ok", attempts))

    wanted: list[str] = ids.ids.to_pylist()
    async with open_engine(settings, fetch, clock=clock, emit=emit) as engine:
        await engine.pool().run(iter(wanted), sink, stop)
    found = [outcomes[one] for one in wanted]
    return Pulled(
        tuple(one for one in found if isinstance(one, CampaignResponse)),
        tuple(one for one in found if isinstance(one, Failure)),
    )
