"""The next ID to try: what is due again first, then fresh ones."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Iterator

import msgspec

from exporter.api.verdict import VerdictKind
from exporter.clock import Clock, wait_at_most


class Item(msgspec.Struct, eq=False):
    """One ID on its way through the pool."""

    campaign_id: str
    attempts: int = 0
    first_at: float = 0.0
    """wall time of the first try; 0: not tried yet"""
    failures: list[tuple[float, float]] = []
    """monotonic times: when a failed try was sent, and when it failed"""
    seemed: VerdictKind | None = None
    """what the last failed try got"""
    excused: int = 0
    """times that it was asked again though its attempts were used up, for others might have failed, too"""
    out_of_step: int = 0
    """answers that were about another campaign"""
    error: str = ""
    """why the last try failed"""


class WorkQueue:
    """The next item to try: what is due again first, then fresh IDs. Ends when all have their outcome."""

    def __init__(self, ids: Iterator[str], clock: Clock) -> None:
        self._fresh = ids
        self._ahead: str | None = None  # a fresh ID that was looked at
        self._clock = clock
        self._waiting: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._under_way = 0
        self._exhausted = False
        self._closed = False
        self._changed = asyncio.Event()

    async def next(self) -> Item | None:
        """The next item, or None at the end. Waits for one that becomes due, holding nothing."""
        while not self._closed:
            due = self._waiting[0][0] - self._clock.monotonic() if self._waiting else math.inf
            if due <= 0:
                self._under_way += 1
                return heapq.heappop(self._waiting)[2]
            if not self._exhausted:
                campaign_id, self._ahead = self._ahead or next(self._fresh, None), None
                if campaign_id is not None:
                    self._under_way += 1
                    return Item(campaign_id)
                self._exhausted = True
            if not self._waiting and self._under_way == 0:
                self._wake()
                return None
            await wait_at_most(due, self._changed)
        return None

    def peek(self) -> str | None:
        """An ID that is still to be tried, if there is one; it stays where it is."""
        self._ahead = self._ahead or next(self._fresh, None)
        return self._ahead or (self._waiting[0][2].campaign_id if self._waiting else None)

    def again(self, item: Item, delay: float) -> None:
        """Take `item` back; it is due in `delay` seconds."""
        heapq.heappush(self._waiting, (self._clock.monotonic() + delay, next(self._order), item))

    def done(self, item: Item) -> None:
        """A worker is through with `item`, for good or until it is due again."""
        self._under_way -= 1
        if self._exhausted:
            self._wake()

    def close(self) -> None:
        """Give out nothing more, not even what is taken back after this."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
