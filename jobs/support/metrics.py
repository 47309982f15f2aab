"""`--metrics-file`: how the last run went, for the node exporter's textfile collector."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import InputError
from exporter.files import replace_file
from exporter.model import Usage
from exporter.snapshot_store.names import began_at

if TYPE_CHECKING:
    from exporter.snapshot_store.manifest import Manifest

PREFIX = "campaign_export_"


def check_metrics_file(path: str | None) -> None:
    """Raise `InputError` before anything is done when the file can never be written."""
    if path is not None and not os.access(Path(path).absolute().parent, os.W_OK):
        raise InputError(f"--metrics-file: the folder of {path} cannot be written.")


OF_THE_LAST_SNAPSHOT = ("campaigns", "snapshot_timestamp_seconds", "snapshot_bytes", "snapshot_rows")


def write_metrics(
    path: str, *, exit_code: int, duration: float, usage: Usage, manifest: Manifest | None, now: float
) -> None:
    """Replace `path` at once. What a run without success or without a snapshot cannot tell stays as the file told it.

    Raises `StorageFailed`.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}

    def gauge(name: str, help_text: str, value: float, **labels: str) -> None:
        known = gauges.get(name)
        if known is None:
            known = gauges[name] = Gauge(PREFIX + name, help_text, list(labels), registry=registry)
        (known.labels(**labels) if labels else known).set(value)

    gauge("last_run_timestamp_seconds", "When the last run ended, since 1970.", now)
    gauge("last_run_duration_seconds", "How long the last run took.", duration)
    gauge("last_run_exit_code", "Exit code of the last run.", exit_code)
    requests, seconds = usage.requests, usage.seconds
    gauge("requests", "Requests sent by the last run, all attempts together.", requests.total)
    gauge("requests_rate_limited", "Requests refused for the rate limit.", requests.rate_limited)
    gauge("requests_retries", "Requests that were tried again.", requests.retries)
    gauge("waiting_for_rate_seconds", "Time spent waiting for a slot under the limit.", seconds.waiting_for_rate)
    gauge("paused_seconds", "Time for which the service made all workers pause.", seconds.paused)
    kept: set[str] = set()
    if exit_code == 0:
        gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0, since 1970.", now)
    else:
        kept.add("last_success_timestamp_seconds")
    if manifest is not None:
        counts = manifest.counts
        for outcome in ("ok", "carried_over", "not_found", "invalid", "failed", "gone"):
            gauge("campaigns", "Campaigns of the last snapshot by outcome; carried_over is a part of ok.",
                  getattr(counts, outcome), outcome=outcome)  # fmt: skip
        gauge("snapshot_timestamp_seconds", "When the run of the last snapshot began, since 1970.",
              began_at(manifest.snapshot_id).timestamp())  # fmt: skip
        gauge("snapshot_bytes", "Size of the last snapshot's files.", manifest.size)
        for name, file in manifest.files.items():
            gauge("snapshot_rows", "Rows of the last snapshot's files.", file.rows, file=name)
    else:
        kept.update(OF_THE_LAST_SNAPSHOT)
    data = generate_latest(registry) + _told_before(path, {PREFIX + name for name in kept})
    replace_file(Path(path), data, mode=0o644)  # the collector is another user


def _told_before(path: str, names: set[str]) -> bytes:
    """The lines about `names` that the file holds now; none, where it is no file of metrics."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        text = Path(path).read_text(encoding="utf-8")
        list(text_string_to_metric_families(text))
    except (OSError, ValueError):
        return b""
    lines = [line for line in text.splitlines() if _name_in(line) in names]
    return "".join(f"{line}\n" for line in lines).encode()


def _name_in(line: str) -> str:
    words = line.split(" ")
    return words[2] if line.startswith("# ") and len(words) > 2 else words[0].partition("{")[0]
