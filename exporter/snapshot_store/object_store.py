"""Snapshots on an object store: S3, Google Cloud Storage, Azure, through pyarrow's file systems.

A store has no rename, so the files are put under their final keys: the tables in the order of `names.TABLE_FILES`, the
manifest last. Until it is there, readers do not take the folder for a snapshot.

Two writers never mix. pyarrow cannot put an object on the condition that it is not there yet, so a writer claims the
folder first: it puts an object of its own name, lists the folder, and gives way when anything else is in it. All three
stores show an object to every listing that begins after it was put; so of two writers at least one sees the other.
The claim stays until the manifest is there, and the folder is looked at again before that is put.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError, ExportError, NotReadable, StorageFailed
from exporter.snapshot_store.destination import REFUSALS, Destination, HashingFile, Item, NameTaken, Result, Staging
from exporter.snapshot_store.names import MANIFEST, OUR_FILES, REMOVAL_ORDER, folder_name
from exporter.snapshot_store.open_bucket import StoreUrl, open_store, without_secrets
from exporter.snapshot_store.store_errors import explain, is_of_a_store
from exporter.text import error_line

CLAIM = ".writer-"
PROBE = ".probe"
LOOKS = 16
"""Snapshots that are looked at at once."""

ABANDONED = timedelta(days=1)
"""Age from which a folder without a manifest, of a run that we know nothing of, counts as left behind."""


class StoreDestination(Destination):
    """A bucket or container, and a prefix in it."""

    is_local = False

    def __init__(self, url: str, *, environ: Mapping[str, str]) -> None:
        self.shown = without_secrets(url)
        try:
            self._url = StoreUrl.parse(url)
            self.fs, self.root, self._server = open_store(self._url, environ)
        except (ValueError, *REFUSALS) as error:
            raise DestinationError(f"--out {self.shown}: {error_line(error)}.") from None

    def where(self, snapshot: str) -> str:
        """A snapshot's folder, without the options of the URL."""
        return f"{self.shown.partition('?')[0].rstrip('/')}/{folder_name(snapshot)}"

    def default_work_dir(self, state_dir: Path) -> Path:
        """Below the user's state folder, one for each prefix on each server, however its URL is written."""
        scheme = {"gcs": "gs", "abfss": "abfs"}.get(self._url.scheme, self._url.scheme)
        # As former versions named it, where they told servers apart: what they began is resumed.
        name = f"{scheme}://{self.root}" + (f"?endpoint_override={self._server}" if self._server else "")
        return state_dir / "work" / hashlib.sha256(name.encode()).hexdigest()[:16]

    def explain(self, error: Exception) -> tuple[str, bool]:
        """By the words of the stores' libraries."""
        return explain(error)

    def refused(self, name: str, error: Exception) -> ExportError:
        """As everywhere; an object that does not exist is missing."""
        if isinstance(error, FileNotFoundError):
            return DestinationError(f"{name}: it is missing.")
        text, is_lasting = self.explain(error)
        if is_lasting and is_of_a_store(error):
            return NotReadable(f"{name}: {text}.")
        return super().refused(name, error)

    def check_writable(self) -> None:
        """Put a small object, and delete it where that is allowed."""
        probe = f"{self.root}/{PROBE}"
        try:
            with self.fs.open_output_stream(probe) as file:
                file.write(b"campaign-export")
        except REFUSALS as error:
            # A bucket in which nothing is overwritten or deleted keeps the first one for ever.
            # What is missing when something is written is the bucket.
            if not self._exists(probe):
                raise super().refused(f"--out {self.shown} cannot be written", error) from None
        with suppress(*REFUSALS):
            self.fs.delete_file(probe)

    def _exists(self, path: str) -> bool:
        try:
            return bool(self.fs.get_file_info(path).type == pafs.FileType.File)
        except REFUSALS:
            return False

    def folders(self) -> list[str]:
        """As everywhere; Google's store shows no folders in a listing, so there they are read off the objects."""
        if self.fs.type_name != "gcs":
            return super().folders()
        with self.reading(self.shown):
            entries = self.fs.get_file_info(pafs.FileSelector(self.root, allow_not_found=True, recursive=True))
        names = {entry.path.removeprefix(f"{self.root}/").partition("/") for entry in entries}
        return sorted({first for first, slash, _ in names if slash})

    def of_each(self, look: Callable[[Item], Result], snapshots: Iterable[Item]) -> list[Result]:
        """As everywhere, many at once: a store takes its time for each answer, and there may be years of snapshots."""
        with ThreadPoolExecutor(LOOKS) as pool:
            return list(pool.map(look, snapshots))

    def has_manifest(self, snapshot: str) -> bool:
        """As everywhere. An empty object was begun and not yet written: Azure shows such."""
        with self.reading(f"{self.where(snapshot)}/{MANIFEST}"):
            info = self.fs.get_file_info(self.path(snapshot, MANIFEST))
        return info.type == pafs.FileType.File and info.size != 0

    def files(self, snapshot: str) -> dict[str, int]:
        """As everywhere, without claims: an empty object that a killed writer left is not a part of a snapshot."""
        return {name: size for name, size in self.everything(snapshot).items() if not name.startswith(CLAIM)}

    def everything(self, snapshot: str) -> dict[str, int]:
        """Names and sizes of the objects in a folder, claims included."""
        return super().files(snapshot)

    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """Claim the folder. Raises `NameTaken` when somebody else has it."""
        return _StoreStaging(self, snapshot, writer or uuid.uuid4().hex)

    def remove(self, snapshot: str) -> None:
        """The manifest first: without it the rest is not a snapshot any more."""
        with self.writing(self.where(snapshot), "It stays."):
            self.fs.delete_file(self.path(snapshot, MANIFEST))
            failpoints.hit("retention.renamed")
        self.delete_rest(snapshot)

    def clean_up(self, own: str | None = None, writer: str = "") -> list[str]:
        """Remove folders without a manifest: that of our interrupted run, and old ones that hold only files of ours."""

        def clear(snapshot: str) -> str | None:
            try:
                if not self.has_manifest(snapshot):
                    if self._is_left_behind(snapshot, ours=snapshot == own, writer=writer):
                        self.delete_rest(snapshot)
                elif snapshot == own:
                    self._forget_claims(snapshot)
            except ExportError as error:
                return f"{self.where(snapshot)}, left by an interrupted run, cannot be removed: {error}"
            return None

        return [problem for problem in self.of_each(clear, self.folder_ids()) if problem is not None]

    def _is_left_behind(self, snapshot: str, *, ours: bool, writer: str) -> bool:
        with self.reading(self.where(snapshot)):
            selector = pafs.FileSelector(f"{self.root}/{folder_name(snapshot)}", allow_not_found=True)
            entries = self.fs.get_file_info(selector)
        claims = {entry.base_name for entry in entries if entry.base_name.startswith(CLAIM)}
        if any(entry.base_name not in OUR_FILES | claims for entry in entries):
            return False
        limit = datetime.now(UTC) - ABANDONED
        is_our_own = ours and claims <= {f"{CLAIM}{writer}"}
        return is_our_own or all(entry.mtime is not None and entry.mtime < limit for entry in entries)

    def _forget_claims(self, snapshot: str) -> None:
        for name in self.everything(snapshot):
            if name.startswith(CLAIM):
                with suppress(*REFUSALS):  # it does no harm, and the next run tries again
                    self.fs.delete_file(self.path(snapshot, name))

    def delete_rest(self, snapshot: str) -> None:
        """Delete what is in a folder that is not a snapshot (any more): what readers look for first, the claim last."""
        order = {name: position for position, name in enumerate(REMOVAL_ORDER)}
        names = sorted(self.everything(snapshot), key=lambda name: (order.get(name, len(order)), name))
        with self.writing(self.where(snapshot), "The next run tries again."):
            for name in names:
                self.fs.delete_file(self.path(snapshot, name))
        with suppress(*REFUSALS):  # an empty folder is a thing of its own on some stores only
            self.fs.delete_dir(f"{self.root}/{folder_name(snapshot)}")


class _StoreStaging(Staging):
    def __init__(self, destination: StoreDestination, snapshot: str, writer: str) -> None:
        super().__init__(snapshot)
        self._destination = destination
        self._where = destination.where(snapshot)
        self._claim = f"{CLAIM}{writer}"
        self._files: dict[str, HashingFile] = {}
        self._published = False
        with destination.writing(self._where):
            with destination.fs.open_output_stream(destination.path(snapshot, self._claim)) as file:
                file.write(b"")
            others = [name for name in destination.everything(snapshot) if name != self._claim]
            if others:
                self._unclaim()
        if others:
            raise NameTaken(snapshot)

    def _unclaim(self) -> None:
        self._destination.fs.delete_file(self._destination.path(self.snapshot, self._claim))

    def create(self, name: str) -> HashingFile:
        path = self._destination.path(self.snapshot, name)
        with self._destination.writing(path):
            stream = self._destination.fs.open_output_stream(path)
        self._files[name] = HashingFile(stream, path, self._destination)
        return self._files[name]

    def publish(self, manifest: bytes) -> None:
        with self._destination.writing(self._where):
            failpoints.hit("publish.before_manifest")
            self._check_that_it_is_ours_alone()
            failpoints.hit("publish.staged")
            try:
                with self._destination.fs.open_output_stream(self._destination.path(self.snapshot, MANIFEST)) as file:
                    file.write(manifest)
            except REFUSALS:
                if not self._is_published(manifest):
                    raise
        self._published = True

    def _is_published(self, manifest: bytes) -> bool:
        """Whether the manifest is there although its answer was lost."""
        try:
            return self._destination.read(self.snapshot, MANIFEST) == manifest
        except ExportError:
            return False

    def make_durable(self) -> None:
        super().make_durable()
        with suppress(*REFUSALS):  # readers do not see it, and the next run deletes it
            self._unclaim()

    def _check_that_it_is_ours_alone(self) -> None:
        expected = {self._claim: 0, **{name: file.size for name, file in self._files.items()}}
        objects = self._destination.everything(self.snapshot)
        if objects != expected:
            differing = sorted({name for name, _ in objects.items() ^ expected.items()})
            raise StorageFailed(
                f"{self._where}: somebody else wrote or removed {', '.join(differing)} there, so nothing is published. "
                "The same command resumes."
            )

    def discard(self) -> None:
        if not self._published:
            self._destination.delete_rest(self.snapshot)
