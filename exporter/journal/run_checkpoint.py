"""What a run remembers to be resumed: one small record in the journal."""

from __future__ import annotations

import uuid

import msgspec

from exporter.json_text import MSGSPEC_REFUSES
from exporter.model import Pause, SnapshotMode, Usage

MOST_PAUSES = 500
"""Pauses that are remembered. A run with more is well described by these."""


class Incomplete(msgspec.Struct, frozen=True):
    """A snapshot that was published with failed campaigns, and when (milliseconds since 1970)."""

    snapshot_id: str
    published_at: int


class Checkpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run, from its first attempt to its publishing. Times in milliseconds since 1970, UTC.

    `request`: a hash of what was asked for, so that the same command is known again. `listed_at`: when the list pass
    that the journal holds was made. `incomplete`: what this command published last, if some campaigns failed; the next
    attempt tries them again. `clock_ahead`: seconds by which this machine's clock is ahead of the service's. `writer`:
    the run's name on a store to which others may write too.
    """

    snapshot_id: str
    started_at: int
    request: str = ""
    mode: SnapshotMode = "full"
    base: str | None = None
    listed_at: int | None = None
    listed_types: tuple[str, ...] = ()
    usage: Usage = Usage()
    limits: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    warnings: tuple[str, ...] = ()
    incomplete: Incomplete | None = None
    clock_ahead: float = 0.0
    writer: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_published(self) -> bool:
        """Whether this very run was published, with failed campaigns; a whole one is forgotten."""
        return self.incomplete is not None and self.incomplete.snapshot_id == self.snapshot_id


_decode = msgspec.json.Decoder(Checkpoint).decode


def encode(checkpoint: Checkpoint) -> str:
    """A checkpoint as the journal keeps it."""
    return msgspec.json.encode(checkpoint).decode()


def decode(text: str) -> Checkpoint | None:
    """The checkpoint that `encode` wrote; None when another version of the program wrote it."""
    try:
        return _decode(text)
    except MSGSPEC_REFUSES:
        return None
