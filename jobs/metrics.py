"""`--metrics-file`: how the last run went, for the node exporter's textfile collector."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import InputError
from exporter.storage.names import began_at

if TYPE_CHECKING:
    from exporter.storage.manifest import Manifest


def check_metrics_file(path: str | None) -> None:
    """Raise `InputError` before anything is done when the file can never be written."""
    if path is not None and not os.access(Path(path).absolute().parent, os.W_OK):
        raise InputError(f"--metrics-file: the folder of {path} cannot be written.")


def write_metrics(path: str, *, exit_code: int, duration: float, manifest: Manifest | None, now: float) -> None:
    """Replace `path` at once. Without a manifest (nothing published) the last success stays as the file told it.

    Raises `OSError`.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, value: float, **labels: str) -> None:
        known = _gauges.get(name)
        if known is None:
            known = _gauges[name] = Gauge(f"campaign_export_{name}", help_text, list(labels), registry=registry)
        (known.labels(**labels) if labels else known).set(value)

    _gauges: dict[str, Gauge] = {}
    gauge("last_run_timestamp_seconds", "When the last run ended, since 1970.", now)
    gauge("last_run_duration_seconds", "How long the last run took.", duration)
    gauge("last_run_exit_code", "Exit code of the last run.", exit_code)
    success = now if exit_code == 0 else _last_success(path)
    if success is not None:
        gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0, since 1970.", success)
    if manifest is not None:
        counts = manifest.counts
        for outcome in ("ok", "carried_over", "not_found", "invalid", "failed", "gone"):
            gauge("campaigns", "Campaigns by outcome; carried_over is a part of ok.", getattr(counts, outcome),
                  outcome=outcome)  # fmt: skip
        gauge("requests", "Requests sent by the last run, all attempts together.", manifest.requests.total)
        gauge("requests_rate_limited", "Requests refused for the rate limit.", manifest.requests.rate_limited)
        gauge("requests_retries", "Requests that were tried again.", manifest.requests.retries)
        gauge(
            "waiting_for_rate_seconds",
            "Time spent waiting for a place under the limit.",
            manifest.seconds.waiting_for_rate,
        )
        gauge("paused_seconds", "Time for which the service made all workers pause.", manifest.seconds.paused)
        gauge("snapshot_timestamp_seconds", "When the run of the last snapshot began, since 1970.",
              began_at(manifest.snapshot_id).timestamp())  # fmt: skip
        gauge("snapshot_bytes", "Size of the last snapshot's files.", manifest.size)
        for name, file in manifest.files.items():
            gauge("snapshot_rows", "Rows of the last snapshot's files.", file.rows, file=name)
    replace_file(Path(path), generate_latest(registry))


def _last_success(path: str) -> float | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "campaign_export_last_success_timestamp_seconds":
            try:
                return float(value)
            except ValueError:
                return None
    return None


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` at once, so that no reader sees half of it. Raises `OSError`."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
