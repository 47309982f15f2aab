"""`jobs.support.metrics`: the file for the node exporter, judged by Prometheus' own parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.model import Requests, Seconds, Usage
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.manifest import Manifest
from jobs.support.metrics import write_metrics
from tests.support.running import ROOT

USAGE = Usage(Requests(total=310, retries=4, rate_limited=2), Seconds(waiting_for_rate=240.5, paused=3.25))


@pytest.fixture
def manifest() -> Manifest:
    (folder,) = (ROOT / "tests" / "fixtures" / "schema_1").glob("snapshot=*")
    return manifests.load((folder / "manifest.json").read_bytes())


def read(path: Path) -> dict[str, float]:
    """Every sample, by its name and label; each family has a help text, and comes once."""
    families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    return {
        sample.name.removeprefix("campaign_export_") + "".join(f":{v}" for v in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_published_run_tells_all_of_it(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "a.prom"
    write_metrics(str(path), exit_code=0, duration=12.5, usage=USAGE, manifest=manifest, now=1000.0)
    values = read(path)
    assert values["last_success_timestamp_seconds"] == values["last_run_timestamp_seconds"] == 1000.0
    assert values["last_run_duration_seconds"] == 12.5
    assert values["last_run_exit_code"] == 0
    assert values["campaigns:ok"] == manifest.counts.ok
    assert values["campaigns:not_found"] == manifest.counts.not_found
    assert values["requests"] == 310
    assert values["requests_rate_limited"] == 2
    assert values["waiting_for_rate_seconds"] == 240.5
    assert values["paused_seconds"] == 3.25
    assert values["snapshot_bytes"] == manifest.size
    assert values["snapshot_rows:campaigns.parquet"] == manifest.files["campaigns.parquet"].rows


def test_a_run_that_fails_tells_its_cost_and_leaves_what_is_known_of_the_last_snapshot(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = tmp_path / "a.prom"
    write_metrics(str(path), exit_code=0, duration=12.5, usage=USAGE, manifest=manifest, now=1000.0)
    before = read(path)
    for now in (2000.0, 3000.0):
        usage = Usage(Requests(total=7, rate_limited=1))
        write_metrics(str(path), exit_code=4, duration=900.0, usage=usage, manifest=None, now=now)
    values = read(path)
    assert values["last_run_exit_code"] == 4
    assert values["last_run_timestamp_seconds"] == 3000.0
    assert values["last_success_timestamp_seconds"] == 1000.0
    assert values["requests"] == 7
    kept = [name for name in before if name.startswith(("campaigns", "snapshot_"))]
    assert {name: values[name] for name in kept} == {name: before[name] for name in kept}


def test_failures_in_a_published_snapshot_are_no_success(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "a.prom"
    write_metrics(str(path), exit_code=1, duration=12.5, usage=USAGE, manifest=manifest, now=1000.0)
    values = read(path)
    assert "last_success_timestamp_seconds" not in values
    assert values["campaigns:ok"] == manifest.counts.ok


@pytest.mark.parametrize("text", ["not a metric {", "campaign_export_snapshot_bytes many\n", "\x00"])
def test_a_file_that_is_no_file_of_metrics_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.prom"
    path.write_text(text, encoding="utf-8")
    write_metrics(str(path), exit_code=3, duration=1.0, usage=Usage(), manifest=None, now=1000.0)
    assert read(path)["last_run_exit_code"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.prom"]
