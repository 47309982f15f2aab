"""`manifest.json`: the proof of a snapshot, written last. A folder without it is not a snapshot.

It carries a hash of itself (`manifest_sha256`, of the text with that value empty), so that a changed digit in a
count is found like a changed byte in a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from exporter._version import __version__
from exporter.json_text import MSGSPEC_REFUSES
from exporter.model import Counts, FileEntry, Identity, Pause, Requests, Seconds, SnapshotMode
from exporter.snapshot_store.names import began_at
from exporter.text import one_line
from exporter.units import parse_rate


class Ids(msgspec.Struct, frozen=True):
    """What was asked for."""

    source: str
    sha256: str
    given: int
    unique: int
    repeats: int


class Pacing(msgspec.Struct, frozen=True):
    """What the requests of a run had to keep to: its limits (`60/1m`), and the pauses there were."""

    limits: list[str]
    pauses: list[Pause]


class Manifest(msgspec.Struct, frozen=True):
    """What a snapshot is and how it came to be. Times are ISO 8601, UTC."""

    snapshot_id: str
    started_at: str
    finished_at: str
    program_version: str
    schema_version: int
    mode: SnapshotMode
    base_snapshot: str | None
    api: Identity
    ids: Ids
    counts: Counts
    requests: Requests
    seconds: Seconds
    files: dict[str, FileEntry]
    warnings: list[str]
    pacing: Pacing | msgspec.UnsetType = msgspec.UNSET
    """Unset where nothing was fetched, and in what versions before it wrote: their seals stay whole."""
    manifest_sha256: str = ""

    @property
    def reconciled(self) -> bool:
        """Whether every ID that was given has exactly one outcome, or repeats another."""
        return self.ids.unique == self.counts.unique == self.ids.given - self.ids.repeats

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())


MOST = 2**50
"""No count, and no file, is larger."""

MOST_SECONDS = 1e9
"""Thirty years: no run, and no pause, is longer."""


_decode = msgspec.json.Decoder(Manifest).decode


class NotAManifest(ValueError):
    """The text is not a manifest, or not the one that was written."""


def iso(milliseconds: int) -> str:
    """`2026-11-23T02:00:00.123Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """The moment that `iso` wrote, in milliseconds since 1970. Raises `ValueError`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def dump(manifest: Manifest) -> bytes:
    """The file's bytes, sealed."""
    return seal(msgspec.to_builtins(manifest))


def load(data: bytes, *, sealed: bool = True) -> Manifest:
    """The manifest in `data`. Raises `NotAManifest`; `sealed`: also when its seal is broken."""
    try:
        manifest = _decode(data)
        _prove(manifest)
    except (ValueError, OverflowError, *MSGSPEC_REFUSES) as error:
        newer = _newer_version(data)
        raise NotAManifest(
            f"written by version {newer} of the program, which this one ({__version__}) cannot read"
            if newer else f"not a manifest: {error}"
        ) from None  # fmt: skip
    # As it is there: what a newer version has added is under its seal, too.
    if sealed and seal(json.loads(data)) != data:
        raise NotAManifest("its content is not what was written")
    return manifest


def _prove(manifest: Manifest) -> None:
    """Raise `ValueError`, `OverflowError` where what a reader computes with is not such as is ever written."""
    pacing = manifest.pacing if isinstance(manifest.pacing, Pacing) else Pacing([], [])
    for snapshot in (manifest.snapshot_id, *([manifest.base_snapshot] if manifest.base_snapshot is not None else [])):
        began_at(snapshot)
    for moment in (manifest.started_at, manifest.finished_at, *(pause.at for pause in pacing.pauses)):
        iso(milliseconds(moment))
    for limit in pacing.limits:
        parse_rate(limit)
    counts = (manifest.counts, manifest.ids, manifest.requests, *manifest.files.values())
    numbers = [value for part in counts for value in msgspec.structs.astuple(part) if isinstance(value, int)]
    seconds = [*msgspec.structs.astuple(manifest.seconds), *(pause.seconds for pause in pacing.pauses)]
    if not all(0 <= number <= MOST for number in numbers) or not all(0 <= one <= MOST_SECONDS for one in seconds):
        raise ValueError("a number in it is impossible")


def seal(plain: dict[str, Any]) -> bytes:
    """A manifest's bytes with the checksum of all the rest in them."""
    checksum = hashlib.sha256(_text({**plain, "manifest_sha256": ""})).hexdigest()
    return _text({**plain, "manifest_sha256": checksum})


def _text(plain: dict[str, Any]) -> bytes:
    return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()


def _newer_version(data: bytes) -> str | None:
    """The version of the program that wrote `data`, where it is a newer one than this."""
    with suppress(ValueError, RecursionError, AttributeError):
        version = str(json.loads(data).get("program_version"))
        if _parts(version) > _parts(__version__):
            return one_line(version, 40)
    return None


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall("[0-9]{1,9}", version)]
