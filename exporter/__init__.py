"""Every campaign of a Kore.ai account, out of its API and into files people trust.

The rooms, in the order a campaign passes them: `ids` (what is wanted), `plan` (how long it takes), `pipeline` (who
comes next), `pacing` (when a request may go), `api` (what to ask and what an answer means), `storage` (journal, files,
publishing), `tables` (from an answer to rows). `simulator` is the imitation of the API. The words that all of
them speak are in `model`, `events`, `errors`, `settings` and `run_options`.

For analysts: `read_snapshot`, `read_history` and `snapshots`. For programs: `export`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter._version import __version__

if TYPE_CHECKING:
    from exporter.pipeline.export import export as export
    from exporter.snapshot_store.history import read_history as read_history
    from exporter.snapshot_store.reader import read_snapshot as read_snapshot
    from exporter.snapshot_store.reader import snapshots as snapshots

__all__ = ["__version__", "export", "read_history", "read_snapshot", "snapshots"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: `campaign-export --help` must not wait for pyarrow.
    if name in ("read_snapshot", "snapshots"):
        from exporter.snapshot_store import reader

        return getattr(reader, name)
    if name == "read_history":
        from exporter.snapshot_store.history import read_history

        return read_history
    if name == "export":
        from exporter.pipeline.export import export

        return export
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
