"""Outcomes as the journal gets them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exporter.events import Emit, ignore
from exporter.journal.batch_writer import BatchWriter
from exporter.journal.journal import Journal
from exporter.journal.run_checkpoint import Checkpoint
from exporter.model import CampaignResponse, Failure, FailureOutcome, Identity, ListedCampaign

IDENTITY = Identity("https://h", "st-1", "acc", "v2")
NOW = 1_780_000_000_000


def answer(campaign_id: str, body: str = '{"data":{}}', carried_from: str | None = None) -> CampaignResponse:
    """A good answer."""
    return CampaignResponse(campaign_id, NOW, 200, body, carried_from=carried_from)


def failure(campaign_id: str, outcome: FailureOutcome = "failed") -> Failure:
    """An ID that gave no campaign."""
    return Failure(campaign_id, outcome, 500, 5, "HTTP 500", None, NOW, NOW)


def open_journal(folder: Path, emit: Emit = ignore) -> Journal:
    """The journal of `IDENTITY` in a folder."""
    return Journal.open(folder, IDENTITY, emit=emit)


def list_in(journal: Journal, campaigns: Sequence[ListedCampaign]) -> None:
    """A list pass found these, and nothing that is there has changed."""
    journal.set_listed(campaigns, unchanged=lambda response, item: True)


def writing(journal: Journal, emit: Emit = ignore) -> BatchWriter:
    """A writer to a journal, of a run that remembers nothing but its beginning. To be made in a running loop."""
    return BatchWriter(journal.path, checkpoint=lambda: Checkpoint("20260528T202640Z", NOW), emit=emit)
