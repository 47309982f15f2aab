"""`jobs.running`: a job in its loop."""

from __future__ import annotations

import gc

from exporter.pipeline.stop import Stop
from jobs.running import COLLECT_AFTER, run_until_stopped


def test_garbage_is_looked_for_seldom_in_a_run_and_as_before_after_it() -> None:
    before = gc.get_threshold()

    async def job(stop: Stop) -> int:
        return gc.get_threshold()[0]

    assert run_until_stopped(job) == COLLECT_AFTER
    assert gc.get_threshold() == before
