"""Snapshots on an object store: S3, Google Cloud Storage, Azure, through pyarrow's file systems.

A store has no rename, so the files are put under their final keys and the manifest last: until it is there, readers do
not take the folder for a snapshot. Two writers never mix: each claims the folder by a file of its own, and gives way
when somebody else is there.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.fs as pafs

from exporter import steps
from exporter.errors import DestinationError
from exporter.storage.destination import Destination, HashingFile, NameTaken, Staging, one_line_error
from exporter.storage.journal import storage_failed
from exporter.storage.names import MANIFEST, OUR_FILES, folder_name

CLAIM = ".writer-"
ABANDONED = timedelta(days=1)
"""Age from which a folder without a manifest, of a run that we know nothing of, counts as left behind."""

ATTEMPTS = 5
CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 60.0
"""Bounds of one request to S3; seconds."""

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")


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
        self.shown = _without_secrets(url)
        try:
            self.fs, self.root = _open(url, environ)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DestinationError(f"--out {self.shown}: {one_line_error(error)}.") from None
        if not self.root:
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
            raise DestinationError(f"--out {self.shown} cannot be written: {one_line_error(error)}.") from None

    def stage(self, snapshot: str) -> Staging:
        """Claim the folder. Raises `NameTaken` when somebody else has it."""
        return _StoreStaging(self, snapshot)

    def remove(self, snapshot: str) -> None:
        """The manifest first: without it the rest is no snapshot any more."""
        try:
            self.fs.delete_file(self.path(snapshot, MANIFEST))
            steps.reached("retention.hidden")
            self.delete_rest(snapshot)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(self.where(snapshot), error) from None

    def clean_up(self, own: str | None = None) -> None:
        """Remove folders without a manifest: that of our interrupted run, and old ones that hold only files of ours."""
        limit = datetime.now(UTC) - ABANDONED
        for snapshot in self.folder_ids():
            if self.has_manifest(snapshot):
                continue
            selector = pafs.FileSelector(f"{self.root}/{folder_name(snapshot)}", allow_not_found=True)
            entries = self.fs.get_file_info(selector)
            if any(entry.base_name not in OUR_FILES and not entry.base_name.startswith(CLAIM) for entry in entries):
                continue
            if snapshot == own or all(entry.mtime is not None and entry.mtime < limit for entry in entries):
                with suppress(OSError):  # the next run tries again
                    self.delete_rest(snapshot)

    def delete_rest(self, snapshot: str) -> None:
        """Delete what lies in a folder that is no snapshot (any more). Raises `OSError`."""
        for name in self.files(snapshot):
            self.fs.delete_file(self.path(snapshot, name))
        with suppress(OSError):  # an empty folder is a thing of its own on some stores only
            self.fs.delete_dir(f"{self.root}/{folder_name(snapshot)}")


class _StoreStaging(Staging):
    def __init__(self, destination: StoreDestination, snapshot: str) -> None:
        super().__init__(snapshot)
        self._destination = destination
        self._claim = f"{CLAIM}{uuid.uuid4().hex}"
        try:
            with destination.fs.open_output_stream(destination.path(snapshot, self._claim)) as file:
                file.write(b"")
            others = [name for name in destination.files(snapshot) if name != self._claim]
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(destination.where(snapshot), error) from None
        if others:
            self._unclaim()
            raise NameTaken(snapshot)

    def _unclaim(self) -> None:
        self._destination.fs.delete_file(self._destination.path(self.snapshot, self._claim))

    def create(self, name: str) -> HashingFile:
        path = self._destination.path(self.snapshot, name)
        try:
            return HashingFile(self._destination.fs.open_output_stream(path), path)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(path, error) from None

    def publish(self, manifest: bytes) -> str:
        where = self._destination.where(self.snapshot)
        try:
            steps.reached("publish.before_manifest")
            self._unclaim()
            steps.reached("publish.before_reveal")
            with self._destination.fs.open_output_stream(self._destination.path(self.snapshot, MANIFEST)) as file:
                file.write(manifest)
        except (OSError, pa.ArrowException) as error:
            raise storage_failed(where, error) from None
        return where

    def discard(self) -> None:
        self._destination.delete_rest(self.snapshot)


def _open(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"{parts.scheme}:// is no kind of store known here; write s3://, gs:// or abfs://")
    if parts.scheme == "s3":
        return _open_s3(url, environ)
    fs, path = pafs.FileSystem.from_uri(url)
    return fs, path.rstrip("/")


def _open_s3(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """Options stand in the URL (`?endpoint_override=…&region=…`) or in the variables that AWS tools share."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = (
        options.pop("endpoint_override", "") or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    )
    scheme = options.pop("scheme", "")
    if endpoint and "://" in endpoint:
        named = urlsplit(endpoint)
        scheme, endpoint = scheme or named.scheme, named.netloc
    region = options.pop("region", "") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if options:
        raise ValueError(f"unknown options in the URL: {', '.join(options)}; known: endpoint_override, scheme, region")
    named_user = {"access_key": parts.username, "secret_key": parts.password} if parts.username else {}
    fs = pafs.S3FileSystem(
        **named_user,
        endpoint_override=endpoint or None,
        scheme=scheme or "https",
        region=region or ("us-east-1" if endpoint else None),
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )
    return fs, f"{parts.hostname or ''}{parts.path}".rstrip("/")


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, values in parse_qs(parts.query).items() for value in values
             if not any(word in name.lower() for word in ("key", "secret", "token", "sas"))]  # fmt: skip
    # In abfs://container@account the part before the @ is no user.
    netloc = parts.netloc if parts.scheme.startswith("abfs") and ":" not in parts.netloc.partition("@")[0] else (
        parts.netloc.rpartition("@")[2]
    )  # fmt: skip
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), ""))
