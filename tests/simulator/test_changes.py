"""`exporter.simulator.changes`: some campaigns change, one goes, one comes."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.changes import change_campaigns
from exporter.simulator.samples import sample_campaigns

MOMENT = datetime(2026, 11, 24, 2, tzinfo=UTC)


@given(st.integers(0, 30), st.integers(0, 12), st.integers(1, 3))
def test_the_changes_are_those_that_are_reported(size: int, number: int, seed: int) -> None:
    before = {one.campaign_id: one for one in sample_campaigns(size)}
    after = deepcopy(before)
    changes = change_campaigns(after, number, moment=MOMENT, seed=seed)
    assert set(after) == (set(before) - set(changes.gone)) | set(changes.new)
    assert len(changes.changed) == min(number, max(0, size - 1))
    assert len(changes.gone) == min(1, size)
    differing = {one for one in before.keys() & after.keys() if before[one].data != after[one].data}
    assert differing == set(changes.changed)
    assert all(after[one].data["updatedAt"] == "2026-11-24T02:00:00.000Z" for one in changes.changed + changes.new)


def test_the_same_seed_brings_the_same_changes() -> None:
    def changes() -> object:
        return change_campaigns({c.campaign_id: c for c in sample_campaigns(9)}, 3, moment=MOMENT, seed=1)

    assert changes() == changes()
