"""`exporter.journal.batch_writer`: what counts as done is on the disk."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from exporter.errors import StorageFailed
from exporter.events import Event, Settled
from exporter.model import ListedCampaign
from tests.support.journals import NOW, answer, failure, list_in, open_journal, writing


async def test_an_outcome_is_settled_only_when_it_is_durable(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    settled: list[str] = []

    def note(event: Event) -> None:
        assert isinstance(event, Settled)
        with sqlite3.connect(journal.path) as other:
            row = other.execute("SELECT 1 FROM answers WHERE campaign_id = ?", (event.campaign_id,)).fetchone()
        assert row is not None
        settled.append(event.campaign_id)

    writer = writing(journal, note)
    for number in range(50):
        await writer.put(answer(f"c{number}"), 1)
    await asyncio.to_thread(writer.finish)
    writer.check()
    assert settled == [f"c{number}" for number in range(50)]


async def test_a_campaign_that_the_list_pass_found_fails_and_is_not_absent(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.want(["listed", "unlisted"])
    list_in(journal, [ListedCampaign("listed", "sms", "{}")])
    events: list[Event] = []
    writer = writing(journal, events.append)
    for name in ("listed", "unlisted"):
        await writer.put(failure(name, "not_found"), 1)
    await asyncio.to_thread(writer.finish)
    writer.check()
    await asyncio.sleep(0)
    assert [(event.campaign_id, event.outcome) for event in events if isinstance(event, Settled)] == [
        ("listed", "failed"), ("unlisted", "not_found"),
    ]  # fmt: skip
    kept = {row.campaign_id: (row.outcome, row.error) for row in journal.failures()}
    assert kept == {
        "listed": ("failed", "the list call shows this campaign, but: HTTP 500"),
        "unlisted": ("not_found", "HTTP 500"),
    }


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Within the block the kernel refuses what a quota would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_refuses_ends_the_writer_with_what_to_do(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    writer = writing(journal)
    with no_file_grows_beyond(500_000):
        await writer.put(answer("a", "x" * 500_000), 1)
        await asyncio.to_thread(writer.finish)
    with pytest.raises(StorageFailed, match="check the disk"):
        writer.check()
    assert journal.canary() is None
    with pytest.raises(StorageFailed):
        await writer.put(answer("b"), 1)


@pytest.mark.parametrize(("bound", "value"), [("BACKLOG", 3), ("BACKLOG_BYTES", 30)])
async def test_who_is_quicker_than_the_disk_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """Else a slow disk would fill the memory. Each answer has eleven bytes."""
    monkeypatch.setattr(f"exporter.journal.batch_writer.{bound}", value)
    journal = open_journal(tmp_path)
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        writer = writing(journal)
        for name in ("a", "b"):
            await asyncio.wait_for(writer.put(answer(name), 1), 10)
        third = asyncio.create_task(writer.put(answer("c"), 1))
        await asyncio.sleep(0)
        assert not third.done()
        another.execute("COMMIT")
    await asyncio.wait_for(third, 10)
    await asyncio.to_thread(writer.finish)
    writer.check()
    assert journal.reusable_count(None, since=NOW) == 3
