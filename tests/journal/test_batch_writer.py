"""`exporter.journal.batch_writer`: what counts as done is on the disk."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.errors import StorageFailed
from exporter.events import Event, Settled, ignore
from exporter.journal.batch_writer import BatchWriter
from exporter.model import ListedCampaign
from tests.support.journals import answer, failure, open_journal


async def test_an_outcome_is_settled_only_when_it_is_durable(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    settled: list[str] = []

    def note(event: Event) -> None:
        assert isinstance(event, Settled)
        with sqlite3.connect(journal.path) as other:
            row = other.execute("SELECT 1 FROM answers WHERE campaign_id = ?", (event.campaign_id,)).fetchone()
        assert row is not None
        settled.append(event.campaign_id)

    writer = BatchWriter(journal.path, emit=note)
    for number in range(50):
        await writer.put(answer(f"c{number}"), 1)
    await asyncio.to_thread(writer.finish)
    writer.check()
    assert settled == [f"c{number}" for number in range(50)]


async def test_a_campaign_that_the_list_pass_found_fails_and_is_not_absent(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.want(["listed", "unlisted"])
    journal.set_listed([ListedCampaign("listed", "sms", "{}")])
    events: list[Event] = []
    writer = BatchWriter(journal.path, emit=events.append)
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
    writer = BatchWriter(journal.path, emit=ignore)
    with no_file_grows_beyond(500_000):
        await writer.put(answer("a", "x" * 500_000), 1)
        await asyncio.to_thread(writer.finish)
    with pytest.raises(StorageFailed, match="check the disk"):
        writer.check()
    assert journal.canary() is None
    with pytest.raises(StorageFailed):
        await writer.put(answer("b"), 1)
