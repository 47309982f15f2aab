"""Paths as users write them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any


def dest_text(dest: Any) -> str:
    """A folder or URL that a program gives, as text. Raises `TypeError` for what is neither a text nor a path of it."""
    text = os.fspath(dest) if isinstance(dest, os.PathLike) else dest
    if not isinstance(text, str):
        raise TypeError(f"dest is of type {type(dest).__name__}: give a folder as text or Path, or a URL")
    return text


def user_path(path: str) -> Path:
    """A path; `~` is the user's home: no shell reads what stands in the environment or a file. Raises `OSError`."""
    if not path.startswith("~"):
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no home folder is known for ~", path) from None
