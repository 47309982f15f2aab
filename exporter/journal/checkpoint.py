"""What a run remembers across restarts: one small record in the journal."""

from __future__ import annotations

import uuid
from typing import Protocol

import msgspec

from exporter.model import RequestCounts, SnapshotMode

_KEY = "run"


class Costs(msgspec.Struct, omit_defaults=True):
    """Requests and seconds of all attempts of a run so far."""

    total: int = 0
    list: int = 0
    retries: int = 0
    rate_limited: int = 0
    most_in_a_window: int = 0
    seconds: float = 0.0
    waiting_for_rate: float = 0.0
    paused: float = 0.0

    def plus(self, other: Costs) -> Costs:
        """The costs of two attempts together."""
        return Costs(
            total=self.total + other.total,
            list=self.list + other.list,
            retries=self.retries + other.retries,
            rate_limited=self.rate_limited + other.rate_limited,
            most_in_a_window=max(self.most_in_a_window, other.most_in_a_window),
            seconds=self.seconds + other.seconds,
            waiting_for_rate=self.waiting_for_rate + other.waiting_for_rate,
            paused=self.paused + other.paused,
        )

    def as_request_counts(self) -> RequestCounts:
        """As the manifest tells them."""
        return RequestCounts(
            total=self.total,
            list=self.list,
            retries=self.retries,
            rate_limited=self.rate_limited,
            most_in_a_window=self.most_in_a_window,
            waiting_for_rate=round(self.waiting_for_rate, 3),
            paused=round(self.paused, 3),
        )


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
    costs: Costs = msgspec.field(default_factory=Costs)
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
