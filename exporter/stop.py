"""How a run is asked to end early, by a signal, a time limit or its caller."""

from __future__ import annotations

import asyncio

from exporter.errors import StoppedEarly


class Stop:
    """Set once, with the error that the run will end with; threads may look at `reason` too."""

    def __init__(self) -> None:
        self.reason: StoppedEarly | None = None
        self._asked = asyncio.Event()

    def ask(self, reason: StoppedEarly) -> None:
        """Ask the run to end. The first reason counts."""
        if self.reason is None:
            self.reason = reason
            self._asked.set()

    async def wait(self) -> StoppedEarly:
        """Wait until the run is asked to end."""
        await self._asked.wait()
        assert self.reason is not None  # noqa: S101 - set before the event
        return self.reason

    def check(self) -> None:
        """Raise the reason, if there is one: for work that runs in a thread, between two steps."""
        if self.reason is not None:
            raise self.reason
