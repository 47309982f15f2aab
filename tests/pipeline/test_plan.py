"""`exporter.pipeline.plan`: what it says is what the run then does."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from exporter.events import Warned
from exporter.options import FetchOptions
from exporter.pipeline.plan import savings
from exporter.units import Limit
from tests.support.site import open_site


async def test_before_the_first_run_nobody_knows_how_many_there_are(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        plan = site.plan()
        assert (plan.wanted, plan.already_fetched, plan.list_requests) == (None, 0, 2)
        assert site.plan(site.ids).requests == 12
        assert not site.out.exists(), "plan wrote something"


async def test_an_incremental_plan_says_what_it_saves_and_the_run_saves_it(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        site.fetch = FetchOptions(rates=(Limit(500, 60.0),))
        await site.snapshot(incremental=True)
        first = site.plan(incremental=True)
        assert (first.base, first.changes) == (site.names()[0], None)
        for _ in range(2):
            result = await site.snapshot(incremental=True)
            requests, _ = savings(result.manifest)
            assert requests == 12
            plan = site.plan(incremental=True)
            assert (plan.changes, plan.requests) == (0, result.manifest.requests.total)
            assert plan.full_requests - plan.requests == 12


async def test_savings_are_those_against_a_full_run_of_the_same_ids(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        site.fetch = FetchOptions(rates=(Limit(500, 60.0),))
        await site.snapshot(site.ids, incremental=True)
        manifest = (await site.snapshot(site.ids, incremental=True)).manifest
        assert savings(manifest)[0] == 12 - manifest.requests.list
        slow = msgspec.structs.replace(manifest.pacing, limits=["2/1m"])  # type: ignore[type-var]
        assert savings(msgspec.structs.replace(manifest, pacing=slow))[1] >= 240


async def test_a_rotten_journal_is_a_warning_for_plan_and_counts_as_nothing_fetched(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        site.service.faults[list(site.service.campaigns)[3]] = ["400"]
        await site.snapshot(site.ids, list_pass="never")
        assert site.plan(site.ids).already_fetched == 29
        with sqlite3.connect(site.journal_path) as db:
            db.execute("UPDATE answers SET campaign_id = CAST(x'ff41' AS TEXT) WHERE rowid = 2")
        db.close()
        site.events.clear()
        assert site.plan(site.ids).already_fetched == 0
        assert [type(event) for event in site.events] == [Warned]
