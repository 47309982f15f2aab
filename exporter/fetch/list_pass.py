"""The list pass: all campaigns of a type, read right from a list that moves while it is read.

Page get-all-campaigns-v2 does not say which of `skip` and `page` wins, how large `limit` may be, or what the order
is. So: sort by creation, send both, step by what really came, drop repeats by ID, compare with `totalResults`, and
read again, another way, when something disagrees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from exporter.api.classify import ListPage, classify_list, item_id
from exporter.api.endpoints import HttpResponse, Verdict
from exporter.api.refusal import refusal
from exporter.errors import CredentialsRefused, ListFailed
from exporter.events import ListPageRead, RetryPlanned, Warned
from exporter.fetch.engine import Engine
from exporter.model import CampaignType, ListedCampaign
from exporter.stop import Stop
from exporter.tables.timestamps import read_instant
from exporter.text import dumps

WAYS = ("both", "skip", "page", "at once")
"""How a page is named: by `skip` and `page` together, by one of them, or all campaigns in one page."""

MOST_BYTES = 2**30
"""Of one pass: a million campaigns have less."""

MOST_AT_ONCE = 1_000_000
"""Campaigns that are asked for in one page, whatever total the service names."""

MOST_PASSES = 3
MOST_EMPTY = 3
"""Empty pages in a row after which a pass ends, although the total says that there is more."""

YOUNG = 120.0
"""Seconds. A campaign younger than the pass by its own clock, give or take so much, may have hidden another's
disappearance: the total is the same, and yet something moved."""


class _Pass(msgspec.Struct):
    """What one reading of the list brought."""

    found: dict[str, str] = {}
    """ID -> the item's JSON text, which takes a fifth of the room that the parsed item would"""
    bytes: int = 0
    repeats: int = 0
    without_id: int = 0
    totals: list[int] = []
    stuck: bool = False
    young: bool = False

    @property
    def consistent(self) -> bool:
        """Whether nothing hints that the list moved or was not read as meant."""
        steady = len(set(self.totals)) <= 1
        complete = not self.totals or self.totals[-1] == len(self.found) + self.without_id
        return steady and complete and not self.repeats and not self.stuck and not self.young


class ListPass:
    """Reads the list call of one account."""

    def __init__(self, engine: Engine, stop: Stop) -> None:
        self._engine = engine
        self._stop = stop

    async def read(self, types: Sequence[CampaignType]) -> list[ListedCampaign]:
        """All campaigns of `types`, each type oldest first, each ID once.

        Raises `ListFailed`, `CredentialsRefused`, `ServiceDown`, or the reason of the stop.
        """
        campaigns: dict[str, ListedCampaign] = {}
        for campaign_type in types:
            for one, item in (await self._read_type(campaign_type)).items():
                campaigns.setdefault(one, ListedCampaign(one, campaign_type, item))
        return list(campaigns.values())

    async def read_until_stopped(self, types: Sequence[CampaignType]) -> list[ListedCampaign]:
        """As `read`; a stop ends it at once, also while it waits."""
        task = asyncio.create_task(self.read(types))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise stopping.result()
        finally:
            task.cancel()
            stopping.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    async def _read_type(self, campaign_type: CampaignType) -> dict[str, str]:
        everything: dict[str, str] = {}
        last = one = _Pass()
        ways = list(WAYS)
        for _ in range(MOST_PASSES):
            one = await self._pass(campaign_type, ways[0], last, everything)
            while one.stuck and ways[1:]:
                # Page after page the same: this way of paging is not understood here.
                ways.pop(0)
                one = await self._pass(campaign_type, ways[0], one, everything)
            twice_the_same = bool(everything) and one.found.keys() == last.found.keys() and not one.repeats
            everything.update(one.found)
            if one.consistent:
                self._tell_nameless(campaign_type, one)
                return one.found
            if twice_the_same:
                everything = dict(one.found)
                break
            if len(ways) > 1 and one.totals and len(one.found) < one.totals[-1]:
                ways.append(ways.pop(0))
            last = one
        self._tell_nameless(campaign_type, one)
        self._engine.emit(
            Warned(
                f"the list of {campaign_type} campaigns changed while it was read, or does not agree with itself: "
                f"{len(everything)} campaigns were found, totalResults said {one.totals[-1] if one.totals else None}"
            )
        )
        return everything

    def _tell_nameless(self, campaign_type: str, one: _Pass) -> None:
        if one.without_id:
            self._engine.emit(
                Warned(
                    f"{one.without_id} items of the {campaign_type} list have no ID that can be used and are left out"
                )
            )

    async def _pass(self, campaign_type: CampaignType, way: str, last: _Pass, before: Mapping[str, str]) -> _Pass:
        result = _Pass()
        began = self._engine.clock.now()
        size = self._engine.options.page_size
        if way == "at once":
            known = max(size, *last.totals, len(last.found)) if last.totals else max(size, len(last.found))
            size = min(known, MOST_AT_ONCE) + size
        page, empty = 1, 0
        while True:
            received = len(result.found) + result.without_id + result.repeats
            skip = 0 if way in ("page", "at once") else received + empty // 2 * size
            read = await self._ask(campaign_type, size, skip, page if way in ("both", "page") else 1)
            self._engine.emit(ListPageRead(campaign_type, page, len(read.items), read.total))
            if read.total is not None:
                result.totals.append(read.total)
            result.bytes += read.bytes
            if result.bytes > MOST_BYTES:
                raise ListFailed(
                    f"the list call for {campaign_type} campaigns has no end: page {page:,}, {len(result.found):,} "
                    f"campaigns and {MOST_BYTES:,} bytes so far. Give the IDs in a file instead."
                )
            new = self._take(read, result, began, before)
            if read.items and not new and page > 1:
                result.stuck = True
                return result
            received = len(result.found) + result.without_id + result.repeats
            if way == "at once":
                return result
            page += 1
            empty = 0 if read.items else empty + 1
            more = read.total is not None and received < read.total
            if (not read.items and not more) or empty >= MOST_EMPTY:
                return result
            if not more and read.has_more is not True and (read.total is not None or len(read.items) < size):
                return result

    def _take(self, read: ListPage, result: _Pass, began: float, before: Mapping[str, str]) -> bool:
        """Add a page to the pass; whether anything in it is new."""
        new = False
        for item in read.items:
            one = item_id(item)
            if one is None:
                result.without_id += 1
            elif one in result.found:
                result.repeats += 1
                result.found[one] = dumps(item)
            else:
                result.found[one] = dumps(item)
                new = True
                if one not in before and len(result.found) > len(read.items):
                    result.young = result.young or _is_young(item, began)
        return new

    async def _ask(self, campaign_type: CampaignType, limit: int, skip: int, page: int) -> ListPage:
        engine = self._engine
        attempts = 0
        while True:
            self._stop.check()
            engine.meter.listed()
            found: list[ListPage] = []

            def classify(response: HttpResponse, url: str, found: list[ListPage] = found) -> Verdict:
                read = classify_list(response, url=url, now=engine.clock.now())
                if isinstance(read, Verdict):
                    return read
                found.append(read)
                return Verdict("good")

            exchange = await engine.client.ask(
                lambda token: engine.client.api.list(campaign_type, limit=limit, skip=skip, page=page, token=token),
                classify,
                item=f"the {campaign_type} list",
            )
            verdict = exchange.verdict
            if found:
                return found[0]
            if verdict.kind == "denied":
                raise CredentialsRefused(refusal(verdict.error))
            if verdict.kind == "rate_limited":
                engine.meter.retried()
                continue
            if verdict.kind not in ("retry", "wrong_campaign", "gateway_404"):
                raise ListFailed(f"the list call for {campaign_type} campaigns failed: {verdict.error}.")
            attempts += 1
            delay = engine.retry.delay_after(attempts)
            if delay is None:
                # The list is one ID to the gate; when it fails so often, the service is taken as failing.
                engine.limiter.open_breaker(verdict.error)
                attempts, delay = 0, 0.0
            engine.meter.retried()
            engine.emit(RetryPlanned(f"the {campaign_type} list", attempts, delay, verdict.error))
            await engine.clock.sleep(delay)


def _is_young(item: Mapping[str, Any], began: float) -> bool:
    created = item.get("createdAt")
    moment = read_instant(created) if isinstance(created, str) else None
    return moment is not None and moment / 1000 > began - YOUNG
