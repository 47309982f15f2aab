"""Pages of the list call: classified one by one, and read as a list that a service gives in any pages it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from exporter.api.classify import ListPage, classify_list, item_id
from exporter.api.endpoints import HttpResponse, Request
from exporter.errors import ExportError
from exporter.fetch.list_pass import ListPass
from exporter.json_text import loads
from exporter.model import ListedCampaign
from exporter.text import id_problem
from tests.fuzz.http_text import response_in
from tests.fuzz.promises import check_error, check_verdict
from tests.fuzz.target import Target
from tests.support.made_up_service import Fetching, MadeUpService
from tests.support.virtual_time import run_virtually

BETWEEN = b"\n---\n"
END = HttpResponse(200, b'{"status":"success","data":{"results":[],"totalResults":0,"hasMore":false}}')
MOST_REQUESTS = 500


class Script:
    """A service that gives the responses of a script one after the other, and empty pages behind them."""

    def __init__(self, responses: list[HttpResponse]) -> None:
        self.given: list[HttpResponse] = []
        self._left = responses[::-1]

    async def send(self, request: Request, *, on_sent: Callable[[], None]) -> HttpResponse:
        """As `HttpTransport.send`."""
        on_sent()
        await asyncio.sleep(0.1)
        assert len(self.given) < MOST_REQUESTS, "the list is never read to its end"
        self.given.append(self._left.pop() if self._left else END)
        return self.given[-1]

    def drop_connection(self) -> None:
        """As `HttpTransport.drop_connection`."""


class Listed(NamedTuple):
    """What became of a list."""

    given: list[HttpResponse]
    campaigns: list[ListedCampaign] | ExportError


def read(data: bytes) -> Listed:
    """One list pass over the pages of a script."""
    script = Script([response_in(part)[0] for part in data.split(BETWEEN)[:20]])
    return Listed(script.given, run_virtually(_read(script)))


async def _read(script: Script) -> list[ListedCampaign] | ExportError:
    parts = Fetching(cast(MadeUpService, script))
    try:
        return await ListPass(parts.engine, parts.stop).read(["sms"])
    except ExportError as error:
        return error


def check(data: bytes, listed: Listed) -> None:
    """Each campaign is of a page that was read, once, and can be asked for."""
    seen: set[str] = set()
    for response in listed.given:
        page = classify_list(response, url="https://h/list", now=0)
        if isinstance(page, ListPage):
            seen.update(found for item in page.items if (found := item_id(item)) is not None)
        else:
            check_verdict(page)
    if isinstance(listed.campaigns, ExportError):
        check_error(listed.campaigns)
        return
    ids = [campaign.campaign_id for campaign in listed.campaigns]
    assert len(set(ids)) == len(ids), "a campaign twice"
    assert set(ids) <= seen, "a campaign that no page shows"
    for campaign in listed.campaigns:
        assert id_problem(campaign.campaign_id) is None
        assert item_id(loads(campaign.item)) == campaign.campaign_id


TARGET = Target(
    read, check, is_json=True,
    words=(
        "status", "data", "results", "hasMore", "totalResults", "totalPages", "id", "_id", "campId", "createdAt",
        "---", "success",
    ),
)  # fmt: skip
