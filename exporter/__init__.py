"""Every campaign of a Kore.ai account, out of its API and into files people trust.

The packages, in the order in which a campaign meets them:

    pipeline         the order of all others: start here (`pipeline/__init__.py`)
    ids              what is wanted, from a CSV file or a list
    ratelimit        when a request may go: sliding window, ledger, circuit breaker, retry, backoff
    api              all that knows Kore.ai: endpoints, tokens, HTTP, and what a response means
    fetch            who asks: worker pool, list pass
    journal          what was fetched, on the disk before it counts
    tables           from a response to rows: columns, converters, flattening
    snapshot_store   what is published: files, manifest, reading, diff, history, retention, lock
    report, simulator   the HTML page; a simulator of the API
    model, events, errors, options, settings, units, text, json_text, files, clock, stop   what all of them share

For analysts: `read_snapshot`, `read_history` and `snapshots`. For programs: `export` and `settings_from_env`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from exporter._version import __version__ as __version__

if TYPE_CHECKING:
    from exporter.pipeline.python_api import export as export
    from exporter.pipeline.python_api import settings_from_env as settings_from_env
    from exporter.snapshot_store.catalog import snapshots as snapshots
    from exporter.snapshot_store.history import read_history as read_history
    from exporter.snapshot_store.reader import read_snapshot as read_snapshot

__all__ = ["export", "read_history", "read_snapshot", "settings_from_env", "snapshots"]

_HOMES = {
    "export": "exporter.pipeline.python_api",
    "settings_from_env": "exporter.pipeline.python_api",
    "read_history": "exporter.snapshot_store.history",
    "read_snapshot": "exporter.snapshot_store.reader",
    "snapshots": "exporter.snapshot_store.catalog",
}
"""Imported when asked for: `campaign-export --help` must not wait for pyarrow."""


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
