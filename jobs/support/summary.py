"""What a tired person wants to know at the end of a run."""

from __future__ import annotations

from exporter.model import Usage
from exporter.pipeline.plan import savings
from exporter.pipeline.publish import SnapshotResult
from exporter.units import counted, format_duration
from jobs.support.copyable_commands import duckdb_command, python_command


def summary_of(result: SnapshotResult, attempt: Usage | None = None) -> list[str]:
    """The counts, what was left out and why, where things are, what to do next.

    `attempt`: what the last attempt has spent, if there were others.
    """
    manifest, counts = result.manifest, result.manifest.counts
    state = "is published" if result.published else "stays as it was"
    lines = [f"Snapshot {manifest.snapshot_id} ({manifest.mode}) {state}: {result.where}"]
    parts = [f"  {counted(counts.ok, 'campaign')}"]
    if counts.carried_over:
        parts.append(f"{counts.carried_over:,} unchanged since {manifest.base_snapshot}")
    if (resumed := result.reused - counts.carried_over) > 0:
        parts.append(f"{counted(resumed, 'answer')} from an earlier attempt")  # not all of them are campaigns
    lines.append(", ".join(parts))
    lines.extend(_left_out(result))
    if counts.gone:
        lines.append(f"  {counts.gone:,} of the snapshot before gone")
    if manifest.ids.repeats:
        repeated = "ID was" if manifest.ids.repeats == 1 else "IDs were"
        lines.append(f"  {manifest.ids.repeats:,} repeated {repeated} fetched once")
    everything = Usage(manifest.requests, manifest.seconds)
    if attempt is not None and not result.published:  # the manifest is of an earlier attempt
        lines.append(f"  this attempt: {_spent(attempt)}")
    elif attempt is None or attempt.requests.total == everything.requests.total:
        lines.append(f"  {_spent(everything)}")
    else:
        lines += [f"  this attempt: {_spent(attempt)}", f"  all attempts: {_spent(everything)}"]
    requests_saved, seconds_saved = savings(manifest)
    if requests_saved:
        saved = f"{counted(requests_saved, 'request')} and {format_duration(seconds_saved)}"
        lines.append(f"  {saved} saved against a full run")
    if result.removed:
        lines.append(f"  older snapshots removed: {', '.join(result.removed)}")
    if not result.complete and result.published:
        lines.append("Run the same command again: it tries only the failed campaigns, and publishes a whole snapshot.")
    return lines


def _spent(usage: Usage) -> str:
    requests, seconds = usage.requests, usage.seconds
    waits = [
        f"{format_duration(seconds.waiting_for_rate)} waiting for the rate limit" * (seconds.waiting_for_rate >= 1),
        f"{format_duration(seconds.paused)} paused" * (seconds.paused >= 1),
        f"{requests.rate_limited:,} refused for the rate limit" * (requests.rate_limited > 0),
    ]
    shown = ", ".join(wait for wait in waits if wait)
    total = f"{counted(requests.total, 'request')} in {format_duration(seconds.total)}"
    return total + (f" ({shown})" if shown else "")


def reading(result: SnapshotResult) -> list[str]:
    """Commands that read the snapshot, and work as printed."""
    if "campaigns.parquet" not in result.manifest.files:
        arguments = f"{result.where + '/campaigns.csv'!r}, dtype=str, keep_default_na=False"
        return [f"Read it:  {python_command(f'import pandas; print(pandas.read_csv({arguments}))')}"]
    dest = result.where.rsplit("/", 1)[0]
    commands = [python_command(f"import exporter; print(exporter.read_snapshot({dest!r}))")]
    if duckdb := duckdb_command(f"{result.where}/campaigns.parquet"):
        commands.append(duckdb)
    return [f"{'          ' if number else 'Read it:  '}{command}" for number, command in enumerate(commands)]


def _left_out(result: SnapshotResult) -> list[str]:
    lines = []
    for group in result.failures:
        more = ", …" if group.number > len(group.examples) else ""
        outcome = group.outcome.replace("_", " ")
        lines.append(f"  {group.number:,} {outcome} ({group.error}): {', '.join(group.examples)}{more}")
    return lines
