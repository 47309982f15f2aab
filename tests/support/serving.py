"""The simulator in a thread, so that the real program can be run against it over real sockets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from exporter.simulator.server import serve
from exporter.simulator.simulated_service import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour
from tests.support.in_thread import in_thread


def environment(url: str, home: Path | str) -> dict[str, str]:
    """What a user would set; state and configuration in `home`."""
    return {
        "KORE_HOST": url,
        "KORE_STREAM_ID": STREAM_ID,
        "KORE_ACCOUNT_ID": ACCOUNT_ID,
        "KORE_CLIENT_ID": CLIENT_ID,
        "KORE_CLIENT_SECRET": CLIENT_SECRET,
        "HOME": str(home),
        "XDG_STATE_HOME": f"{home}/state",
    }


def serving(behaviour: Behaviour, **options: Any) -> AbstractContextManager[str]:
    """Serve `behaviour` from a thread; yields the URL."""
    return in_thread(serve(behaviour, **options))
