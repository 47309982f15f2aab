"""One request after the other, for the worker pool and the list pass: permit, token, send, classify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from exporter.api.auth import TokenSource
from exporter.api.classify import ListPage, classify_campaign, classify_list
from exporter.api.credentials_advice import skew_warning
from exporter.api.endpoints import CampaignApi, HttpResponse, Request, is_askable, without_token
from exporter.api.http import HttpTransport
from exporter.api.response_headers import read_date
from exporter.api.transport_errors import TooManyFiles, TransportError
from exporter.api.verdict import Verdict
from exporter.clock import Clock
from exporter.errors import MachineExhausted, SettingsError
from exporter.events import Emit, Warned, ignore
from exporter.model import CampaignType
from exporter.ratelimit.limiter import Limiter, Permit
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.text import TOKEN_HIDDEN

MOST_REDIRECTS = 10

MOST_TO_ONE_URL = 2
"""Redirects to one URL that are followed, be it the one that was asked: a hop of a balancer. More are without end."""

MOST_LED_AWAY = 20
"""Campaigns whose answers lead away, before any is answered well; then the host is taken for wrong."""


class Exchange(msgspec.Struct, frozen=True):
    """A response and its verdict; without a response the verdict says what came instead of one.

    `sent_at`: when (monotonic) its request got its permit. `page`: what a good response to the list call holds.
    """

    verdict: Verdict
    response: HttpResponse | None
    sent_at: float = 0.0
    page: ListPage | None = None


class Client:
    """Sends one request after the other for the worker pool and the list pass: permit, token, send, classify.

    Order matters: the permit comes first, so that the token is fresh when it is sent and the permit is held exactly
    as long as the request may reach the service.
    """

    def __init__(
        self,
        *,
        api: CampaignApi,
        tokens: TokenSource,
        transport: HttpTransport,
        limiter: Limiter,
        meter: UsageMeter,
        clock: Clock,
        emit: Emit = ignore,
    ) -> None:
        self.api = api
        self.limiter = limiter
        self.clock = clock
        self._tokens = tokens
        self._transport = transport
        self._meter = meter
        self._emit = emit
        self._led_away: set[str] = set()
        self.has_listed = False
        """whether the list call was answered well, so that the credentials are good"""
        self.has_fetched = False
        """whether a campaign was answered well, be it in an earlier attempt: what leads away may pass"""
        self.skew: float | None = None
        """seconds by which our clock is ahead of the service's, by its first response; None: not known"""
        self.sending: set[asyncio.Task[object]] = set()
        """tasks whose request may have reached the service and is not answered yet"""

    async def campaign(self, campaign_id: str, *, may_probe: bool = False) -> Exchange:
        """Ask for one campaign. `may_probe`: see `Limiter.acquire`.

        Until one is answered well, to be led away is a last word. Raises `SettingsError` where every one is: an old
        host, or one that wants a login. The list call may be answered all the same.
        """
        if not is_askable(campaign_id):
            return Exchange(Verdict("not_found", "not asked for: in a URL it would be a step up the path"), None)

        def classify(response: HttpResponse, url: str) -> Verdict:
            return classify_campaign(response, campaign_id, url=url, now=self.clock.now())

        exchange = await self.ask(partial(self.api.get, campaign_id), classify, item=campaign_id, may_probe=may_probe)
        verdict = exchange.verdict
        self.has_fetched = self.has_fetched or verdict.kind == "good"
        if verdict.kind != "led_away" or self.has_fetched:
            return exchange
        self._led_away.add(campaign_id)
        if len(self._led_away) >= MOST_LED_AWAY:
            raise SettingsError(f"every campaign that was asked for leads away: {verdict.error}.")
        return msgspec.structs.replace(exchange, verdict=msgspec.structs.replace(verdict, kind="invalid"))

    async def list_page(self, campaign_type: CampaignType, *, limit: int, skip: int, page: int) -> Exchange:
        """Ask for a page of the list call. Raises `SettingsError` where the first one leads to another origin."""
        pages: list[ListPage] = []

        def classify(response: HttpResponse, url: str) -> Verdict:
            answer = classify_list(response, url=url, now=self.clock.now())
            if isinstance(answer, Verdict):
                return answer
            pages.append(answer)
            return Verdict("good")

        def build(token: str) -> Request:
            return self.api.list(campaign_type, limit=limit, skip=skip, page=page, token=token)

        exchange = await self.ask(build, classify, item=f"the {campaign_type} list")
        if not pages:
            if exchange.verdict.kind == "led_away" and not (self.has_listed or self.has_fetched):
                raise SettingsError(f"the list call leads away: {exchange.verdict.error}.")
            return exchange
        self.has_listed = True
        return msgspec.structs.replace(exchange, page=pages[-1])

    async def ask(
        self,
        build: Callable[[str], Request],
        classify: Callable[[HttpResponse, str], Verdict],
        *,
        item: str,
        may_probe: bool = True,
    ) -> Exchange:
        """Send what `build` makes of a fresh token and classify the response; `classify` gets the URL asked, too.

        Follows redirects that stay on our origin. A request under which a kept-alive connection was dropped is sent
        again: that is nobody's failure.
        """
        followed: list[str] = []
        while True:
            async with self.limiter.acquire(may_probe=may_probe) as permit:
                exchange = await self._send(permit, build, followed, classify, item)
            may_probe = permit.may_probe  # a probe without an outcome is followed by another
            if exchange is None:
                self._meter.retried()
                continue
            if exchange.verdict.kind != "redirect":
                return exchange
            followed.append(exchange.verdict.text)

    async def _send(
        self,
        permit: Permit,
        build: Callable[[str], Request],
        followed: list[str],
        classify: Callable[[HttpResponse, str], Verdict],
        item: str,
    ) -> Exchange | None:
        """One exchange; None: a kept-alive connection was dropped under it. `followed`: where redirects have led."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in a coroutine

        def on_sent() -> None:
            permit.sent()
            self.sending.add(task)

        token = self._tokens.token()
        first = build(token)
        request = msgspec.structs.replace(first, url=followed[-1]) if followed else first
        broken = ""
        try:
            response = without_token(await self._transport.send(request, on_sent=on_sent), token)
        except TransportError as error:
            if error.permanent and self.limiter.answered_at is None and self.sending <= {task}:
                # Nothing was ever answered, and waiting does not change what is set up wrongly. While others are
                # under way it may be one bad response among good ones.
                kind = MachineExhausted if isinstance(error, TooManyFiles) else SettingsError
                raise kind(f"{error}.") from None
            if error.dropped:
                return None
            broken = str(error).replace(token, TOKEN_HIDDEN)
            if error.head is None:
                permit.failing(item, broken, answered=False)
                return Exchange(Verdict("retry", broken), None, permit.granted_at)
            response = error.head
        finally:
            self.sending.discard(task)
        self._compare_clocks(response)
        verdict = classify(response, request.url)
        if broken:
            verdict = _without_body(verdict, f"HTTP {response.status}: {broken}")
        if verdict.kind == "redirect" and (
            followed.count(verdict.text) == MOST_TO_ONE_URL or len(followed) == MOST_REDIRECTS
        ):
            verdict = Verdict("led_away", f"HTTP {response.status} redirects without end; check KORE_HOST")
        if verdict.kind == "wrong_campaign":
            self._transport.drop_connection()
        if verdict.kind == "rate_limited":
            permit.rate_limited(verdict.retry_after, verdict.error)
        elif verdict.kind in ("retry", "gateway_404") or (verdict.kind == "led_away" and self.has_fetched):
            permit.failing(item, verdict.error, answered=True, retry_after=verdict.retry_after or 0.0)
        elif verdict.kind == "redirect":
            permit.redirected()
        else:
            permit.ok()
        return Exchange(verdict, None if broken and verdict.kind == "retry" else response, permit.granted_at)

    def _compare_clocks(self, response: HttpResponse) -> None:
        theirs = read_date(response.date) if self.skew is None else None
        if theirs is None:
            return
        self.skew = self.clock.now() - theirs
        warning = skew_warning(self.skew)
        if warning is not None:
            self._emit(Warned(warning))


def _without_body(verdict: Verdict, error: str) -> Verdict:
    """What a response means whose body did not come whole, by the verdict on its head: that proves a refusal only."""
    kind = verdict.kind if verdict.kind in ("rate_limited", "denied") else "retry"
    return Verdict(kind, error, retry_after=verdict.retry_after)
