"""`exporter.pipeline.start`: what of a run before is used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.journal import checkpoint as run_state
from exporter.journal.checkpoint import Checkpoint
from exporter.journal.journal import Journal
from exporter.model import CampaignResponse, Identity
from exporter.pipeline.start import already_fetched

IDENTITY = Identity("https://h", "st", "acc", "v2")
NOW = 1_780_000_000.0
HOUR = 3600.0


@pytest.mark.parametrize(
    ("published", "hours_ago", "fetched"),
    [(False, 13, 1), (False, 25, 0), (True, 11, 1), (True, 13, 0)],
)
def test_after_publishing_answers_count_as_there_for_half_a_day_only(
    tmp_path: Path, published: bool, hours_ago: int, fetched: int
) -> None:
    at = int((NOW - hours_ago * HOUR) * 1000)
    journal = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=ignore)
    journal.add([(CampaignResponse("a", at, 200, "{}"), 1, at)])
    run_state.save(journal, Checkpoint("20261123T020000Z", at, published_at=at if published else None))
    journal.close()
    assert already_fetched(tmp_path, IDENTITY, ["a", "b"], resume_within=24 * HOUR, now=NOW) == fetched


def test_where_no_journal_is_nothing_was_fetched(tmp_path: Path) -> None:
    assert already_fetched(tmp_path / "nowhere", IDENTITY, ["a"], resume_within=HOUR, now=NOW) == 0
