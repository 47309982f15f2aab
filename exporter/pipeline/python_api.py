"""`exporter.export`: the main job for programs and notebooks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from exporter.clock import SystemClock
from exporter.errors import InputError, SettingsError
from exporter.events import Event, ignore
from exporter.ids.ids_file import CampaignIds, ids_of, read_ids
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.pipeline.job_description import ExportJob
from exporter.pipeline.publish import SnapshotResult
from exporter.pipeline.take_snapshot import take_snapshot
from exporter.ratelimit.ledger import default_ledger_path
from exporter.settings import Settings
from exporter.settings_reader import read_settings
from exporter.state_folder import user_state_dir
from exporter.stop import Stop
from exporter.user_path import dest_text

Options = TypeVar("Options", FetchOptions, SnapshotOptions)


def settings_from_env() -> Settings:
    """The account and the credentials from the environment variables `KORE_HOST`, `KORE_STREAM_ID` and so on.

    Raises `SettingsError`, which names all that is missing or wrong.
    """
    return read_settings(os.environ)


async def export(
    ids: str | os.PathLike[str] | Iterable[str] | None,
    dest: str | os.PathLike[str],
    *,
    settings: Settings,
    fetch: FetchOptions | None = None,
    options: SnapshotOptions | None = None,
    on_event: Callable[[Event], object] = ignore,
    stop: Stop | None = None,
) -> SnapshotResult:
    """Fetch campaigns and publish one snapshot: the engine of `campaign-export snapshot`, to be awaited.

    `ids`: a CSV file's path, the IDs themselves (texts, or a column of pandas or Arrow), or None for all that the list
    call finds. `dest`: a folder or URL. `settings`: see `settings_from_env`. With `fetch=None` the slots of the rate
    limit are shared with other runs on this machine.

    `on_event` is a plain function, called in the event loop for each event of `exporter.events`. It should be quick,
    for the requests wait for it. One that raises is reported once, by `logging` and in the manifest, and the work goes
    on. A coroutine function is refused: put events into an `asyncio.Queue`, and await that in a task of your own.

    To end the run early, cancel the task, or call `stop.ask(...)`, from any thread, to let requests under way finish.
    Either way the same call resumes. Raises an `ExportError` (see `exporter.errors`), and `TypeError` when `dest` is of
    another kind.

    In a notebook, where an event loop runs already, write `await exporter.export(...)` in place of `asyncio.run`.

    >>> import asyncio, exporter
    >>> settings = exporter.settings_from_env()  # doctest: +SKIP
    >>> result = asyncio.run(exporter.export(None, "exports", settings=settings))  # doctest: +SKIP
    >>> result.counts.ok  # doctest: +SKIP
    3
    """
    dest = dest_text(dest)
    state_dir = user_state_dir() or ""
    if not state_dir and (fetch is None or "://" in dest):
        raise SettingsError("this user has no home folder: set HOME or XDG_STATE_HOME, or give FetchOptions a ledger.")
    if fetch is None:
        fetch = FetchOptions(ledger=str(default_ledger_path(state_dir, settings.host, settings.account_id)))
    job = ExportJob(
        await asyncio.to_thread(_ids, ids),
        settings,
        Locations(dest, state_dir),
        _checked(fetch, FetchOptions),
        _checked(options or SnapshotOptions(), SnapshotOptions),
    )
    return await take_snapshot(job, clock=SystemClock(), emit=on_event, stop=stop or Stop())


def _checked(options: Options, kind: type[Options]) -> Options:
    """The same options, each of the type and in the range that it has. Raises `InputError`."""
    try:
        return msgspec.convert(msgspec.to_builtins(options, enc_hook=str), kind)
    except msgspec.ValidationError as error:
        text, _, name = str(error).partition(" - at `$.")
        raise InputError(f"{kind.__name__}{name and ': '}{name.rstrip('`')}: {text}.") from None


def _ids(ids: str | os.PathLike[str] | Iterable[str] | None) -> CampaignIds | None:
    if ids is None:
        return None
    if isinstance(ids, str | os.PathLike):
        return read_ids(os.fspath(ids))
    return ids_of(ids, source="the given IDs")
