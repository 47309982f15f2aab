"""Which kind of destination a path or URL names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from exporter.errors import DestinationError
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.local_folder import LocalDestination
from exporter.snapshot_store.object_store import StoreDestination
from exporter.snapshot_store.open_bucket import SCHEMES, without_secrets
from exporter.text import has_control, has_surrogate
from exporter.user_path import dest_text, user_path

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/*)")


def open_destination(dest: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Destination:
    """The destination that a path or URL names. Raises `DestinationError`, `TypeError`.

    `environ`: where a store's endpoint and credentials are looked for; None: in the process's own variables.
    """
    dest = dest_text(dest)
    if not dest.strip():
        raise DestinationError("--out is empty: name a folder, or an s3://, gs:// or abfs:// URL.")
    match = _SCHEME.match(dest.strip())
    scheme, slashes = (match[1].lower(), len(match[2])) if match else ("", 0)
    is_url = slashes > 0 or scheme in (*SCHEMES, "file")
    if is_url and (has_surrogate(dest) or has_control(dest.strip())):
        # Not shown: where a secret in it would end, nobody knows.
        raise DestinationError(f"--out {scheme}:…: a URL is UTF-8 text without control characters.")
    if scheme == "file":
        return _open_folder(_path_of(dest.strip()), dest)
    if slashes == 1 or (scheme in SCHEMES and slashes == 0):
        url = f"{scheme}://{dest.strip()[len(scheme) + 1 :].lstrip('/')}"
        raise DestinationError(f"--out: write {without_secrets(url)}, or ./{scheme}:… for a folder of that name.")
    if slashes >= 2:
        return StoreDestination(dest, environ=os.environ if environ is None else environ)
    return _open_folder(dest, dest)


def _open_folder(path: str, shown: str) -> LocalDestination:
    if "\0" in path:
        raise DestinationError(f"{shown!r} is not a folder: a NUL is in it.")
    try:
        folder = user_path(path)
        # No shell reads what is shown: a script could not open a path with ~.
        return LocalDestination(folder, shown=str(folder) if shown.startswith("~") else shown)
    except UnicodeError:
        raise DestinationError(f"{shown!a}: the name is not UTF-8, which the files' library needs.") from None
    except OSError as error:
        raise DestinationError(f"--out {shown}: {error.strerror}; write the whole path.") from None


def _path_of(url: str) -> str:
    """`file:/x`, `file:///x` and `file://localhost/x` are the same folder. Raises `DestinationError`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise DestinationError(f"{url}: write file:///FOLDER, with %3F for ? and %23 for #, or the folder alone.")
    return unquote(parts.path)
