"""Incremental snapshots: what changed is fetched, the rest is carried over."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from exporter.errors import NotPublished
from exporter.ids.ids_file import ids_of
from exporter.json_text import dumps
from exporter.model import CampaignResponse
from exporter.options import FetchOptions
from exporter.pipeline.incremental import is_unchanged
from exporter.pipeline.publish import SnapshotResult
from exporter.simulator.samples import sample_campaigns, stamp
from exporter.simulator.simulated_service import Behaviour
from exporter.units import Allowance
from tests.support.running import rows_of
from tests.support.site import Site, open_site


@asynccontextmanager
async def nights(tmp_path: Path, number: int = 40) -> AsyncIterator[Site]:
    """A service of so many campaigns, whose list call is read in pages of 10."""
    async with open_site(tmp_path, number) as site:
        site.fetch = FetchOptions(rates=(), page_size=10)
        yield site


def change_some(service: Behaviour, random: Random, edits: Iterator[int]) -> None:
    """A day: campaigns are edited, deleted, made and run."""
    now = datetime.now(UTC)
    for campaign in random.sample(list(service.campaigns.values()), 4):
        # Two edits never have the same stamp: by nothing else could a night tell them apart.
        moment = now.replace(microsecond=0) + timedelta(seconds=random.randrange(2), milliseconds=next(edits))
        campaign.touch(moment, status=random.choice(("Active", "Paused")))
    for one in random.sample(list(service.campaigns), random.randrange(3)):
        del service.campaigns[one]
    for new in sample_campaigns(random.randrange(3), seed=random.randrange(10**9), voice_share=0.3):
        new.data["createdAt"] = new.data["updatedAt"] = stamp(now - timedelta(hours=1))
        service.campaigns[new.campaign_id] = new
    # A campaign runs: its instance changes and it counts messages, but nobody edits it.
    ran = random.choice(list(service.campaigns.values()))
    ran.listed |= {"campaignInstanceUpdatedAt": stamp(now), "totalMessagesSent": random.randrange(9999)}


OWN_VALUES: dict[str, tuple[object, ...]] = {
    "connection": ("queue-77", "queue-78", "Marina Desk"),
    "totalMessagesSent": (5, 6, 0, "7"),
    "campaignInstanceId": ("cid-own", "cid-other"),
    "campaignExecutionType": ("NORMAL", "EMERGENCY"),
}
"""What old answers may hold although the list has it, too."""


def give_values_of_their_own(service: Behaviour, random: Random, number: int) -> None:
    """To some campaigns' answers, for some of which the list shows others."""
    for campaign in random.sample(list(service.campaigns.values()), number):
        key = random.choice(list(OWN_VALUES))
        campaign.data[key] = random.choice(OWN_VALUES[key])
        shown = random.choice(("the same", "another", "nothing"))
        if shown == "another":
            campaign.listed[key] = random.choice(OWN_VALUES[key])
        elif shown == "nothing":
            campaign.listed[key] = None
        else:
            campaign.listed.pop(key, None)


def change_listed_values(service: Behaviour, random: Random, number: int) -> None:
    """A day in which the list shows other values of some campaigns, with no stamp, and the answers of some do."""
    with_own = [one for one in service.campaigns.values() if not OWN_VALUES.keys().isdisjoint(one.data)]
    for campaign in random.sample(with_own, number):
        key = next(key for key in OWN_VALUES if key in campaign.data)
        before = campaign.item().get(key)
        if random.random() < 0.5:
            campaign.data[key] = random.choice([value for value in OWN_VALUES[key] if value != campaign.data[key]])
        campaign.listed[key] = random.choice([value for value in (*OWN_VALUES[key], None) if value != before])


async def full_run(site: Site) -> SnapshotResult:
    """Of the same service as it is now, into another destination."""
    other = Site(site.folder / "full", site.service, site.settings)
    return await other.snapshot(list_pass="always", fresh=True)


def folder(result: SnapshotResult) -> Path:
    return Path(result.where)


NOT_COMPARED = ("fetched_at", "carried_from")


@pytest.mark.parametrize("listed", [0, 2])
@pytest.mark.parametrize("seed", range(6))
async def test_an_incremental_snapshot_is_what_a_full_run_would_give(tmp_path: Path, seed: int, listed: int) -> None:
    """Over random histories of several nights, in each of which the list shows other values of `listed` campaigns."""
    random, edits = Random(seed), itertools.count(1)
    async with nights(tmp_path) as site:
        give_values_of_their_own(site.service, random, 15)
        await site.snapshot(incremental=True)
        for _ in range(3):
            change_some(site.service, random, edits)
            change_listed_values(site.service, random, listed)
            result = await site.snapshot(incremental=True)
            asked = len(site.gets())
            full = await full_run(site)
            assert rows_of(folder(result), without=NOT_COMPARED) == rows_of(folder(full), without=NOT_COMPARED)
            assert rows_of(folder(result), "calling_windows") == rows_of(folder(full), "calling_windows")
            assert result.manifest.mode == "incremental"
            assert asked <= 8 + listed
            assert result.counts.ok == result.counts.carried_over + asked


async def test_only_new_and_changed_campaigns_are_fetched_and_carried_rows_say_so(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        first = await site.snapshot(incremental=True)
        changed, gone = list(site.service.campaigns)[3], list(site.service.campaigns)[5]
        site.service.campaigns[changed].touch(datetime.now(UTC), status="Paused")
        del site.service.campaigns[gone]
        second = await site.snapshot(incremental=True)
        assert site.gets() == [changed]
        rows = {row["campaign_id"]: row["carried_from"] for row in rows_of(folder(second))}
        assert rows.pop(changed) is None
        assert set(rows.values()) == {first.manifest.snapshot_id}
        assert (second.counts.gone, second.counts.carried_over) == (1, 38)
        assert any(gone in text for text in second.manifest.warnings)
        assert second.manifest.base_snapshot == first.manifest.snapshot_id


async def test_without_a_base_it_is_a_full_run_and_says_so(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        result = await site.snapshot(incremental=True)
        assert result.manifest.mode == "full"
        assert "full run" in result.manifest.warnings[0]


async def test_a_base_without_list_items_serves_too(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        await site.snapshot(site.ids)
        result = await site.snapshot(incremental=True)
        # Never run means never changed since; what ran lately is fetched again, to be sure.
        assert result.counts.carried_over == 40
        assert site.gets() == []


async def test_of_a_base_without_list_items_answers_with_other_values_than_todays_list_are_fetched(
    tmp_path: Path,
) -> None:
    async with nights(tmp_path) as site:
        one, agreeing, silent = list(site.service.campaigns.values())[:3]
        for campaign, shown in ((one, "Marina Desk"), (agreeing, "queue-77"), (silent, None)):
            campaign.data["connection"] = "queue-77"
            campaign.listed["connection"] = shown
        await site.snapshot(site.ids)
        result = await site.snapshot(incremental=True)
        assert site.gets() == [one.campaign_id]
        full = await full_run(site)
        assert rows_of(folder(result), without=NOT_COMPARED) == rows_of(folder(full), without=NOT_COMPARED)
        await site.snapshot(incremental=True)
        assert site.gets() == [], "from now on the base has what the list showed"


async def test_ids_that_the_list_does_not_show_are_fetched_singly(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        hidden = next(iter(site.service.campaigns))
        site.service.campaigns[hidden].campaign_type = "hidden"  # type: ignore[assignment]
        ids = ids_of([*site.service.campaigns, "cd-nowhere"], source="test")
        await site.snapshot(ids, incremental=True)
        result = await site.snapshot(ids, incremental=True)
        assert site.gets() == sorted([hidden, "cd-nowhere"])
        assert (result.counts.ok, result.counts.not_found) == (40, 1)


async def test_a_campaign_that_fails_is_not_gone_and_one_that_does_not_exist_is(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        failing, deleted = list(site.service.campaigns)[:2]
        for hidden in (failing, deleted):
            site.service.campaigns[hidden].campaign_type = "hidden"  # type: ignore[assignment]
        ids = site.ids
        await site.snapshot(ids, incremental=True)
        site.service.faults[failing] = ["400"]
        del site.service.campaigns[deleted]
        result = await site.snapshot(ids, incremental=True)
        assert (result.counts.invalid, result.counts.not_found, result.counts.gone) == (1, 1, 1)
        (warning,) = (text for text in result.manifest.warnings if "gone" in text)
        assert deleted in warning
        assert failing not in warning


async def test_a_campaign_of_a_type_that_is_not_listed_is_not_gone_unless_it_was_asked_for(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        sms, voice = (
            [one.campaign_id for one in site.service.campaigns.values() if one.campaign_type == campaign_type]
            for campaign_type in ("sms", "voice")
        )
        await site.snapshot(incremental=True)
        asked_for, deleted = site.service.campaigns.pop(voice[0]), sms[0]
        ids = ids_of([*site.service.campaigns, asked_for.campaign_id], source="test")
        result = await site.snapshot(ids, incremental=True, campaign_type="sms")
        assert (result.counts.not_found, result.counts.gone) == (1, 1)
        result = await site.snapshot(incremental=True)
        del site.service.campaigns[deleted]
        result = await site.snapshot(incremental=True, campaign_type="sms")
        assert (result.counts.ok, result.counts.gone) == (len(sms) - 1, 1)
        (warning,) = (text for text in result.manifest.warnings if "gone" in text)
        assert deleted in warning


async def test_a_campaign_that_no_list_has_shown_is_not_gone_when_it_is_no_longer_asked_for(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        hidden, deleted = list(site.service.campaigns)[:2]
        site.service.campaigns[hidden].campaign_type = "hidden"  # type: ignore[assignment]
        ids = ids_of(site.service.campaigns, source="test")
        for list_pass, gone in (("auto", 1), ("never", 2)):
            campaign = site.service.campaigns[deleted]
            await site.snapshot(ids, list_pass=list_pass, incremental=list_pass == "auto")
            del site.service.campaigns[deleted]
            result = await site.snapshot(incremental=True)
            assert result.counts.gone == gone, "of a base without a list pass it is not known"
            site.service.campaigns[deleted] = campaign


async def test_what_changed_between_an_interrupted_run_and_the_list_pass_is_fetched_again(tmp_path: Path) -> None:
    """Else an old answer would stand beside a new item of the list, and be carried over for ever."""
    async with nights(tmp_path) as site:
        changed, made = list(site.service.campaigns)[3], list(site.service.campaigns)[7]
        later = site.service.campaigns.pop(made)
        with pytest.raises(NotPublished):
            await site.snapshot(ids_of([*site.service.campaigns, made], source="test"), max_missing=Allowance(0, None))
        site.service.campaigns[changed].touch(datetime.now(UTC), status="Paused")
        site.service.campaigns[made] = later
        result = await site.snapshot(incremental=True)
        assert site.gets() == sorted([changed, made])
        full = await full_run(site)
        assert rows_of(folder(result), without=NOT_COMPARED) == rows_of(folder(full), without=NOT_COMPARED)


async def test_a_full_run_is_made_when_the_last_one_is_too_old(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        await site.snapshot(incremental=True)
        assert (await site.snapshot(incremental=True, full_every=3600.0)).manifest.mode == "incremental"
        assert (await site.snapshot(incremental=True, full_every=0.001)).manifest.mode == "full"
        assert len(site.gets()) == 40


@pytest.mark.parametrize("incremental", [True, False])
async def test_a_list_that_is_suddenly_empty_is_not_published(tmp_path: Path, incremental: bool) -> None:
    async with nights(tmp_path) as site:
        await site.snapshot(incremental=incremental)
        campaigns = dict(site.service.campaigns)
        for left in (0, 9) if incremental else (0,):
            for campaign_id in list(campaigns)[left:]:
                del site.service.campaigns[campaign_id]
            with pytest.raises(NotPublished, match="--max-missing"):
                await site.snapshot(incremental=incremental)
            site.service.campaigns.update(campaigns)
            result = await site.snapshot(incremental=incremental)
            assert result.counts.ok == 40, "the list is not taken from the attempt that was refused"
            assert not any("gone" in text for text in result.manifest.warnings)
        site.service.campaigns.clear()
        result = await site.snapshot(incremental=incremental, max_missing=Allowance(None, 1.0))
        assert result.counts.ok == 0


async def test_the_full_night_of_an_incremental_command_refuses_a_list_that_lost_most_campaigns(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        await site.snapshot(incremental=True)
        for campaign_id in list(site.service.campaigns)[9:]:
            del site.service.campaigns[campaign_id]
        with pytest.raises(NotPublished, match=r"31 of the 40 campaigns of \S+ are gone, more than --max-missing 50%"):
            await site.snapshot(incremental=True, full_every=0.001)
        result = await site.snapshot(incremental=True, full_every=0.001, max_missing=Allowance(None, 1.0))
        assert (result.manifest.mode, result.counts.ok) == ("full", 9)


async def test_a_full_run_by_list_tells_that_most_campaigns_are_gone(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        await site.snapshot(campaign_type="all")
        types = {campaign.campaign_type for campaign in site.service.campaigns.values()}
        assert types == {"sms", "voice"}
        assert not (await site.snapshot(campaign_type="sms")).manifest.warnings, "another type was asked for"
        await site.snapshot(campaign_type="all")
        for campaign_id in list(site.service.campaigns)[9:]:
            del site.service.campaigns[campaign_id]
        result = await site.snapshot(campaign_type="all")
        (told,) = result.manifest.warnings
        assert told.startswith("31 of the 40 campaigns of ")
        assert told.endswith(" are gone: the list call no longer shows them")


async def test_an_earlier_snapshot_that_is_damaged_holds_up_no_full_run(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        first = await site.snapshot()
        (folder(first) / "responses.parquet").write_bytes(b"PAR1")
        for campaign_id in list(site.service.campaigns)[9:]:
            del site.service.campaigns[campaign_id]
        (told,) = (await site.snapshot()).manifest.warnings
        assert told.startswith(f"what is gone since {first.manifest.snapshot_id} is not known: ")


async def test_campaigns_that_went_after_the_list_was_read_are_no_failures_of_the_next_attempt(tmp_path: Path) -> None:
    async with nights(tmp_path) as site:
        gone = dict(list(site.service.campaigns.items())[:8])
        site.service.faults = {campaign_id: ["not-found-400"] for campaign_id in gone}
        with pytest.raises(NotPublished, match="--max-failures"):
            await site.snapshot()
        for campaign_id in gone:
            del site.service.campaigns[campaign_id]
        result = await site.snapshot()
        assert (result.counts.ok, result.complete, site.gets()) == (32, True, [])


async def test_a_thousand_campaigns_with_ten_changes_cost_overlapping_pages_and_the_ten(tmp_path: Path) -> None:
    async with nights(tmp_path, 1000) as site:
        await site.snapshot(incremental=True, campaign_type="sms")
        for campaign in [c for c in site.service.campaigns.values() if c.campaign_type == "sms"][:10]:
            campaign.touch(datetime.now(UTC))
        sms = sum(c.campaign_type == "sms" for c in site.service.campaigns.values())
        result = await site.snapshot(incremental=True, campaign_type="sms")
        pages = 1 + -(-(sms - 10) // 9)
        assert len(site.service.arrivals) == pages + 10
        assert result.manifest.requests.list == pages


@pytest.mark.parametrize(
    ("own", "before", "now", "unchanged"),
    [
        # The answer has its own: only where the list shows what it showed is that known to be today's.
        (5, 9, 9, True), (5, 5, 5, True), (5, 5, 9, False), (5, 9, 5, False), (5, None, 9, False), (5, 9, None, False),
        ("", 9, 10, False),
        # It has none: the list's value is the row's, whatever it is.
        (None, 5, 9, True), ([], None, 9, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", OWN_VALUES)
def test_another_value_of_the_list_is_a_change_where_the_answer_has_one_of_its_own(
    key: str, own: object, before: object, now: object, unchanged: bool
) -> None:
    stamps = {"updatedAt": "2026-05-01T00:00:00.000Z"}
    body = dumps({"data": {**stamps, key: own}})
    response = CampaignResponse("cd-1", 0, 200, body, dumps({**stamps, key: before}), "sms")
    assert is_unchanged(response, dumps({**stamps, key: now})) == unchanged


@pytest.mark.parametrize(
    ("own", "now", "unchanged"),
    [("a", "a", True), ("a", "b", False), ("a", None, True), (None, "b", True), ([], "b", True)],
)
@pytest.mark.parametrize("key", ["status", *OWN_VALUES])
def test_without_a_list_item_of_the_base_the_answers_own_values_must_be_those_of_the_list(
    key: str, own: object, now: object, unchanged: bool
) -> None:
    stamps = {"updatedAt": "2026-05-01T00:00:00.000Z"}
    response = CampaignResponse("cd-1", 0, 200, dumps({"data": {**stamps, key: own}}))
    assert is_unchanged(response, dumps({**stamps, key: now})) == unchanged


@pytest.mark.parametrize("before", [1_767_000_000_000, 1_767_000_000.5, "2026-01-01T00:00:00Z"])
def test_timestamps_of_the_list_may_be_numbers(before: object) -> None:
    item = dumps({"id": "cd-1", "updatedAt": before})
    listed = CampaignResponse("cd-1", 0, 200, '{"data":{"_id":"cd-1"}}', item, "sms")
    alone = CampaignResponse("cd-1", 0, 200, dumps({"data": {"_id": "cd-1", "updatedAt": before}}))
    for response in (listed, alone):
        assert is_unchanged(response, item)
        assert not is_unchanged(response, dumps({"id": "cd-1", "updatedAt": 1_767_000_000_001}))
        assert not is_unchanged(response, dumps({"id": "cd-1", "updatedAt": None}))


MOMENT = "2026-05-01T00:00:00.000Z"


@pytest.mark.parametrize("stamp", ["", " ", "N/A", "null", "0", 0, 0.0, "0000-00-00T00:00:00Z", True, [MOMENT], {}])
def test_a_stamp_that_says_nothing_proves_nothing(stamp: object) -> None:
    item = dumps({"id": "cd-1", "updatedAt": stamp})
    listed = CampaignResponse("cd-1", 0, 200, '{"data":{"_id":"cd-1"}}', item, "sms")
    alone = CampaignResponse("cd-1", 0, 200, dumps({"data": {"_id": "cd-1", "updatedAt": stamp}}))
    assert not is_unchanged(listed, item)
    assert not is_unchanged(alone, item)


@pytest.mark.parametrize(
    ("before", "now", "unchanged"),
    [("Ready", "Ready", True), ("Ready", "Completed", False), (None, "Ready", True), ("Ready", None, True),
     ({"a": 1}, {"a": 2}, False)],
)  # fmt: skip
def test_another_status_is_a_change_also_where_no_stamp_moved(before: object, now: object, unchanged: bool) -> None:
    stamps = {"updatedAt": MOMENT, "totalMessagesSent": 5}
    response = CampaignResponse("cd-1", 0, 200, "{}", dumps({**stamps, "status": before}), "sms")
    assert is_unchanged(response, dumps({**stamps, "status": now, "totalMessagesSent": 9})) == unchanged


@pytest.mark.parametrize(
    ("ran", "hours", "unchanged"),
    [
        (None, 0, True), (MOMENT, 0, True),
        # Before the last change, which the answer has: whatever our clock says.
        ("2026-04-30T23:59:59.000Z", -9, True),
        # After it: the answer may be older than the run, by a clock that shows local time.
        ("2026-05-01T00:00:01.000Z", 14, False), ("2026-05-01T00:00:01.000Z", 25, True), ("soon", 99, False),
    ],
)  # fmt: skip
def test_a_run_after_the_answer_is_seen_by_a_clock_that_is_hours_off(
    ran: str | None, hours: int, unchanged: bool
) -> None:
    answered = 1_777_593_600_000 + hours * 3_600_000  # hours after MOMENT
    response = CampaignResponse("cd-1", answered, 200, dumps({"data": {"_id": "cd-1", "updatedAt": MOMENT}}))
    assert is_unchanged(response, dumps({"updatedAt": MOMENT, "campaignInstanceUpdatedAt": ran})) == unchanged
