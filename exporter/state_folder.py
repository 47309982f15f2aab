"""The user's state folder: where ledgers are kept, and the journals of object stores."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import platformdirs


def user_state_dir() -> str | None:
    """The folder (on Linux below `$XDG_STATE_HOME` or `~/.local/state`); None where this user has no home."""
    with suppress(RuntimeError):  # how platformdirs says it, or by a path that begins with ~
        path = platformdirs.user_state_dir("campaign-export", appauthor=False)
        if Path(path).is_absolute():
            return path
    return None
