"""What a run remembers across restarts: one small record in the journal."""

from __future__ import annotations

import uuid
from typing import Protocol

import msgspec

from exporter.model import SnapshotMode, Usage

_KEY = "run"


MOST_PAUSES = 500
"""Pauses that are remembered; a run with more has told its story by then."""


class Pause(msgspec.Struct, frozen=True):
    """When all workers waited: milliseconds since 1970, seconds, and why."""

    at: int
    seconds: float
    why: str


class Checkpoint(msgspec.Struct, omit_defaults=True):
    """One run, from its first attempt to its publishing. Times in milliseconds since 1970, UTC.

    `writer`: its name on a store where others may write too.
    """

    snapshot_id: str
    started_at: int
    mode: SnapshotMode = "full"
    base: str | None = None
    listed_at: int | None = None
    listed_types: tuple[str, ...] = ()
    usage: Usage = Usage()
    limits: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    warnings: tuple[str, ...] = ()
    published_at: int | None = None
    writer: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)


class Notebook(Protocol):
    """The part of the journal that keeps texts under keys."""

    def get_meta(self, key: str) -> str | None:
        """The text under `key`, or None."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Keep `value` under `key`, durably."""
        ...


def load(notebook: Notebook) -> Checkpoint | None:
    """The run that the journal remembers; None when there is none, or none that this version can read."""
    text = notebook.get_meta(_KEY)
    try:
        return msgspec.json.decode(text, type=Checkpoint) if text else None
    except msgspec.MsgspecError:
        return None


def save(notebook: Notebook, state: Checkpoint) -> None:
    """Remember `state`."""
    notebook.set_meta(_KEY, msgspec.json.encode(state).decode())
