"""What a tired person wants to know at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model import Failure
from exporter.pipeline.publish import SnapshotResult
from exporter.units import format_duration
from jobs.support.shell import duckdb_command, python_command

EXAMPLES = 3
"""IDs that are named of each kind of failure."""


def summary_of(result: SnapshotResult, failures: Iterable[Failure]) -> str:
    """The counts, what was left out and why, where things are, how to read them, what to do next."""
    manifest, counts = result.manifest, result.manifest.counts
    lines = ["", f"Snapshot {manifest.snapshot_id} ({manifest.mode}) is published: {result.where}"]
    got = f"  {counts.ok:,} campaigns"
    parts = []
    if counts.carried_over:
        parts.append(f"{counts.carried_over:,} carried over from {manifest.base_snapshot}")
    if result.reused - counts.carried_over > 0:
        parts.append(f"{result.reused - counts.carried_over:,} were there from an earlier attempt")
    lines.append(got + (f", {', '.join(parts)}" if parts else ""))
    lines.extend(_left_out(failures))
    if counts.gone:
        lines.append(f"  {counts.gone:,} of the snapshot before are gone")
    if manifest.ids.repeats:
        repeated = "ID was" if manifest.ids.repeats == 1 else "IDs were"
        lines.append(f"  {manifest.ids.repeats:,} repeated {repeated} fetched once")
    requests, seconds = manifest.requests, manifest.seconds
    spent = f"  {requests.total:,} requests in {format_duration(seconds.total)}"
    waits = []
    if seconds.waiting_for_rate >= 1:
        waits.append(f"{format_duration(seconds.waiting_for_rate)} waiting for the rate limit")
    if seconds.paused >= 1:
        waits.append(f"{format_duration(seconds.paused)} paused")
    if requests.rate_limited:
        waits.append(f"{requests.rate_limited} refused for the rate limit")
    lines.append(spent + (f" ({', '.join(waits)})" if waits else ""))
    if result.removed:
        lines.append(f"  removed by --keep or --keep-days: {', '.join(result.removed)}")
    lines += ["", *reading(result)]
    if counts.failed or counts.invalid:
        lines += ["", "Run the same command again: it tries only the failed campaigns, and publishes a whole snapshot."]
    return "\n".join(lines)


def reading(result: SnapshotResult) -> list[str]:
    """Commands that read the snapshot, and work as printed."""
    if "campaigns.parquet" not in result.manifest.files:
        code = f"import pandas; print(pandas.read_csv({result.where + '/campaigns.csv'!r}, dtype=str))"
        return [f"Read it:  {python_command(code)}"]
    dest = result.where.rsplit("/", 1)[0]
    commands = [python_command(f"import exporter; print(exporter.read_snapshot({dest!r}))")]
    if duckdb := duckdb_command(f"FROM '{result.where}/campaigns.parquet' LIMIT 5"):
        commands.append(duckdb)
    return [f"{'          ' if number else 'Read it:  '}{command}" for number, command in enumerate(commands)]


def _left_out(failures: Iterable[Failure]) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for failure in failures:
        key = (failure.outcome, failure.error)
        sizes[key] = sizes.get(key, 0) + 1
        examples = groups.setdefault(key, [])
        if len(examples) < EXAMPLES:
            examples.append(failure.campaign_id)
    lines = []
    for (outcome, error), examples in sorted(groups.items(), key=lambda group: -sizes[group[0]]):
        number = sizes[outcome, error]
        more = ", …" if number > len(examples) else ""
        lines.append(f"  {number:,} {outcome.replace('_', ' ')} ({error}): {', '.join(examples)}{more}")
    return lines
