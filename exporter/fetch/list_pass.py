"""The list pass: all campaigns of a type. How the list is paged is decided in `paging`; here its calls are made."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from exporter.api.classify import ID_KEYS, ListPage, item_id
from exporter.api.credentials_advice import refusal
from exporter.errors import CredentialsRefused, ListFailed
from exporter.events import ListPageRead, RetryPlanned, Warned
from exporter.fetch.open_engine import Engine
from exporter.fetch.paging import Ask, ListRow, Page, Paging
from exporter.json_text import dumps
from exporter.model import CampaignType, ListedCampaign
from exporter.stop import Stop
from exporter.tables.timestamps import read_instant
from exporter.text import excerpt
from exporter.units import counted

MOST_OF_KEYS = 200
"""Characters of the keys of an item that are shown."""

MOST_BYTES = 2**30
"""Of one reading of the list: a million campaigns have less."""


class ListPass:
    """Reads the list call of one account."""

    def __init__(self, engine: Engine, stop: Stop) -> None:
        self._engine = engine
        self._stop = stop
        self._without_id = ""
        """What one that was read last has instead; empty: all have one."""

    async def read(self, types: Sequence[CampaignType]) -> list[ListedCampaign]:
        """All campaigns of `types`, each type oldest first, each ID once.

        Raises `ListFailed`, `CredentialsRefused`, `ServiceDown`, or the reason of the stop.
        """
        campaigns: dict[str, ListedCampaign] = {}
        for campaign_type in types:
            for campaign_id, item in (await self._read_type(campaign_type)).items():
                campaigns.setdefault(campaign_id, ListedCampaign(campaign_id, campaign_type, item))
        return list(campaigns.values())

    async def wanted(self, types: Sequence[CampaignType]) -> list[ListedCampaign]:
        """As `read`, where the list says which campaigns are wanted: it is not empty for want of IDs.

        Raises `ListFailed`, too, where there are items and none of them has an ID.
        """
        campaigns = await self.read(types)
        if self._without_id and not campaigns:
            raise ListFailed(
                f"no campaign of the list call can be asked for: {self._without_id}. Give the IDs in a file."
            )
        return campaigns

    async def _read_type(self, campaign_type: CampaignType) -> dict[str, str]:
        """ID -> the item's JSON text, which takes a fifth of the room that the parsed item would."""
        paging = Paging(self._engine.options.page_size)
        items: dict[str, str] = {}
        created: dict[str, float] = {}
        nameless: set[str] = set()
        last_without_id: Mapping[str, Any] = {}
        pages, reading, size = 0, 1, 0
        while (ask := paging.next_ask()) is not None:
            answer = await self._ask(campaign_type, ask, paging)
            if answer is None:
                continue
            page, seconds = answer
            pages += 1
            size = page.bytes + (size if paging.readings == reading else 0)
            reading = paging.readings
            if size > MOST_BYTES:
                raise ListFailed(
                    f"the list call for {campaign_type} campaigns has no end: page {pages:,}, {len(items):,} campaigns "
                    f"and {MOST_BYTES:,} bytes so far. Give the IDs in a file instead."
                )
            rows, before = [], len(items)
            for item in page.items:
                text = dumps(item)
                key = item_id(item)
                if key is None:
                    key = "\0" + hashlib.sha256(text.encode()).hexdigest()  # no ID begins so
                    nameless.add(key)
                    last_without_id = item
                else:
                    items[key] = text
                stamp = item.get("createdAt")
                row = ListRow(key, read_instant(stamp) if isinstance(stamp, str) else None)
                created[key] = math.inf if row.created is None else row.created
                rows.append(row)
            paging.took(ask, Page(rows, page.total, page.has_more, seconds, page.bytes))
            self._engine.emit(ListPageRead(campaign_type, pages, len(rows), len(items) - before, page.total))
        if nameless:
            names = excerpt(", ".join(last_without_id), MOST_OF_KEYS) or "no keys"
            self._without_id = f"an item without an ID (in {', '.join(ID_KEYS)}) has {names}"
            items_left_out = counted(len(nameless), "item")
            self._engine.emit(Warned(f"{items_left_out} of the {campaign_type} list left out: {self._without_id}"))
        self._warn(campaign_type, paging, len(nameless))
        # A service may sort by something else than was asked for; those of unknown age come last, as they are listed.
        keys = sorted(paging.keys, key=created.__getitem__)
        return {key: items[key] for key in keys if key not in nameless}

    def _warn(self, campaign_type: CampaignType, paging: Paging, nameless: int) -> None:
        campaigns = len(paging.keys) - nameless

        def warn(text: str) -> None:
            self._engine.emit(Warned(text))

        if paging.missing:
            warn(
                f"the list of {campaign_type} campaigns does not agree with itself: {campaigns:,} were found, "
                f"totalResults said {paging.missing + campaigns + nameless:,}"
            )
        elif paging.more_said:
            warn(
                f"the list of {campaign_type} campaigns is not known to be whole: hasMore says that more follow the "
                f"last page, and nothing came; {campaigns:,} were found"
            )
        elif not paging.settled:
            warn(
                f"the list of {campaign_type} campaigns is not known to be whole: it changed while it was read, or its "
                f"pages do not fit together ({counted(paging.readings, 'reading')}); {campaigns:,} were found"
            )

    async def _ask(self, campaign_type: CampaignType, ask: Ask, paging: Paging) -> tuple[ListPage, float] | None:
        """The page, and the seconds that it took; None where the service wants smaller pages."""
        engine = self._engine
        name = f"the {campaign_type} list"
        attempts = refusals = 0
        while True:
            self._stop.check()
            engine.meter.listed()
            exchange = await engine.client.list_page(campaign_type, **ask._asdict())
            verdict = exchange.verdict
            if exchange.page is not None:
                return exchange.page, engine.clock.monotonic() - exchange.sent_at
            if verdict.kind == "denied":
                refusals += 1
                if refusals == 1 and engine.client.has_listed:  # after a good answer one refusal is no proof
                    engine.meter.retried()
                    continue
                raise CredentialsRefused(refusal(verdict.error, engine.client.skew))
            if verdict.kind == "rate_limited":
                engine.meter.retried()
                continue
            may_help = verdict.kind in ("retry", "wrong_campaign", "gateway_404")
            if paging.refused(ask, for_good=not may_help):
                engine.meter.retried()
                engine.emit(RetryPlanned(name, 1, 0.0, f"{verdict.error} (for {ask.limit} campaigns in a page)"))
                return None
            if not may_help:
                raise ListFailed(f"the list call for {campaign_type} campaigns failed: {verdict.error}.")
            attempts += 1
            delay = engine.retry.delay_after(attempts)
            if delay is None:
                # The list is one ID to the limiter; when it fails so often, the service is taken as failing.
                engine.limiter.open_breaker(verdict.error)
                attempts, delay = 0, 0.0
            delay = max(delay, verdict.retry_after or 0.0)
            engine.meter.retried()
            engine.emit(RetryPlanned(name, attempts, delay, verdict.error))
            await engine.clock.sleep(delay)
