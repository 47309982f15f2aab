"""`jobs.support.metrics`: the file for the node exporter, judged by Prometheus' own parser."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from exporter.events import Spent
from exporter.model import Requests, Seconds, Usage
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.manifest import Manifest
from jobs.support.event_console import Console
from jobs.support.metrics import MetricsFile, RunOutcome, read_samples, write_metrics
from tests.support.metrics import samples_in
from tests.support.running import ROOT

USAGE = Usage(Requests(total=310, retries=4, rate_limited=2), Seconds(waiting_for_rate=240.5, paused=3.25))


@pytest.fixture
def manifest() -> Manifest:
    (folder,) = (ROOT / "tests" / "fixtures" / "schema_1").glob("snapshot=*")
    return manifests.load((folder / "manifest.json").read_bytes())


def write(path: Path, *outcomes: RunOutcome, now: float = 1000.0) -> None:
    write_metrics(str(path), list(outcomes), read_samples(str(path)), now=now)


def outcome(code: int, manifest: Manifest | None = None, account: str = "north", usage: Usage = USAGE) -> RunOutcome:
    return RunOutcome(account, "st-1", code, 12.5, usage, manifest)


def read(path: Path, account: str = "north") -> dict[str, float]:
    """Every sample of an account, by its name and other labels."""
    samples = samples_in(path)
    assert all({"account", "stream"} <= set(sample.labels) for sample in samples)
    return {
        ":".join([sample.name, *(sample.labels[name] for name in ("outcome", "file") if name in sample.labels)]):
        sample.value for sample in samples if sample.labels["account"] == account
    }  # fmt: skip


def test_a_published_run_reports_all_of_it(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "a.prom"
    write(path, outcome(0, manifest))
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


def test_a_run_that_fails_reports_its_cost_and_keeps_what_is_known_of_the_last_snapshot(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = tmp_path / "a.prom"
    write(path, outcome(0, manifest))
    before = read(path)
    for now in (2000.0, 3000.0):
        write(path, outcome(4, usage=Usage(Requests(total=7, rate_limited=1))), now=now)
    values = read(path)
    assert values["last_run_exit_code"] == 4
    assert values["last_run_timestamp_seconds"] == 3000.0
    assert values["last_success_timestamp_seconds"] == 1000.0
    assert values["requests"] == 7
    kept = [name for name in before if name.startswith(("campaigns", "snapshot_"))]
    assert {name: values[name] for name in kept} == {name: before[name] for name in kept}


def test_last_success_is_0_where_there_never_was_one(tmp_path: Path, manifest: Manifest) -> None:
    """An alert on "older than" must fire in the first night."""
    path = tmp_path / "a.prom"
    write(path, outcome(1, manifest))
    assert read(path)["last_success_timestamp_seconds"] == 0
    assert read(path)["campaigns:ok"] == manifest.counts.ok


def test_files_of_a_new_snapshot_replace_those_of_the_last(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "a.prom"
    write(path, outcome(0, manifest), outcome(0, manifest, account="south"))
    changed = manifests.load(manifests.dump(manifest))
    changed.files.pop("campaigns.csv")
    write(path, outcome(0, changed))
    assert "snapshot_rows:campaigns.csv" not in read(path)
    assert "snapshot_rows:campaigns.csv" in read(path, "south")


def test_the_accounts_of_a_fleet_are_in_one_file_and_those_that_did_not_run_stay(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = tmp_path / "a.prom"
    write(path, outcome(0, manifest), outcome(3, account='so"uth\\\n'))
    write(path, outcome(4), now=2000.0)
    assert read(path)["last_run_exit_code"] == 4
    assert read(path, 'so"uth\\\n')["last_run_exit_code"] == 3


@pytest.mark.parametrize("text", ["not a metric {", "campaign_export_snapshot_bytes many\n", "\x00", "\udcff"])
def test_a_file_that_is_no_file_of_metrics_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.prom"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    write(path, outcome(3))
    assert read(path)["last_run_exit_code"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.prom"]


def test_a_pipe_is_written_to_and_never_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(path, outcome(0))
        assert b"campaign_export_last_run_exit_code" in os.read(reader, 2**16)
    finally:
        os.close(reader)


@pytest.mark.parametrize("path", ["", ".", "nowhere/a.prom", "long" * 99])
def test_a_metrics_file_that_can_never_be_written_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        MetricsFile(path)


def test_a_run_that_fails_before_it_knows_its_account_counts_for_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.prom"
    console = Console(stream=io.StringIO(), verbosity=0, as_json=False)
    console.emit(Spent(USAGE))
    MetricsFile(str(path)).finish(console, 2, "", "")
    assert read(path, "")["last_run_exit_code"] == 2
    assert read(path, "")["requests"] == 310
    path.unlink()
    write(path, outcome(0))
    MetricsFile(str(path)).finish(console, 2, "", "")
    assert read(path)["last_run_exit_code"] == 2
    assert read(path)["last_success_timestamp_seconds"] == 1000.0


@pytest.mark.parametrize("known", [("", ""), ("", "st-1"), ("north", "")])
def test_what_a_run_said_that_knew_only_a_part_of_its_account_ends_with_the_next_that_knows_all(
    tmp_path: Path, manifest: Manifest, known: tuple[str, str]
) -> None:
    """An alert on the exit code must end when all is well again."""
    path = tmp_path / "a.prom"
    console = Console(stream=io.StringIO(), verbosity=0, as_json=False)

    def codes() -> dict[tuple[str, str], float]:
        found = [sample for sample in samples_in(path) if sample.name == "last_run_exit_code"]
        return {(sample.labels["account"], sample.labels["stream"]): sample.value for sample in found}

    write(path, outcome(0, account="south"))
    MetricsFile(str(path)).finish(console, 2, "east", "")
    assert codes() == {("south", "st-1"): 0, ("east", ""): 2}, "not south's"
    path.unlink()
    for _ in range(2):
        MetricsFile(str(path)).finish(console, 2, *known)
        assert codes() == {known: 2}
    write(path, outcome(0, manifest))
    assert codes() == {("north", "st-1"): 0}
    MetricsFile(str(path)).finish(console, 2, *known)
    assert codes() == {("north", "st-1"): 2}
    assert read(path)["campaigns:ok"] == manifest.counts.ok


def test_an_account_id_that_is_not_utf_8_is_written_with_its_bytes_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a.prom"
    console = Console(stream=io.StringIO(), verbosity=0, as_json=False)
    for _ in range(2):
        MetricsFile(str(path)).finish(console, 2, "north\udcff", "st-1")
        assert read(path, r"north\udcff")["last_run_exit_code"] == 2


def test_metrics_that_cannot_be_written_are_a_warning_in_quiet_too(tmp_path: Path) -> None:
    shown = io.StringIO()
    (tmp_path / "gone").mkdir()
    metrics_file = MetricsFile(str(tmp_path / "gone" / "a.prom"))
    (tmp_path / "gone").rmdir()
    metrics_file.finish(Console(stream=shown, verbosity=-1, as_json=False), 0, "north", "st-1")
    assert "warning: --metrics-file" in shown.getvalue()
