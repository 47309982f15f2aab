"""Paths as users write them."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def dest_text(dest: Any) -> str:
    """A folder or URL that a program gives, as text. Raises `TypeError` for what is neither a text nor a path of it."""
    text = os.fspath(dest) if isinstance(dest, os.PathLike) else dest
    if not isinstance(text, str):
        raise TypeError(f"dest is of type {type(dest).__name__}: give a folder as text or Path, or a URL")
    return text


def nameable(path: str) -> str:
    """`path`; where the locale has no characters for it, as a file may give it, by its name in UTF-8."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        with suppress(UnicodeEncodeError):  # a half of a surrogate pair: nothing has that name
            return os.fsdecode(path.encode("utf-8", "surrogateescape"))
    return path


def user_path(path: str) -> Path:
    """A path; `~` is the user's home: no shell reads what stands in the environment or a file. Raises `OSError`."""
    path = nameable(path)
    if not path.startswith("~"):
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no home folder is known for ~", path) from None
