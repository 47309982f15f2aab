"""`exporter.journal.run_checkpoint`: what a run remembers, and what is none."""

from __future__ import annotations

import pytest

from exporter.journal.run_checkpoint import Checkpoint, Incomplete, decode, encode
from exporter.model import Pause


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    pauses = (Pause("2026-11-23T02:00:00.000Z", 1.5, "outage"),)
    checkpoint = Checkpoint("20261123T020000Z", 1, mode="incremental", pauses=pauses,
                            incomplete=Incomplete("20261123T020000Z", 2))  # fmt: skip
    assert decode(encode(checkpoint)) == checkpoint


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"x":' + "[" * 5000, '{"base":"\ud800"}', '{"snapshot_id":1}'])
def test_what_another_version_wrote_is_none(text: str) -> None:
    assert decode(text) is None
