"""`exporter.pipeline.rebuild`: stored responses, flattened again."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from exporter.clock import SystemClock
from exporter.errors import DestinationError
from exporter.events import ignore
from exporter.options import Locations
from exporter.pipeline.rebuild import rebuild_snapshot
from exporter.snapshot_store.accounts import find
from exporter.snapshot_store.open_destination import open_destination
from tests.support.snapshots import ONE, publish


def test_rebuild_publishes_no_less_than_the_manifest_says(tmp_path: Path) -> None:
    publish(tmp_path)
    path = tmp_path / f"snapshot={ONE}/responses.parquet"
    pq.write_table(pq.read_table(path).slice(0, 3), path)
    with pytest.raises(DestinationError, match="has 3 answers"):
        rebuild_snapshot(
            Locations(str(tmp_path), str(tmp_path / "state")), ONE, form="parquet", excel_safe=False,
            clock=SystemClock(), emit=ignore,
        )  # fmt: skip
    assert find(open_destination(str(tmp_path))) == ONE
