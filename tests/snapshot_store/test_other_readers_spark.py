"""Spark reads a destination of several snapshots as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.snapshots import ONE, TWO, publish

pyspark = pytest.importorskip("pyspark", reason="needs pyspark, which is too large for every run: pip install pyspark")


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
@pytest.mark.filterwarnings("ignore")
def test_spark_reads_every_column_of_every_table(tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    publish(tmp_path)
    publish(tmp_path, TWO)
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        for table in ("campaigns", "calling_windows", "responses", "failures"):
            frame = spark.read.option("basePath", str(tmp_path)).parquet(f"{tmp_path}/snapshot=*/{table}.parquet")
            rows = frame.collect()
            assert {row["snapshot"] for row in rows} == {ONE, TWO}
        types = dict(spark.read.parquet(f"{tmp_path}/snapshot={TWO}/campaigns.parquet").dtypes)
        assert types["priority"] == "tinyint"
        assert types["contact_lists"] == "array<string>"
        assert types["fetched_at"] == "timestamp"
        assert types["is_imported"] == "boolean"
    finally:
        spark.stop()
