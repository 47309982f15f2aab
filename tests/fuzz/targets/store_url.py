"""Destinations: paths and URLs of stores, with the variables that say how a store is reached."""

from __future__ import annotations

import re
from typing import NamedTuple

from exporter.errors import DestinationError
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.open_destination import open_destination
from tests.fuzz.promises import MARKER, check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace

_SECRET = re.compile(
    rf"\s*(?:\w+:/+|(?:s3|gs|gcs|abfss?):)[^/@:?]*:[^/@?]*{MARKER}[^/@?]*@|[?&](?:secret_key|key|sas_token|sig)=[^&]*{MARKER}"
)


class Opened(NamedTuple):
    """A destination, or why there is none."""

    url: str
    destination: Destination | DestinationError


def read(data: bytes) -> Opened:
    """The first line is the path or URL, the others `NAME=VALUE`."""
    url, *lines = data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n")
    environ = {name: value for name, sign, value in (line.partition("=") for line in lines[:20]) if sign}
    with workplace():
        try:
            return Opened(url, open_destination(url, environ=environ))
        except DestinationError as error:
            return Opened(url, error)


def check(data: bytes, opened: Opened) -> None:
    """Neither an error nor the name that is shown holds a secret of the URL."""
    secret = MARKER if _SECRET.match(opened.url) and opened.url.count(MARKER) == 1 else "\0"
    if isinstance(opened.destination, DestinationError):
        check_error(opened.destination, secret=secret)
    else:
        assert secret not in opened.destination.shown + opened.destination.where("20261123T020000Z")


TARGET = Target(
    read, check,
    words=(
        "s3://", "gs://", "gcs://", "abfs://", "abfss://", "file://", "file:///", "bucket", "/prefix",
        f"AKIA:{MARKER}@", "container@account", ".dfs.core.windows.net", "?endpoint_override=localhost:9000",
        "&scheme=http", "&region=eu-west-1", "~", "~x/", "%2F", ":9000", "\nAWS_REGION=",
        "\nAWS_ENDPOINT_URL=http://localhost:9000", "\nSTORAGE_EMULATOR_HOST=localhost:1",
        "\nAZURE_STORAGE_ACCOUNT=a", "\nAZURE_STORAGE_KEY=eHg=",
        "\nAZURE_STORAGE_CONNECTION_STRING=AccountName=a;AccountKey=eA==;EndpointSuffix=x",
        "\nAZURE_STORAGE_SAS_TOKEN=sig=x", "BlobEndpoint=http://127.0.0.1:10000/a",
    ),
)  # fmt: skip
