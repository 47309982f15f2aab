"""Paths as users write them."""

from __future__ import annotations

import errno
from pathlib import Path


def user_path(path: str) -> Path:
    """A path; `~` is the user's home: no shell reads what stands in the environment or a file. Raises `OSError`."""
    if not path.startswith("~"):
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no home folder is known for ~", path) from None
