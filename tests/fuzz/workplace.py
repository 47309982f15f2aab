"""A folder of its own for readers of files, and an environment with nothing in it that is the machine's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A new folder, removed at the end."""
    with TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def workplace(environ: Mapping[str, str] | None = None, *, printed: str = "printed") -> Iterator[Path]:
    """The current folder is an empty one, the environment has only `environ` and a home, and no command is run.

    `printed`: what a command of the settings prints: an input may name any.
    """
    done = subprocess.CompletedProcess([], 0, printed.encode(), b"")
    with (
        empty_folder() as folder,
        chdir(folder),
        patch.dict(os.environ, {"HOME": str(folder), **(environ or {})}, clear=True),
        patch("subprocess.run", return_value=done),
    ):
        yield folder
