"""DuckDB, Polars and pandas read a destination as it is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

from tests.support.snapshots import ONE, TWO, publish


def test_other_readers_read_a_destination_of_several_snapshots_as_it_is(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, TWO)
    everything = f"{tmp_path}/*/campaigns.parquet"
    found = duckdb.sql(
        f"SELECT snapshot, count(*), min(fetched_at), any_value(contact_lists), typeof(any_value(priority)) "
        f"FROM read_parquet('{everything}', hive_partitioning = true) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in found] == [(ONE, 40), (TWO, 40)]
    assert found[0][4] == "TINYINT"
    assert isinstance(found[0][3], list)
    frame = pl.scan_parquet(everything, hive_partitioning=True).collect()
    assert frame.height == 80
    assert frame.schema["fetched_at"] == pl.Datetime("ms", "UTC")
    assert frame.schema["contact_lists"] == pl.List(pl.String)
    assert pd.read_parquet(tmp_path / f"snapshot={ONE}" / "campaigns.parquet").shape[0] == 40
