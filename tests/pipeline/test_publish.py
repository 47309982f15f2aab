"""`exporter.pipeline.publish`: what the manifest tells of a run."""

from __future__ import annotations

import threading
from pathlib import Path

from exporter.clock import SystemClock
from exporter.ids.ids_file import ids_of
from exporter.options import FetchOptions, Locations
from exporter.pipeline.job_description import ExportJob
from exporter.pipeline.take_snapshot import take_snapshot
from exporter.settings_reader import read_settings
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from exporter.stop import Stop
from tests.support.serving import environment


class SlowDisk(SystemClock):
    """A clock that goes 1,000 s ahead whenever a thread other than the requests' reads it."""

    ahead = 0.0

    def monotonic(self) -> float:
        if threading.current_thread() is not threading.main_thread():
            self.ahead += 1000
        return super().monotonic() + self.ahead


async def test_the_total_of_seconds_holds_the_time_of_writing(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(3))
    async with serve(service) as url:
        job = ExportJob(
            ids_of(service.campaigns, source="test"),
            read_settings(environment(url, tmp_path)),
            Locations(str(tmp_path / "exports"), str(tmp_path / "state")),
            FetchOptions(rates=()),
        )
        result = await take_snapshot(job, clock=SlowDisk(), emit=lambda _: None, stop=Stop())
    assert result.manifest.seconds.total >= 1000
