"""`exporter.pipeline.take_snapshot`: one run after the other on one destination."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter import failpoints
from exporter.clock import SystemClock
from exporter.errors import DestinationBusy, ListFailed, NotPublished, StoppedEarly, StorageFailed, TimeIsUp
from exporter.events import Event, Published, Settled, Warned
from exporter.ids.ids_file import ids_of
from exporter.journal.journal import Journal
from exporter.journal.run_checkpoint import Checkpoint
from exporter.options import FetchOptions, Locations
from exporter.simulator.samples import stamp
from exporter.snapshot_store import local_folder
from exporter.snapshot_store.catalog import Catalog, read_catalog
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.manifest import milliseconds
from exporter.stop import Stop
from exporter.units import Allowance, Limit
from tests.support.running import rows_of
from tests.support.site import Site, open_site
from tests.support.waiting_calls import waiting_calls

HOUR = 3600.0


class LaterClock(SystemClock):
    """The machine's clock, some hours later."""

    def __init__(self, hours: float) -> None:
        self.hours = hours

    def now(self) -> float:
        return super().now() + self.hours * HOUR


async def stop_after(site: Site, answers: int, **options: Any) -> None:
    """A run that is stopped after some answers; the limit lets no more through, with the two list calls."""
    stop = Stop()
    settled = 0

    def listener(event: Event) -> None:
        nonlocal settled
        settled += isinstance(event, Settled)
        if settled == answers:
            stop.ask(TimeIsUp("enough"))

    limited = FetchOptions(rates=(Limit(answers + 2, 600.0),), workers=2, pace="asap")
    with pytest.raises(TimeIsUp):
        await site.snapshot(fetch=limited, stop=stop, listener=listener, **options)


# Telling never ends the work


async def test_a_listener_that_raises_changes_nothing_and_is_in_the_manifest(tmp_path: Path) -> None:
    def listener(event: Event) -> None:
        raise RuntimeError("no")

    async with open_site(tmp_path) as site:
        result = await site.snapshot(listener=listener)
    assert result.complete
    assert [text for text in result.manifest.warnings if "RuntimeError: no" in text]


async def test_warnings_of_the_lock_and_of_opening_the_journal_are_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    async with open_site(tmp_path) as site:
        await stop_after(site, 3)
        with sqlite3.connect(site.journal_path) as db:
            db.execute("UPDATE checkpoint SET value = '{}'")
        db.close()
        monkeypatch.setattr(fcntl, "flock", no_locks)
        result = await site.snapshot()
    texts = "\n".join(result.manifest.warnings)
    assert "has no file locks" in texts
    assert "was damaged" in texts
    assert "It is set aside as journal-" in texts


# Stopping


async def test_max_duration_ends_a_run_of_the_library_and_it_can_be_resumed(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        limited = FetchOptions(rates=(Limit(5, 600.0),), workers=2, max_duration=2.0, pace="asap")
        with pytest.raises(TimeIsUp, match=r"--max-duration 2\.0 s has passed"):
            await site.snapshot(fetch=limited)
        asked = set(site.gets())
        result = await site.snapshot()
        assert result.counts.ok == 12
        assert not asked & set(site.gets())


@pytest.mark.parametrize("step", ["write.campaigns.parquet", "publish.before_manifest", "list.kept"])
async def test_a_cancelled_task_keeps_the_lock_until_its_thread_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hook(name: str) -> None:
        if name == step and not reached.is_set():
            reached.set()
            assert go_on.wait(20)

    monkeypatch.setattr(failpoints, "hook", hook)
    async with open_site(tmp_path) as site:
        task = asyncio.create_task(site.snapshot())
        await asyncio.to_thread(reached.wait, 20)
        for _ in range(3):  # an impatient caller
            task.cancel()
            await asyncio.sleep(0.02)
        with pytest.raises(DestinationBusy):
            await site.snapshot()
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        if step != "publish.before_manifest":  # too late to stop it there
            assert site.names() == [], "it was published after it was cancelled"
        assert (await site.snapshot()).complete


async def test_a_run_whose_lock_was_removed_gives_way_to_the_one_that_began_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is the other's, so that its counts say nothing any more: that is no bug of the program."""
    reached, go_on = threading.Event(), threading.Event()

    def hook(name: str) -> None:
        if name == "journal.after_commit" and not reached.is_set():
            reached.set()
            assert go_on.wait(20)

    monkeypatch.setattr(failpoints, "hook", hook)
    async with open_site(tmp_path) as site:
        first = asyncio.create_task(site.snapshot())
        await asyncio.to_thread(reached.wait, 20)
        (site.out / ".work" / "lock").unlink()
        second = await site.snapshot()
        go_on.set()
        with pytest.raises(StoppedEarly, match=r"has lost \S+/\.work/lock while it was at work"):
            await first
        assert site.names() == [second.manifest.snapshot_id]
        assert (await site.snapshot()).complete


async def test_a_lock_that_is_removed_after_publishing_leaves_the_journal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path) as site:

        def hook(name: str) -> None:
            if name == "publish.before_journal_closed":
                (site.out / ".work" / "lock").unlink()

        monkeypatch.setattr(failpoints, "hook", hook)
        result = await site.snapshot()
        assert site.names() == [result.manifest.snapshot_id]
        assert any(isinstance(event, Warned) and "has lost" in event.message for event in site.events)


async def test_nothing_that_can_wait_runs_in_the_event_loop(tmp_path: Path) -> None:
    """Files, SQLite and name servers are for threads: a locked file or a slow disk would freeze all other requests."""
    async with open_site(tmp_path, 30) as site:
        site.fetch = FetchOptions(rates=(Limit(500, 60.0),), ledger=str(tmp_path / "ledger.sqlite"), workers=4)
        await site.snapshot()  # what is imported at its first use is imported
        site.service.faults[list(site.service.campaigns)[3]] = ["not-found-400"] * 9
        with waiting_calls() as calls:
            await site.snapshot(incremental=True, fresh=True)
            await stop_after(site, 3, fresh=True)
            await site.snapshot(incremental=True, keep=1)
    assert sorted(calls) == []


# Again after failures


async def test_more_failures_than_allowed_publish_nothing_and_keep_the_journal(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        bad = list(site.service.campaigns)[4]
        site.service.faults[bad] = ["400"]
        with pytest.raises(NotPublished, match="--max-failures"):
            await site.snapshot(max_failures=Allowance(0, None))
        assert site.names() == []
        assert (await site.snapshot()).complete
        assert site.gets() == [bad]


async def test_failed_campaigns_that_fail_again_publish_nothing_new(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        bad = list(site.service.campaigns)[4]
        site.service.faults[bad] = ["400"] * 3
        first = await site.snapshot(site.ids, list_pass="never")
        assert not first.complete
        for _ in range(2):
            again = await site.snapshot(site.ids, list_pass="never", keep=1)
            assert (again.complete, again.published, again.where) == (False, False, first.where)
            assert site.gets() == [bad]
            assert site.names() == [first.manifest.snapshot_id]
        healed = await site.snapshot(site.ids, list_pass="never")
        assert (healed.complete, healed.published, site.gets()) == (True, True, [bad])
        assert healed.removed == (first.manifest.snapshot_id,)
        assert site.names() == [healed.manifest.snapshot_id] != [first.manifest.snapshot_id]


@pytest.mark.parametrize("incremental", [False, True])
async def test_only_what_failed_is_asked_again_whatever_ran_lately_and_plan_agrees(
    tmp_path: Path, incremental: bool
) -> None:
    """Each attempt makes a list pass, which shows that campaigns ran just before their answers came."""
    async with open_site(tmp_path, 30) as site:
        campaigns = list(site.service.campaigns.values())
        for campaign in campaigns[:20]:
            campaign.listed["campaignInstanceUpdatedAt"] = stamp(datetime.now(UTC) - timedelta(minutes=2))
        campaigns[0].data["connection"], campaigns[0].listed["connection"] = "queue-77", "Marina Desk"
        bad = sorted(campaign.campaign_id for campaign in campaigns[-3:])
        site.service.faults = {campaign_id: ["400"] * 5 for campaign_id in bad}
        for _ in range(2):
            with pytest.raises(NotPublished):
                await site.snapshot(incremental=incremental)
            assert site.plan(incremental=incremental).already_fetched == 27
        assert site.gets() == bad
        first = await site.snapshot(incremental=incremental, max_failures=Allowance(3, None))
        assert (first.published, site.gets()) == (True, bad)
        for _ in range(2):
            again = await site.snapshot(incremental=incremental, max_failures=Allowance(3, None))
            assert (again.published, again.where, site.gets()) == (False, first.where, bad)


async def test_what_changed_since_a_refused_attempt_is_asked_again(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        campaigns = list(site.service.campaigns.values())
        bad, ran, edited = (campaign.campaign_id for campaign in campaigns[:3])
        site.service.faults[bad] = ["400"] * 2
        with pytest.raises(NotPublished):
            await site.snapshot(max_failures=Allowance(0, None))
        # In the eyes of this machine's clock before the answer: the service's is hours behind.
        campaigns[1].listed["campaignInstanceUpdatedAt"] = stamp(datetime.now(UTC) - timedelta(hours=5))
        with pytest.raises(NotPublished):
            await site.snapshot(max_failures=Allowance(0, None))
        assert site.gets() == sorted([bad, ran])
        campaigns[2].touch(datetime.now(UTC))
        assert (await site.snapshot()).complete
        assert site.gets() == sorted([bad, edited])


async def test_an_incomplete_snapshot_whose_manifest_rotted_holds_up_no_retry(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        site.service.faults[list(site.service.campaigns)[4]] = ["400"] * 2
        first = await site.snapshot(site.ids, list_pass="never")
        (Path(first.where) / "manifest.json").write_bytes(b"{")
        again = await site.snapshot(site.ids, list_pass="never")
        assert (again.complete, again.published, again.counts.ok) == (False, True, 29)


async def test_retries_never_push_good_nights_out_of_keep(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        good = [(await site.snapshot(keep=5)).manifest.snapshot_id for _ in range(4)]
        bad = list(site.service.campaigns)[4:6]
        site.service.faults = {bad[0]: ["400"] * 2, bad[1]: ["400"] * 9}
        for _ in range(5):
            result = await site.snapshot(keep=5, max_failures=Allowance(9, None))
            assert not result.complete
            assert site.names()[:4] == good
            assert len(site.names()) == 5
        assert result.counts.invalid == 1


async def test_an_incremental_retry_keeps_its_base_and_replaces_its_snapshot(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        base = (await site.snapshot(incremental=True)).manifest.snapshot_id
        bad, changed = list(site.service.campaigns)[4:6]
        for campaign_id in (bad, changed):
            site.service.campaigns[campaign_id].listed |= {"updatedAt": "2026-11-26T01:02:03.000Z"}
        site.service.faults[bad] = ["400"]
        first = await site.snapshot(incremental=True, max_failures=Allowance(9, None))
        assert (first.complete, first.manifest.base_snapshot) == (False, base)
        second = await site.snapshot(incremental=True)
        assert (second.complete, second.manifest.base_snapshot) == (True, base)
        assert bad in site.gets()
        assert site.names() == [base, second.manifest.snapshot_id]


class Killed(Exception):
    """In place of a signal."""


@pytest.mark.parametrize("step", ["list.kept", "journal.after_commit"])
async def test_what_a_killed_attempt_has_spent_is_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A kill leaves what stands in the work folder at that moment."""
    left = tmp_path / "left"

    def hook(name: str) -> None:
        if name == step and not left.exists():
            shutil.copytree(site.out / ".work", left / ".work")

    async with open_site(tmp_path) as site:
        monkeypatch.setattr(failpoints, "hook", hook)
        undisturbed = (await site.snapshot()).manifest.requests
        site.locations = Locations(str(left), str(tmp_path / "state"))
        manifest = (await site.snapshot()).manifest
    assert not any(arrival.body for arrival in site.service.arrivals), "the list was there"
    assert manifest.requests.list == undisturbed.list == 2
    assert manifest.requests.total >= undisturbed.total
    assert manifest.requests.total > len(site.service.arrivals)


def kill_before_the_journal_is_closed(step: str) -> None:
    if step == "publish.before_journal_closed":
        raise Killed


async def test_what_was_published_with_failures_and_then_killed_is_not_published_again_the_next_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path, 30, check_credentials=False) as site:
        site.service.faults[list(site.service.campaigns)[4]] = ["400"]
        site.clock = LaterClock(-23)
        monkeypatch.setattr(failpoints, "hook", kill_before_the_journal_is_closed)
        with pytest.raises(Killed):
            await site.snapshot(site.ids, list_pass="never")
        before = site.names()
        site.clock = SystemClock()
        monkeypatch.setattr(failpoints, "hook", None)
        assert site.plan(site.ids, list_pass="never").already_fetched == 0
        result = await site.snapshot(site.ids, list_pass="never")
        assert len(site.gets()) == 30
        assert site.names() == [*before, result.manifest.snapshot_id]


@pytest.mark.parametrize(("failing", "already"), [(0, 0), (1, 29)])
async def test_plan_knows_what_a_run_of_another_command_leaves_of_one_that_was_killed_after_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, already: int
) -> None:
    async with open_site(tmp_path, 30) as site:
        site.service.faults = {one: ["400"] for one in list(site.service.campaigns)[:failing]}
        monkeypatch.setattr(failpoints, "hook", kill_before_the_journal_is_closed)
        with pytest.raises(Killed):
            await site.snapshot(site.ids, list_pass="never")
        monkeypatch.setattr(failpoints, "hook", None)
        assert site.plan(site.ids, list_pass="never").already_fetched == 30
        plan = site.plan(site.ids, list_pass="never", format="csv")
        await site.snapshot(site.ids, list_pass="never", format="csv")
        assert (plan.already_fetched, plan.requests) == (already, 30 - already) == (already, len(site.gets()))


async def test_where_the_journal_of_a_run_killed_after_publishing_cannot_be_closed_the_next_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Journal] = []

    def disk_full(journal: Journal) -> None:
        refused.append(journal)
        assert len(refused) == 1, "it was tried again and again"
        raise StorageFailed("no room")

    async with open_site(tmp_path) as site:
        monkeypatch.setattr(failpoints, "hook", kill_before_the_journal_is_closed)
        with pytest.raises(Killed):
            await site.snapshot(site.ids, list_pass="never")
        monkeypatch.setattr(failpoints, "hook", None)
        (before,) = site.names()
        monkeypatch.setattr(Journal, "clear", disk_full)
        with pytest.raises(StorageFailed, match="no room"):
            await site.snapshot(site.ids, list_pass="never", format="csv")
        assert site.gets() == []
        monkeypatch.undo()
        result = await site.snapshot(site.ids, list_pass="never", format="csv")
        assert site.names() == [before, result.manifest.snapshot_id]


async def test_a_run_that_is_asked_to_stop_before_it_has_decided_begins_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        stop = Stop()
        stop.ask(TimeIsUp("enough"))
        with pytest.raises(TimeIsUp):
            await site.snapshot(stop=stop)
        journal = Journal.look(site.journal_path.parent, site.settings.identity, emit=site.events.append)
        assert journal is not None
        assert journal.checkpoint() is None
        journal.close()


async def test_another_command_publishes_beside_an_incomplete_snapshot(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        site.service.faults[list(site.service.campaigns)[4]] = ["400"] * 5
        first = await site.snapshot()
        other = await site.snapshot(ids_of(list(site.service.campaigns)[5:9], source="test"))
        assert site.names() == [first.manifest.snapshot_id, other.manifest.snapshot_id]


async def test_missing_campaigns_that_count_as_failures_are_asked_again(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ids = ids_of([*site.service.campaigns, "cd-nowhere"], source="test")
        rule: dict[str, Any] = {"fail_on_missing": True, "max_failures": Allowance(9, None)}
        first = await site.snapshot(ids, **rule)
        again = await site.snapshot(ids, **rule)
        assert (first.complete, again.complete, again.published) == (False, False, False)
        assert site.gets() == ["cd-nowhere"]
        without_it = await site.snapshot(ids, max_failures=Allowance(9, None))
        assert (without_it.complete, without_it.published, site.gets()) == (True, True, [])
        assert site.names() == [without_it.manifest.snapshot_id]


# What is used again


async def test_answers_are_judged_by_their_own_age_whatever_that_of_the_list_pass_is_and_plan_agrees(
    tmp_path: Path,
) -> None:
    """A run was interrupted for long: its list pass is too old, as is one of its four answers."""
    age = 28 * 3_600_000
    options: dict[str, Any] = {"list_pass": "always"}
    async with open_site(tmp_path) as site:
        await stop_after(site, 4, ids=site.ids, **options)
        journal = Journal.open(site.journal_path.parent, site.settings.identity, emit=site.events.append)
        checkpoint = journal.checkpoint()
        assert checkpoint is not None
        assert checkpoint.listed_at is not None
        before = {"started_at": checkpoint.started_at - age, "listed_at": checkpoint.listed_at - age}
        journal.save(msgspec.structs.replace(checkpoint, **before))
        old = next(journal.responses())[0]
        journal.add([(old, 1, old.fetched_at - age)])
        journal.close()
        plan = site.plan(site.ids, **options)
        assert (plan.already_fetched, plan.list_requests, plan.requests) == (3, 2, 11)
        result = await site.snapshot(site.ids, **options)
        assert (result.counts.ok, len(site.gets()), len(site.service.arrivals)) == (12, 9, 11)
        assert old.campaign_id in site.gets()


@pytest.mark.parametrize("other", [{"campaign_type": "voice"}, {"resume_within": 0.001}])
async def test_another_run_whose_checkpoint_cannot_be_saved_leaves_no_wrong_list_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    """A full disk, or a kill, just between the list and what says whose it is."""
    save = Journal.save

    def disk_full(journal: Journal, checkpoint: Checkpoint) -> None:
        if checkpoint.listed_types != ("sms",):
            raise StorageFailed("no room")
        save(journal, checkpoint)

    async with open_site(tmp_path, 30) as site:
        await stop_after(site, 4, campaign_type="sms")
        monkeypatch.setattr(Journal, "save", disk_full)
        with pytest.raises(StorageFailed, match="no room"):
            await site.snapshot(**{"campaign_type": "sms", **other})
        monkeypatch.undo()
        result = await site.snapshot(campaign_type="sms")
        wanted = [one for one, campaign in site.service.campaigns.items() if campaign.campaign_type == "sms"]
        assert sorted(row["campaign_id"] for row in rows_of(Path(result.where))) == sorted(wanted)


async def test_a_run_stopped_long_ago_is_repeated_under_an_id_of_its_own(tmp_path: Path) -> None:
    async with open_site(tmp_path, check_credentials=False) as site:
        site.clock = LaterClock(-40 * 24)
        await stop_after(site, 4)
        site.clock = SystemClock()
        result = await site.snapshot(keep=3)
        assert len(site.gets()) == 12
        assert abs(site.clock.now() * 1000 - milliseconds(result.manifest.started_at)) < 60_000
        assert site.names() == [result.manifest.snapshot_id]


async def test_a_refused_incremental_attempt_that_fetched_nothing_leaves_no_id(tmp_path: Path) -> None:
    """All its answers were carried over, and are carried over again once the list is right."""
    async with open_site(tmp_path, check_credentials=False) as site:
        site.clock = LaterClock(-10)
        await site.snapshot(incremental=True)
        (before,) = site.names()
        site.clock = LaterClock(-5)
        gone = {one: site.service.campaigns.pop(one) for one in list(site.service.campaigns)[:9]}
        with pytest.raises(NotPublished, match="--max-missing"):
            await site.snapshot(incremental=True)
        site.service.campaigns.update(gone)
        site.clock = SystemClock()
        result = await site.snapshot(incremental=True)
        assert (site.gets(), result.counts.carried_over) == ([], 12)
        assert abs(site.clock.now() * 1000 - milliseconds(result.manifest.started_at)) < 60_000
        assert site.names() == [before, result.manifest.snapshot_id]


async def test_a_campaign_that_the_list_shows_is_never_not_found(tmp_path: Path) -> None:
    async with open_site(tmp_path, 30) as site:
        absent = list(site.service.campaigns)[3]
        site.service.faults[absent] = ["not-found-400"] * 9
        result = await site.snapshot()
        (row,) = rows_of(Path(result.where), "failures")
        assert (row["campaign_id"], row["outcome"]) == (absent, "failed")
        assert "the list call shows" in row["error"]


async def test_fresh_and_incremental_are_a_full_run(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        await site.snapshot(incremental=True)
        result = await site.snapshot(incremental=True, fresh=True)
        assert (result.manifest.mode, len(site.gets())) == ("full", 12)


# The base of an incremental run


def damage(folder: Path) -> None:
    path = folder / "responses.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x55
    path.write_bytes(data)


async def test_a_damaged_base_gives_way_to_the_newest_sound_one_with_a_warning(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        sound = await site.snapshot(incremental=True)
        damaged = await site.snapshot(incremental=True)
        damage(Path(damaged.where))
        result = await site.snapshot(incremental=True)
        assert (result.manifest.mode, result.manifest.base_snapshot) == ("incremental", sound.manifest.snapshot_id)
        assert any(f"{damaged.where} is not taken as a base" in text for text in result.manifest.warnings)
        assert result.counts.carried_over == 12


async def test_without_a_sound_base_it_is_a_full_run_with_a_warning(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        damage(Path((await site.snapshot(incremental=True)).where))
        result = await site.snapshot(incremental=True)
        assert (result.manifest.mode, len(site.gets())) == ("full", 12)
        assert any("no sound snapshot" in text for text in result.manifest.warnings)


async def test_keep_and_full_every_keep_the_last_full_snapshot_as_a_base_in_use(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        full = (await site.snapshot(incremental=True, full_every=7 * 24 * HOUR)).manifest.snapshot_id
        for _ in range(3):
            result = await site.snapshot(incremental=True, full_every=7 * 24 * HOUR, keep=1)
            assert result.manifest.mode == "incremental"
        assert site.names()[0] == full
        await site.snapshot(keep=1)
        assert full not in site.names()


async def test_a_clock_that_is_days_ahead_removes_no_old_snapshot(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        await site.snapshot()
        site.service.clock_ahead = -60 * 24 * HOUR
        result = await site.snapshot(keep=1)
        assert result.removed == ()
        assert "no old snapshot is removed: this machine's clock is 60 d ahead of the service's" in "\n".join(
            event.message for event in site.events if isinstance(event, Warned)
        )
        site.service.clock_ahead = -HOUR
        result = await site.snapshot(keep=1)
        assert site.names() == [result.manifest.snapshot_id]


# After publishing


async def test_published_is_said_when_it_is_durable_and_a_failure_of_that_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def sync_folder(folder: Path) -> bool:
        order.append("synced")
        return False

    monkeypatch.setattr(local_folder, "sync_folder", sync_folder)
    async with open_site(tmp_path) as site:
        result = await site.snapshot(listener=lambda event: order.append(type(event).__name__))
    assert result.complete
    assert order[-4:] == ["synced", "synced", Warned.__name__, Published.__name__]


@pytest.mark.parametrize(("rule", "times"), [({}, 0), ({"keep": 1, "keep_days": 1.0, "full_every": HOUR}, 1)])
async def test_old_snapshots_are_looked_at_once_and_without_a_rule_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any], times: int
) -> None:
    looked: list[Destination] = []

    def look(destination: Destination) -> Catalog:
        looked.append(destination)
        return read_catalog(destination)

    monkeypatch.setattr("exporter.pipeline.end_of_run.read_catalog", look)
    async with open_site(tmp_path) as site:
        await site.snapshot(**rule)
        assert len(looked) == times


@pytest.mark.parametrize(
    "work",
    [
        "exporter.pipeline.end_of_run.apply_retention",
        "exporter.pipeline.end_of_run.group_failures",
        "exporter.pipeline.end_of_run.read_catalog",
        "exporter.journal.journal.Journal.clear",
    ],
)
async def test_what_fails_after_publishing_is_a_warning_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise StorageFailed("the store hiccups")

    monkeypatch.setattr(work, refuse)
    async with open_site(tmp_path) as site:
        result = await site.snapshot(keep=1, full_every=HOUR)
    assert result.complete
    assert site.names() == [result.manifest.snapshot_id]
    warnings = [event.message for event in site.events if isinstance(event, Warned)]
    assert [text for text in warnings if "the snapshot is published, but" in text]


@pytest.mark.parametrize("options", [{"campaign_type": "all"}, {"incremental": True}, {"list_pass": "always"}])
async def test_items_without_an_id_end_no_run_that_knows_what_is_wanted(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    async with open_site(tmp_path, 12) as site:
        kept = [name for name, campaign in site.service.campaigns.items() if campaign.campaign_type == "sms"]
        for name, campaign in site.service.campaigns.items():
            if options != {"campaign_type": "all"} or name not in kept:
                campaign.listed.update(id=None, _id=None)
        ids = None if "campaign_type" in options else ids_of(kept, source="test")
        result = await site.snapshot(ids, **options)
        assert result.manifest.counts.ok == len(kept)
        assert [text for text in result.manifest.warnings if "left out" in text]


async def test_a_list_without_ids_is_no_empty_list(tmp_path: Path) -> None:
    async with open_site(tmp_path, 12) as site:
        for campaign in site.service.campaigns.values():
            campaign.listed.update(id=None, _id=None)
        for _ in range(2):  # nor is it one to the same command, again
            with pytest.raises(ListFailed, match="no campaign of the list call can be asked for"):
                await site.snapshot()
