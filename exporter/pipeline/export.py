"""`exporter.export`: the main job for programs and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import platformdirs

from exporter.clock import SystemClock
from exporter.events import Event, ignore
from exporter.ids.campaign_ids import CampaignIds, ids_of, read_ids
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.pipeline.publish import SnapshotResult
from exporter.pipeline.snapshot import take_snapshot
from exporter.settings import Settings
from exporter.stop import Stop


async def export(
    ids: str | Path | Iterable[str] | None,
    dest: str | Path,
    *,
    settings: Settings,
    fetch: FetchOptions | None = None,
    options: SnapshotOptions | None = None,
    on_event: Callable[[Event], None] = ignore,
    stop: Stop | None = None,
) -> SnapshotResult:
    """Fetch campaigns and publish one snapshot: the engine of `campaign-export snapshot`, to be awaited.

    `ids`: a CSV file's path, the IDs themselves, or None for all that the list call finds. `dest`: a folder or URL.
    `settings`: see `exporter.settings.read_settings`. `on_event` is called in the event loop for each event of
    `exporter.events`. To end the run early, cancel the task, or `stop.ask(...)` to let requests under way finish;
    either way the same call resumes. With `fetch=None` the places taken are shared with other runs on this machine.
    Raises an `ExportError` (see `exporter.errors`).

    In a notebook, where an event loop runs already, write `await exporter.export(...)` in place of `asyncio.run`.

    >>> import asyncio, os, exporter
    >>> from exporter.settings import read_settings
    >>> settings = read_settings(os.environ)  # doctest: +SKIP
    >>> result = asyncio.run(exporter.export(None, "exports", settings=settings))  # doctest: +SKIP
    >>> result.counts.ok  # doctest: +SKIP
    3
    """
    state_dir = platformdirs.user_state_dir("campaign-export", appauthor=False)
    if fetch is None:
        from exporter.ratelimit.ledger import default_ledger_path

        fetch = FetchOptions(ledger=str(default_ledger_path(state_dir, settings.host, settings.account_id)))
    return await take_snapshot(
        _ids(ids),
        settings=settings,
        locations=Locations(str(dest), state_dir),
        fetch=fetch,
        options=options or SnapshotOptions(),
        clock=SystemClock(),
        emit=on_event,
        stop=stop or Stop(),
    )


def _ids(ids: str | Path | Iterable[str] | None) -> CampaignIds | None:
    if ids is None:
        return None
    if isinstance(ids, str | Path):
        return read_ids(str(ids))
    return ids_of(ids, source="the given IDs")
