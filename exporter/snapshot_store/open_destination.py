"""Which kind of destination a path or URL names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from exporter.errors import DestinationError
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.local_folder import LocalDestination


def open_destination(dest: str, *, environ: Mapping[str, str] | None = None) -> Destination:
    """The destination that a path or URL names. Raises `DestinationError`.

    `environ`: where a store's endpoint and credentials are looked for; None: in the process's own variables.
    """
    try:
        dest.encode()
    except UnicodeEncodeError:
        raise DestinationError(f"{dest!a}: the name is not UTF-8, which the files' library needs.") from None
    if "://" in dest:
        if dest.startswith("file://"):
            return LocalDestination(Path(dest.removeprefix("file://")), shown=dest)
        from exporter.snapshot_store.object_store import StoreDestination

        return StoreDestination(dest, environ=os.environ if environ is None else environ)
    if not dest.strip():
        raise DestinationError("--out is empty: name a folder, or an s3://, gs:// or abfs:// URL.")
    return LocalDestination(Path(dest), shown=dest)
