"""`--metrics-file`: how the last runs went, for the node exporter's textfile collector.

Every sample carries account and stream, so that several files can be in one folder. The file is written at every end of
a run, once its name is known. What a run without success or without a snapshot does not know stays as the file has it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from exporter.errors import StorageFailed
from exporter.model import Usage
from exporter.text import storable
from jobs.support.event_console import Console
from jobs.support.lazy_imports import lazy_imports

with lazy_imports(__name__):
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.parser import text_string_to_metric_families

    from exporter.files import explained, replace_file
    from exporter.snapshot_store.manifest import Manifest
    from exporter.snapshot_store.names import began_at

PREFIX = "campaign_export_"

HELP = {
    "last_run_timestamp_seconds": "When the last run ended, since 1970.",
    "last_run_duration_seconds": "How long the last run took.",
    "last_run_exit_code": "Exit code of the last run.",
    "last_success_timestamp_seconds": "When a run last ended with exit code 0, since 1970; 0: never.",
    "requests": "Requests sent by the last run, all attempts together.",
    "requests_rate_limited": "Requests refused for the rate limit.",
    "requests_retries": "Requests that were tried again.",
    "waiting_for_rate_seconds": "Time spent waiting for a slot under the limit.",
    "paused_seconds": "Time for which the service made all workers pause.",
    "campaigns": "Campaigns of the last snapshot by outcome; carried_over is a part of ok.",
    "snapshot_timestamp_seconds": "When the run of the last snapshot began, since 1970.",
    "snapshot_bytes": "Size of the last snapshot's files.",
    "snapshot_rows": "Rows of the last snapshot's files.",
}

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]
"""Name without its prefix and labels -> value."""


class RunOutcome(msgspec.Struct):
    """How the run of one account ended. `manifest`: of the snapshot that it published."""

    account: str
    stream: str
    exit_code: int
    seconds: float
    usage: Usage = Usage()
    manifest: Manifest | None = None

    @property
    def labels(self) -> Labels:
        """Whose run it was; a run fails, too, whose variables are no text that a file can hold."""
        return (("account", storable(self.account)), ("stream", storable(self.stream)))


class MetricsFile:
    """The file, and what a command has reported for it so far. Raises `ValueError` when it can never be written."""

    def __init__(self, path: str) -> None:
        try:
            usable = path and not Path(path).is_dir() and os.access(Path(path).absolute().parent, os.W_OK)
        except OSError as error:
            raise ValueError(f"{path!r} cannot be written: {explained(error)}") from None
        if not usable:
            raise ValueError(f"{path!r} cannot be written: there is no such folder, or it is not yours")
        self.path = path
        self._began = time.monotonic()
        self.manifest: Manifest | None = None
        self.outcomes: list[RunOutcome] = []

    def finish(self, console: Console, exit_code: int, account: str, stream: str) -> None:
        """Write the file. A failure is a warning, in quiet, too: it changes nothing of the run.

        The run is that of `account`, and has spent what `console` counted, unless the command has reported `outcomes`
        of its own. One that failed before it knew its account was one of those of the file that it may have been.
        """
        before = read_samples(self.path)
        seconds = time.monotonic() - self._began
        accounts = sorted(pair for pair in set(map(_account, before)) if any(pair) and _may_be((account, stream), pair))
        outcomes = self.outcomes or [
            RunOutcome(account, stream, exit_code, seconds, console.tally.usage, self.manifest)
            for account, stream in accounts or [(account, stream)]
        ]
        try:
            write_metrics(self.path, outcomes, before, now=time.time())
        except StorageFailed as error:
            console.trouble(f"warning: --metrics-file {error}", event="warned")


def _account(sample: tuple[str, Labels]) -> tuple[str, str]:
    """Whose a sample is: account and stream."""
    labels = dict(sample[1])
    return labels["account"], labels["stream"]


def _may_be(known: tuple[str, str], pair: tuple[str, str]) -> bool:
    """Whether a run that knew so much of its account and stream, or nothing, may have been that of `pair`."""
    return all(storable(part) in ("", other) for part, other in zip(known, pair, strict=True))


def write_metrics(path: str, outcomes: list[RunOutcome], before: Samples, *, now: float) -> None:
    """Replace the file at once. Accounts that are not among `outcomes` stay. Raises `StorageFailed`."""
    samples = dict(before)
    for outcome in outcomes:
        # A run that knew only a part of its account: this one tells more.
        own = _account(("", outcome.labels))
        samples = {
            key: value for key, value in samples.items() if _account(key) == own or not _may_be(_account(key), own)
        }
        if outcome.manifest is not None:
            # Files and outcomes that the new snapshot lacks.
            samples = {
                key: value for key, value in samples.items() if not key[0].startswith(("snapshot_", "campaigns"))
                or not set(outcome.labels) <= set(key[1])
            }  # fmt: skip
        samples.setdefault(("last_success_timestamp_seconds", outcome.labels), 0.0)
        samples.update(_samples(outcome, now))
    registry = CollectorRegistry()
    registry.register(_Families(samples))
    replace_file(Path(path), generate_latest(registry), mode=0o644)  # the collector is another user


def _samples(outcome: RunOutcome, now: float) -> Iterator[tuple[tuple[str, Labels], float]]:
    requests, seconds, manifest = outcome.usage.requests, outcome.usage.seconds, outcome.manifest
    values: dict[str, float] = {
        "last_run_timestamp_seconds": now,
        "last_run_duration_seconds": outcome.seconds,
        "last_run_exit_code": outcome.exit_code,
        "requests": requests.total,
        "requests_rate_limited": requests.rate_limited,
        "requests_retries": requests.retries,
        "waiting_for_rate_seconds": seconds.waiting_for_rate,
        "paused_seconds": seconds.paused,
    }
    if outcome.exit_code == 0:
        values["last_success_timestamp_seconds"] = now
    if manifest is not None:
        values["snapshot_timestamp_seconds"] = began_at(manifest.snapshot_id).timestamp()
        values["snapshot_bytes"] = manifest.size
        for name, count in msgspec.structs.asdict(manifest.counts).items():
            yield ("campaigns", (*outcome.labels, ("outcome", name))), count
        for name, file in manifest.files.items():
            yield ("snapshot_rows", (*outcome.labels, ("file", name))), file.rows
    for name, value in values.items():
        yield (name, outcome.labels), value


class _Families:
    """Samples as the Prometheus client wants them: a family for each name."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Any]:
        for name, text in HELP.items():
            own = [(dict(labels), value) for (of, labels), value in self._samples.items() if of == name]
            if own:
                family = GaugeMetricFamily(PREFIX + name, text, labels=list(own[0][0]))
                for labels, value in own:
                    family.add_metric(list(labels.values()), value)
                yield family


def read_samples(path: str) -> Samples:
    """The samples that a file of ours holds now; none, where it is not a file of metrics.

    A pipe or a device (/dev/stdout) is only written to: reading it may have no end.
    """
    samples_there: Samples = {}
    try:
        if not Path(path).is_file():
            return {}
        for family in text_string_to_metric_families(Path(path).read_text(encoding="utf-8")):
            name = family.name.removeprefix(PREFIX)
            for sample in family.samples:
                labels = _ordered(sample.labels)
                if name in HELP and {"account", "stream"} <= set(sample.labels):
                    samples_there[name, labels] = sample.value
    except (OSError, ValueError):
        return {}
    return samples_there


def _ordered(labels: Mapping[str, str]) -> Labels:
    """Account and stream first, as they are written."""
    return tuple(sorted(labels.items(), key=lambda pair: (pair[0] not in ("account", "stream"), pair[0])))
