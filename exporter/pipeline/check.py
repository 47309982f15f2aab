"""`check`: is this account set up right? One to three requests, within the rate limit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from exporter.api.classify import ListPage, decode_body, item_id
from exporter.clock import Clock, to_milliseconds
from exporter.errors import (
    CredentialsRefused,
    ExportError,
    InputError,
    ListFailed,
    MachineExhausted,
    ServiceDown,
    SettingsError,
)
from exporter.events import Emit
from exporter.fetch.client import Exchange
from exporter.fetch.open_engine import Engine, open_engine
from exporter.fetch.paging import FIRST_SIZE, LARGEST_SIZE
from exporter.json_text import NotJson, loads
from exporter.model import CampaignResponse, CampaignType
from exporter.options import FetchOptions
from exporter.pipeline.check_findings import CheckResult, Findings
from exporter.settings import Settings
from exporter.snapshot_store.destination import Destination
from exporter.snapshot_store.local_folder import LocalDestination
from exporter.snapshot_store.open_destination import open_destination
from exporter.stop import Stop
from exporter.tables.flatten import flatten
from exporter.units import first_of

MOST_SHOWN = 5

_AGAIN = frozenset({"retry", "rate_limited", "gateway_404", "wrong_campaign"})
"""Verdicts after which the same is asked again."""

Result = TypeVar("Result")


async def check_account(
    settings: Settings,
    fetch: FetchOptions,
    *,
    dest: str | None,
    environ: Mapping[str, str],
    clock: Clock,
    emit: Emit,
    stop: Stop,
) -> CheckResult:
    """Try the settings out. `dest`: a destination to be checked too. Raises only what `stop` asks for."""
    findings = Findings(settings)
    if dest is not None:
        await asyncio.to_thread(_check_destination, findings, dest, environ)
    proxy = urlsplit(settings.proxy) if settings.proxy else None
    findings.note("proxy", "ok", f"through {proxy.hostname}:{proxy.port}" if proxy else "none is used")
    async with open_engine(settings, fetch, clock=clock, emit=emit) as engine:
        check = _ServiceCheck(engine, findings)
        await stop.interrupting(check.run())
    return findings.result(check.requests)


def _check_destination(findings: Findings, dest: str, environ: Mapping[str, str]) -> None:
    try:
        destination = open_destination(dest, environ=environ)
        destination.check_is_no_snapshot()
        with _made_folders_removed(destination):
            destination.check_writable()
    except ExportError as error:
        kind = SettingsError if isinstance(error, InputError) else ServiceDown
        findings.note("destination", "failed", str(error), "Or name another one with --out.", kind)
        return
    findings.note("destination", "ok", f"{destination.shown} can be written")


@contextmanager
def _made_folders_removed(destination: Destination) -> Iterator[None]:
    folders = (destination.folder, *destination.folder.parents) if isinstance(destination, LocalDestination) else ()
    missing = [folder for folder in folders if not os.path.lexists(folder)]
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):  # it was not made, or somebody has put something into it
                folder.rmdir()


class _ServiceCheck:
    """What requests show about an account."""

    def __init__(self, engine: Engine, findings: Findings) -> None:
        self._engine = engine
        self._findings = findings
        self.requests = 0

    async def run(self) -> None:
        """The list call, and one campaign of it. After what ends it no other request makes sense."""
        try:
            items = await self._list()
            if items:
                await self._campaign(items)
        except CredentialsRefused as error:
            self._findings.refused(str(error))
        except ListFailed as error:
            self._findings.no_list(str(error))
        except MachineExhausted as error:
            self._findings.note("host", "failed", str(error), error=ServiceDown)
        except SettingsError as error:
            self._findings.never_works(str(error))
        except ServiceDown as error:
            self._findings.service_failed(str(error))

    async def _list(self) -> list[Mapping[str, Any]]:
        """The campaigns of the first pages. Notes how many there are, and how many a page holds at most."""
        first = await self._list_page("sms", FIRST_SIZE)
        total = _total(first)
        if total > FIRST_SIZE:  # is there a largest page?
            large = await self._list_page("sms", LARGEST_SIZE)
            is_capped = len(large.items) < min(total, LARGEST_SIZE)
            largest = f"{len(large.items):,} at most" if is_capped else "as many as are asked for"
            self._findings.note("list", "ok", f"{total:,} SMS campaigns; a page holds {largest}")
            return list(first.items)
        voice = await self._list_page("voice", FIRST_SIZE)
        counts = f"{total:,} SMS and {_total(voice):,} voice campaigns"
        if 0 < len(first.items) < total:
            counts += f"; a page holds {len(first.items):,} at most"
        if total or voice.items:
            self._findings.note("list", "ok", counts)
        else:
            advice = (
                "Is it the right app (KORE_STREAM_ID)? Campaigns are an option of the account: ask the vendor whether "
                "they are enabled for it."
            )
            self._findings.note("list", "warning", counts, advice)
            self._findings.note("campaign", "skipped", "there is none")
        return [*first.items, *voice.items]

    async def _list_page(self, campaign_type: CampaignType, limit: int) -> ListPage:
        exchange = await self._exchange(
            lambda: self._engine.client.list_page(campaign_type, limit=limit, skip=0, page=1)
        )
        if exchange.page is None:
            raise ListFailed(exchange.verdict.error)
        self._findings.accepted()
        return exchange.page

    async def _campaign(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Fetch the first campaign, and see how it is read."""
        campaign_id = next((key for item in items if (key := item_id(item)) is not None), None)
        if campaign_id is None:
            advice = "Is KORE_API right (v2, or v1 for the older paths)? Else give the IDs in a file."
            self._findings.note("campaign", "failed", "no item of the list has an ID", advice, ServiceDown)
            return
        advice = "Is KORE_API right (v2, or v1 for the older paths)?"
        try:
            exchange = await self._exchange(lambda: self._engine.client.campaign(campaign_id))
            error = exchange.verdict.error
        except ServiceDown as failed:  # the list was answered: this is no outage of it
            error, advice = str(failed), f"{advice} Else try again later, or wait for the service with --patience."
        if error:
            detail = f"{campaign_id}, which the list shows: {error}"
            self._findings.note("campaign", "failed", detail, advice, ServiceDown)
            return
        fetched_at = to_milliseconds(self._engine.clock.now())
        (row,) = flatten([CampaignResponse(campaign_id, fetched_at, 200, exchange.verdict.text)]).campaigns.to_pylist()
        unknown = f"; keys that no column knows, kept in extra: {_some(loads(row['extra']))}" if row["extra"] else ""
        if row["parse_issues"]:
            detail = f"{campaign_id} is read with parse issues: {_some(row['parse_issues'])}{unknown}"
            self._findings.note("campaign", "warning", detail, "The column parse_issues has them for every campaign.")
        else:
            self._findings.note("campaign", "ok", f"{campaign_id} is read without parse issues{unknown}")

    async def _exchange(self, ask: Callable[[], Coroutine[Any, Any, Exchange]]) -> Exchange:
        """An exchange that is a last word. Where the service fails, tried again as long as the patience lasts.

        Raises `CredentialsRefused`, `ServiceDown`, `SettingsError`.
        """
        engine = self._engine
        latest = engine.clock.monotonic() + engine.options.patience
        attempts = refusals = 0
        while True:
            self.requests += 1
            exchange = await ask()
            if exchange.response is not None:
                self._findings.reached(exchange.response, engine.clock.now())
            if exchange.verdict.kind == "denied":
                refusals += 1
                if refusals == 1 and engine.client.has_listed:  # after a good answer one refusal is no proof
                    continue
                raise CredentialsRefused(exchange.verdict.error)
            if exchange.verdict.kind not in _AGAIN:
                return exchange
            # After a refusal for the rate limit it is the limiter that waits.
            is_limited = exchange.verdict.kind == "rate_limited"
            attempts += not is_limited
            delay = 0.0 if is_limited else engine.retry.delay_after(attempts)
            if delay is None or engine.clock.monotonic() + delay > latest:
                error = exchange.verdict.error
                if not engine.client.has_listed and _is_of_another_server(exchange):
                    raise SettingsError(f"what answers is not the campaign API: {error}; check KORE_HOST.")
                raise ServiceDown(error)
            await engine.clock.sleep(delay)


def _is_of_another_server(exchange: Exchange) -> bool:
    """Whether a server that does not say that it fails has answered with a page of its own, or with nothing."""
    response = exchange.response
    if response is None or exchange.verdict.kind == "gateway_404":
        return response is not None
    try:
        loads(decode_body(response))
    except NotJson:
        return response.status // 100 == 2
    return False


def _total(page: ListPage) -> int:
    return page.total if page.total is not None else len(page.items)


def _some(names: Mapping[str, Any] | Sequence[str]) -> str:
    return first_of(list(names), MOST_SHOWN)
