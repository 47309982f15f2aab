"""`exporter.fetch.list_pass`: a list that moves while it is read, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.errors import ListFailed
from exporter.events import Event, ListPageRead, RetryPlanned, Warned
from exporter.fetch.list_pass import ListPass
from exporter.fetch.open_engine import open_engine
from exporter.model import CampaignType
from exporter.options import FetchOptions
from exporter.settings_reader import read_settings
from exporter.simulator.samples import SampleCampaign, sample_campaigns, stamp
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from exporter.stop import Stop
from tests.support.forked_program import run
from tests.support.hostile import Asked, hostile, http
from tests.support.serving import environment


class Reading:
    """One list pass against a service of so many campaigns."""

    def __init__(self, number: int = 95, page_size: int | None = 10, voice_share: float = 0.0) -> None:
        self.service = Behaviour(sample_campaigns(number, voice_share=voice_share))
        self.page_size = page_size
        self.events: list[Event] = []

    async def read(self, *types: CampaignType) -> list[str]:
        async with serve(self.service) as url:
            settings = read_settings(environment(url, "/nowhere"))
            options = FetchOptions(rates=(), page_size=self.page_size)
            async with open_engine(settings, options, clock=SystemClock(), emit=self.events.append) as engine:
                found = await ListPass(engine, Stop()).read(types or ("sms",))
        return [campaign.campaign_id for campaign in found]

    @property
    def requests(self) -> int:
        return len(self.service.arrivals)

    def warned(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


async def test_a_quiet_list_costs_no_request_too_many() -> None:
    reading = Reading(95, 10)
    assert await reading.read() == list(reading.service.campaigns)
    assert reading.requests == 11, "each page begins at the last row of the one before"
    assert reading.warned() == []
    assert sum(event.new for event in reading.events if isinstance(event, ListPageRead)) == 95


async def test_an_empty_list_costs_one_request() -> None:
    reading = Reading(0)
    assert await reading.read() == []
    assert reading.requests == 1


async def test_both_types_are_asked_for_one_after_the_other() -> None:
    reading = Reading(60, 10, voice_share=0.5)
    found = await reading.read("sms", "voice")
    assert sorted(found) == sorted(reading.service.campaigns)
    assert {arrival.body["type"] for arrival in reading.service.arrivals if arrival.body} == {"sms", "voice"}


@pytest.mark.parametrize(
    "habits",
    [
        {"uses": "page"},
        {"uses": "both"},
        {"uses": "sum"},
        {"uses": "neither"},
        {"most": 7},
        {"most": 7, "uses": "page"},
        {"has_more": True},
        {"has_more": False},
        {"empty_pages": frozenset({3})},
        {"empty_pages": frozenset({1})},
        {"total": 120},
        {"total": 120, "has_more": False},
        {"total": 80, "has_more": None},
        {"sorts": False},
        {"totals": "text", "most": 7},
        {"totals": "pages", "most": 7},
        {"totals": "none", "most": 7},
        {"totals": "none", "uses": "page"},
        {"totals": "none", "end": "missing"},
        {"totals": "none", "end": "null", "most": 7},
        {"end": "null"},
    ],
    ids=str,
)
async def test_whatever_the_service_makes_of_paging_every_campaign_is_found_once(habits: dict[str, Any]) -> None:
    reading = Reading(95, 10)
    for name, value in habits.items():
        setattr(reading.service.listing, name, value)
    found = await reading.read()
    assert sorted(found) == sorted(reading.service.campaigns)
    assert len(found) == len(set(found))
    assert reading.requests <= 45


async def test_campaigns_come_oldest_first_whatever_the_service_sorts_by_and_those_of_unknown_age_last() -> None:
    reading = Reading(30, 10)
    oldest_first = list(reading.service.campaigns)
    reading.service.listing.sorts = False
    assert await reading.read() == oldest_first
    undated = oldest_first[4:6]
    for campaign_id in undated:
        reading.service.campaigns[campaign_id].listed |= {"createdAt": "long ago"}
    found = await reading.read()
    assert found[:-2] == [campaign_id for campaign_id in oldest_first if campaign_id not in undated]
    assert sorted(found[-2:]) == sorted(undated)


async def test_totals_that_lie_are_reported() -> None:
    reading = Reading(95, 10)
    reading.service.listing.total = 120
    await reading.read()
    assert "totalResults said 120" in reading.warned()[0]


async def test_more_that_is_said_to_follow_and_does_not_come_is_reported() -> None:
    reading = Reading(95, 10)
    reading.service.listing.has_more, reading.service.listing.total = True, 80
    assert len(await reading.read()) == 95
    (warning,) = reading.warned()
    assert "not known to be whole: hasMore says that more follow the last page, and nothing came" in warning


Change = Callable[[Behaviour, Random], None]


def create(service: Behaviour, random: Random) -> None:
    (new,) = sample_campaigns(1, seed=random.randrange(10**9))
    new.data["createdAt"] = new.data["updatedAt"] = stamp(datetime.now(UTC))
    service.campaigns[new.campaign_id] = new


def edit(service: Behaviour, random: Random) -> None:
    service.campaigns[random.choice(list(service.campaigns))].touch(datetime.now(UTC) + timedelta(seconds=1))


def delete(service: Behaviour, random: Random) -> None:
    del service.campaigns[random.choice(list(service.campaigns))]


@pytest.mark.parametrize("seed", range(8))
async def test_a_list_that_moves_is_read_without_missing_or_doubling_any(seed: int) -> None:
    """Campaigns that were there all the time are found; none is found twice."""
    random = Random(seed)
    reading = Reading(random.randint(30, 90), random.choice((5, 10, 20)))
    there_all_the_time = set(reading.service.campaigns)
    everything = set(there_all_the_time)
    chance = random.choice((0.1, 0.3, 0.6))

    def churn(_: int) -> None:
        for change in (create, edit, delete):
            if random.random() < chance and len(reading.service.arrivals) < 12:
                change(reading.service, random)
        there_all_the_time.intersection_update(reading.service.campaigns)
        everything.update(reading.service.campaigns)

    reading.service.listing.between_pages = churn
    found = await reading.read()
    assert len(found) == len(set(found))
    assert there_all_the_time <= set(found) <= everything


async def test_one_made_and_one_deleted_between_two_pages_cost_no_campaign_though_the_total_stays() -> None:
    reading = Reading(100, 50)
    first = next(iter(reading.service.campaigns))

    def swap(call: int) -> None:
        if call == 2:
            del reading.service.campaigns[first]
            create(reading.service, Random(1))

    reading.service.listing.between_pages = swap
    found = await reading.read()
    assert set(found) - {first} == set(reading.service.campaigns)
    assert reading.warned() == []


async def test_a_page_that_fails_for_a_moment_is_asked_for_again() -> None:
    reading = Reading(30, 10)
    reading.service.faults["list"] = ["503", "429"]
    assert len(await reading.read()) == 30


async def test_a_failure_after_a_refusal_that_is_no_proof_is_waited_for_as_others_are() -> None:
    reading = Reading(30, 10)
    reading.service.faults["list"] = ["close-after", "401", "503"]  # the first is a good answer
    assert len(await reading.read()) == 30
    assert [event.error[:8] for event in reading.events if isinstance(event, RetryPlanned)] == ["HTTP 503"]


async def test_an_answer_that_is_no_list_ends_the_run_and_says_so() -> None:
    reading = Reading(30, 10)
    reading.service.faults["list"] = ["no-data"] * 3
    with pytest.raises(ListFailed, match=r"data.results"):
        await reading.read()


async def test_items_without_an_id_are_reported() -> None:
    reading = Reading(20, 10)
    campaign: SampleCampaign = next(iter(reading.service.campaigns.values()))
    campaign.listed.update(id=None, _id=None)
    assert len(await reading.read()) == 19
    assert "1 item of the sms list left out: an item without an ID" in reading.warned()[0]


async def test_a_type_in_which_no_item_has_an_id_costs_no_campaign_of_another(tmp_path: Path) -> None:
    reading = Reading(20, 10, voice_share=0.3)
    for campaign in reading.service.campaigns.values():
        if campaign.campaign_type == "voice":
            campaign.listed.update(id=None, _id=None)
    found = await reading.read("sms", "voice")
    assert 0 < len(found) < 20
    assert "of the voice list left out" in reading.warned()[0]


@pytest.mark.parametrize(
    "page",
    [
        {"results": [{"_id": "a"}], "hasMore": True, "totalResults": 10**18},
        {"results": [{"_id": "x\x1b[2J"}, {"_id": "y" * 300}, {"_id": "a"}], "hasMore": True},
        {"results": [], "hasMore": True, "totalResults": 10**18},
        {"results": [{"_id": "a"}], "hasMore": True, "totalResults": -5},
    ],
)
def test_a_list_that_says_the_same_for_ever_is_given_up(tmp_path: Path, page: dict[str, object]) -> None:
    answer = http(json.dumps({"status": "success", "data": page}))
    with hostile({"getAllCampaignDetails": answer}) as (service, url):
        done = run("discover", "--rate", "off", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(service.asked) < 20
    assert max(json.loads(asked.body)["limit"] for asked in service.asked) < 2_000_000
    assert set(done.stdout.splitlines()[1:]) <= {'"a","sms",,,'}


@pytest.mark.parametrize(
    ("items", "keys"),
    [
        (
            [{"campaignId": f"cd-{number}", "name": "n"} for number in range(13)],
            "13 items of .*no campaign .* has campaignId, name",
        ),
        ([{"id": {"$oid": "cd-1"}}], "1 item of .* has id"),
        ([{}], "1 item of .* has no keys"),
        ([{"name": "no ID"}] * 50, "1 item of .* has name"),
    ],
)
def test_a_list_in_which_no_item_has_an_id_is_no_empty_list(
    tmp_path: Path, items: list[dict[str, object]], keys: str
) -> None:
    answer = http(json.dumps({"status": "success", "data": {"results": items, "hasMore": False}}))
    with hostile({"getAllCampaignDetails": answer}) as (_, url):
        done = run("discover", "--rate", "off", env=environment(url, tmp_path))
    assert done.returncode == 4, done.stderr
    assert done.stdout == ""
    assert re.search(keys, done.stderr.replace("\n", " ")), done.stderr


def test_a_list_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.fetch.list_pass.MOST_BYTES", 100_000)
    number = itertools.count()

    async def ever_new(asked: Asked, writer: asyncio.StreamWriter) -> None:
        items = [{"_id": f"c{next(number)}", "name": "x" * 500} for _ in range(50)]
        writer.write(http(json.dumps({"status": "success", "data": {"results": items, "hasMore": True}})))
        await writer.drain()

    async def read(url: str) -> None:
        options = FetchOptions(rates=())
        settings = read_settings(environment(url, "/nowhere"))
        async with open_engine(settings, options, clock=SystemClock(), emit=lambda _: None) as engine:
            await ListPass(engine, Stop()).read(["sms"])

    with hostile({"getAllCampaignDetails": ever_new}) as (_, url), pytest.raises(ListFailed, match="has no end"):
        asyncio.run(read(url))
