"""`jobs.support.summary`: what a run says at its end."""

from __future__ import annotations

from pathlib import Path

from exporter.model import Requests, Usage
from exporter.options import FetchOptions
from exporter.pipeline.publish import SnapshotResult
from exporter.units import Allowance, Limit
from jobs.support.summary import summary_of
from tests.support.site import open_site


def text_of(result: SnapshotResult) -> str:
    return "\n".join(summary_of(result))


async def test_an_incremental_run_says_what_it_saved(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        site.fetch = FetchOptions(rates=(Limit(500, 60.0),))
        assert "saved" not in text_of(await site.snapshot(incremental=True))
        text = text_of(await site.snapshot(incremental=True))
        assert "12 requests and " in text
        assert "saved against a full run" in text


async def test_failed_campaigns_are_named_and_a_retry_that_brings_nothing_says_so(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        bad = list(site.service.campaigns)[3]
        site.service.faults[bad] = ["400"] * 2
        text = text_of(await site.snapshot(max_failures=Allowance(1, None)))
        assert f"1 invalid (HTTP 400: Invalid StreamId): {bad}" in text
        assert "is published" in text
        assert "Run the same command again" in text
        result = await site.snapshot(max_failures=Allowance(1, None))
        again = text_of(result)
        assert "stays as it was" in again
        assert "11 campaigns, 11 answers from an earlier attempt" in again
        spent = "\n".join(summary_of(result, Usage(Requests(total=1))))
        assert "this attempt: 1 request" in spent
        assert "all attempts" not in spent, "the manifest knows nothing of this attempt"
        assert bad in again
        assert "Run the same command again" not in again
