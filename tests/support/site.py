"""A service, a destination, and snapshots between them, in the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exporter.clock import Clock, SystemClock
from exporter.events import Event
from exporter.ids.ids_file import CampaignIds, ids_of
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.pipeline.job_description import ExportJob
from exporter.pipeline.plan import Plan, make_plan
from exporter.pipeline.publish import SnapshotResult
from exporter.pipeline.take_snapshot import take_snapshot
from exporter.settings import Settings
from exporter.settings_reader import read_settings
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from exporter.stop import Stop
from tests.support.running import snapshot_folders
from tests.support.serving import environment


class Site:
    """Snapshots of one service into one destination."""

    def __init__(self, folder: Path, service: Behaviour, settings: Settings) -> None:
        self.folder = folder
        self.out = folder / "exports"
        self.service = service
        self.settings = settings
        self.clock: Clock = SystemClock()
        self.events: list[Event] = []
        self.locations = Locations(str(self.out), str(folder / "state"))
        self.fetch = FetchOptions(rates=(), workers=4)

    @property
    def ids(self) -> CampaignIds:
        return ids_of(self.service.campaigns, source="test")

    async def snapshot(
        self,
        ids: CampaignIds | None = None,
        *,
        listener: Callable[[Event], object] | None = None,
        stop: Stop | None = None,
        fetch: FetchOptions | None = None,
        **options: Any,
    ) -> SnapshotResult:
        """Take one; without IDs from the list, unless `list_pass` forbids it."""
        del self.service.arrivals[:]
        return await take_snapshot(
            self.job(ids, fetch=fetch, **options),
            clock=self.clock,
            emit=listener or self.events.append,
            stop=stop or Stop(),
        )

    def plan(self, ids: CampaignIds | None = None, **options: Any) -> Plan:
        """What it would cost."""
        return make_plan(self.job(ids, **options), now=self.clock.now(), emit=self.events.append)

    def job(self, ids: CampaignIds | None = None, *, fetch: FetchOptions | None = None, **options: Any) -> ExportJob:
        """What is exported."""
        wanted = SnapshotOptions(**{"campaign_type": "all", **options})
        return ExportJob(ids, self.settings, self.locations, fetch or self.fetch, wanted)

    def gets(self) -> list[str]:
        """The campaigns that the last snapshot asked for."""
        return sorted(arrival.campaign_id for arrival in self.service.arrivals if arrival.campaign_id)

    def names(self) -> list[str]:
        """The snapshots that readers see."""
        return [folder.name.removeprefix("snapshot=") for folder in snapshot_folders(self.out)]

    @property
    def journal_path(self) -> Path:
        (path,) = self.out.glob(".work/journal-*.sqlite")
        return path


@asynccontextmanager
async def open_site(folder: Path, number: int = 12, **habits: Any) -> AsyncIterator[Site]:
    """A service of so many campaigns, and its site."""
    service = Behaviour(sample_campaigns(number, voice_share=0.3), **habits)
    async with serve(service) as url:
        yield Site(folder, service, read_settings(environment(url, folder)))
