"""`exporter.pipeline.publish`: what the manifest tells of a run."""

from __future__ import annotations

import threading
from pathlib import Path

from exporter.clock import SystemClock
from tests.support.site import open_site


class SlowDisk(SystemClock):
    """A clock that goes 1,000 s ahead whenever a thread other than the requests' reads it."""

    ahead = 0.0

    def monotonic(self) -> float:
        if threading.current_thread() is not threading.main_thread():
            self.ahead += 1000
        return super().monotonic() + self.ahead


async def test_the_total_of_seconds_holds_the_time_of_writing(tmp_path: Path) -> None:
    async with open_site(tmp_path, 3) as site:
        site.clock = SlowDisk()
        result = await site.snapshot(site.ids)
    assert result.manifest.seconds.total >= 1000
