"""Snapshots on an object store: S3, Google Cloud Storage, Azure, through pyarrow's file systems.

A store has no rename, so the files are put under their final keys and the manifest last: until it is there, readers do
not take the folder for a snapshot.

Two writers never mix. pyarrow cannot put an object on the condition that it is not there yet, so a writer claims the
folder first: it puts an object of its own name, lists the folder, and gives way when anything else is in it. All three
stores show an object to every listing that begins after it was put; of two writers at least one hence sees the other.
The claim stays until the manifest is there, and the folder is looked at again before that is put.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from exporter import failpoints
from exporter.errors import DestinationError, StorageFailed
from exporter.files import storage_failed
from exporter.snapshot_store.destination import Destination, HashingFile, NameTaken, Staging, one_line_error
from exporter.snapshot_store.names import MANIFEST, OUR_FILES, PREFIX, folder_name, is_snapshot_id
from exporter.snapshot_store.store_url import open_store, without_secrets

CLAIM = ".writer-"
ABANDONED = timedelta(days=1)
"""Age from which a folder without a manifest, of a run that we know nothing of, counts as left behind."""

_ADVICE = (
    (("NoSuchBucket", "ContainerNotFound", "BUCKET_NOT_FOUND", "NOT_FOUND",
      "bucket does not exist", "No such file"), "there is no such bucket: make it first"),
    (("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint", "301"),
     "the bucket is in another region: set AWS_REGION, or ?region=… in the URL"),
    (("ACCESS_DENIED", "AccessDenied", "InvalidAccessKeyId", "INVALID_ACCESS_KEY_ID", "SignatureDoesNotMatch",
      "SIGNATURE_DOES_NOT_MATCH", "Forbidden", "AuthorizationFailure", "AuthenticationFailed", "PERMISSION_DENIED",
      "UNAUTHENTICATED", "ExpiredToken", "InvalidToken", "403", "401", "DefaultAzureCredential"),
     "the store refuses the credentials: are they set, still good, and allowed to write here?"),
    (("CURL", "NETWORK_CONNECTION", "Fail to get a new connection", "Could not connect"),
     "the store cannot be reached: is the endpoint right?"),
)  # fmt: skip
"""What stands in the errors of the stores' libraries, and what it means to a user."""


class StoreDestination(Destination):
    """A bucket or container, and a prefix in it."""

    is_local = False

    def __init__(self, url: str, *, environ: Mapping[str, str]) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise DestinationError("--out is no URL of a store; write s3://bucket/prefix.") from None
        if ":" in parts.netloc and "@" not in parts.netloc and "@" in parts.path:
            # Only the first part of the secret would be taken for one, and the rest shown.
            raise DestinationError("--out: a / in the secret key must be written as %2F; better set it in the "
                                   "environment (AWS_SECRET_ACCESS_KEY).")  # fmt: skip
        self.shown = without_secrets(url)
        try:
            self.fs, self.root = open_store(url, environ)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DestinationError(f"--out {self.shown}: {one_line_error(error)}.") from None
        if not self.root.partition("/")[0]:
            raise DestinationError(f"--out {self.shown}: names no bucket.")

    def where(self, snapshot: str) -> str:
        """A snapshot's folder, without the options of the URL."""
        return f"{self.shown.partition('?')[0].rstrip('/')}/{folder_name(snapshot)}"

    def default_work_dir(self, state_dir: Path) -> Path:
        """Below the user's state folder, one for each destination."""
        return state_dir / "work" / hashlib.sha256(self.shown.encode()).hexdigest()[:16]

    def check_writable(self) -> None:
        """Put a small object and take it away again."""
        probe = f"{self.root}/.probe-{uuid.uuid4().hex}"
        try:
            with self.fs.open_output_stream(probe) as file:
                file.write(b"campaign-export")
            self.fs.delete_file(probe)
        except (OSError, pa.ArrowException) as error:
            raise DestinationError(f"--out {self.shown} cannot be written: {explained(error)}.") from None

    def folder_ids(self) -> list[str]:
        """As everywhere; Google's store shows no folders in a listing, so there they are read off the objects."""
        if self.fs.type_name != "gcs":
            return super().folder_ids()
        try:
            entries = self.fs.get_file_info(pafs.FileSelector(self.root, allow_not_found=True, recursive=True))
        except OSError as error:
            raise DestinationError(f"{self.shown} cannot be read: {explained(error)}.") from None
        first = {entry.path.removeprefix(f"{self.root}/").partition("/")[0] for entry in entries}
        ids = [name.removeprefix(PREFIX) for name in first if name.startswith(PREFIX)]
        return sorted(one for one in ids if is_snapshot_id(one))

    def files(self, snapshot: str) -> dict[str, int]:
        """As everywhere, without claims: an empty object that a killed writer left is no part of a snapshot."""
        return {name: size for name, size in self.everything(snapshot).items() if not name.startswith(CLAIM)}

    def everything(self, snapshot: str) -> dict[str, int]:
        """Names and sizes of what lies in a folder, claims included. Raises `OSError`."""
        return super().files(snapshot)

    def stage(self, snapshot: str, writer: str = "") -> Staging:
        """Claim the folder. Raises `NameTaken` when somebody else has it."""
        return _StoreStaging(self, snapshot, writer or uuid.uuid4().hex)

    def remove(self, snapshot: str) -> None:
        """The manifest first: without it the rest is no snapshot any more."""
        try:
            self.fs.delete_file(self.path(snapshot, MANIFEST))
            failpoints.hit("retention.renamed")
            self.delete_rest(snapshot)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(self.where(snapshot), error) from None

    def clean_up(self, own: str | None = None, writer: str = "") -> None:
        """Remove folders without a manifest: that of our interrupted run, and old ones that hold only files of ours."""
        limit = datetime.now(UTC) - ABANDONED
        for snapshot in self.folder_ids():
            if self.has_manifest(snapshot):
                if snapshot == own:
                    self._forget_claims(snapshot)
                continue
            selector = pafs.FileSelector(f"{self.root}/{folder_name(snapshot)}", allow_not_found=True)
            entries = self.fs.get_file_info(selector)
            claims = {entry.base_name for entry in entries if entry.base_name.startswith(CLAIM)}
            if any(entry.base_name not in OUR_FILES | claims for entry in entries):
                continue
            ours = snapshot == own and claims <= {f"{CLAIM}{writer}"}
            if ours or all(entry.mtime is not None and entry.mtime < limit for entry in entries):
                with suppress(OSError):  # the next run tries again
                    self.delete_rest(snapshot)

    def _forget_claims(self, snapshot: str) -> None:
        for name in self.everything(snapshot):
            if name.startswith(CLAIM):
                with suppress(OSError):  # it does no harm, and the next run tries again
                    self.fs.delete_file(self.path(snapshot, name))

    def delete_rest(self, snapshot: str) -> None:
        """Delete what lies in a folder that is no snapshot (any more). Raises `OSError`."""
        names = self.everything(snapshot)
        for name in sorted(names, key=lambda name: (name != MANIFEST, name.startswith(CLAIM), name)):
            self.fs.delete_file(self.path(snapshot, name))
        with suppress(OSError):  # an empty folder is a thing of its own on some stores only
            self.fs.delete_dir(f"{self.root}/{folder_name(snapshot)}")


class _StoreStaging(Staging):
    def __init__(self, destination: StoreDestination, snapshot: str, writer: str) -> None:
        super().__init__(snapshot)
        self._destination = destination
        self._claim = f"{CLAIM}{writer}"
        self._files: dict[str, HashingFile] = {}
        self._published = False
        try:
            with destination.fs.open_output_stream(destination.path(snapshot, self._claim)) as file:
                file.write(b"")
            others = [name for name in destination.everything(snapshot) if name != self._claim]
            if others:
                self._unclaim()
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(destination.where(snapshot), error) from None
        if others:
            raise NameTaken(snapshot)

    def _unclaim(self) -> None:
        self._destination.fs.delete_file(self._destination.path(self.snapshot, self._claim))

    def create(self, name: str) -> HashingFile:
        path = self._destination.path(self.snapshot, name)
        try:
            self._files[name] = HashingFile(self._destination.fs.open_output_stream(path), path)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(path, error) from None
        return self._files[name]

    def publish(self, manifest: bytes) -> str:
        where = self._destination.where(self.snapshot)
        try:
            failpoints.hit("publish.before_manifest")
            self._check_that_it_is_ours_alone(where)
            failpoints.hit("publish.staged")
            with self._destination.fs.open_output_stream(self._destination.path(self.snapshot, MANIFEST)) as file:
                file.write(manifest)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(where, error) from None
        self._published = True
        return where

    def make_durable(self) -> None:
        super().make_durable()
        with suppress(OSError):  # readers do not see it, and the next run takes it away
            self._unclaim()

    def _check_that_it_is_ours_alone(self, where: str) -> None:
        wanted = {self._claim: 0, **{name: file.size for name, file in self._files.items()}}
        there = self._destination.everything(self.snapshot)
        if there != wanted:
            differing = sorted({name for name, _ in there.items() ^ wanted.items()})
            raise StorageFailed(
                f"{where}: somebody else wrote or removed {', '.join(differing)} there, so nothing is published. "
                "The same command resumes."
            )

    def discard(self) -> None:
        if not self._published:
            self._destination.delete_rest(self.snapshot)


def explained(error: BaseException) -> str:
    """A store's error in one line, with what it most likely means."""
    text = " ".join(str(error).split())
    meaning = next((advice for signs, advice in _ADVICE if any(_is_told(sign, text) for sign in signs)), None)
    told = one_line_error(error)
    return f"{meaning} ({told})" if meaning else told


def _is_told(sign: str, text: str) -> bool:
    """Whether it stands there as words of their own: 403 may also be part of an object's name."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(sign)}(?![0-9A-Za-z])", text) is not None
