"""One request after the other, for the worker pool and the list pass: permit, token, send, classify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from exporter.api.auth import TokenSource
from exporter.api.classify import classify_campaign
from exporter.api.endpoints import CampaignApi, HttpResponse, Request, Verdict, is_askable, without_token
from exporter.api.http import HttpTransport, TransportError
from exporter.clock import Clock
from exporter.errors import SettingsError
from exporter.ratelimit.limiter import Limiter
from exporter.text import TOKEN_HIDDEN

MOST_REDIRECTS = 3


class Exchange(msgspec.Struct, frozen=True):
    """A response and its verdict; without a response the verdict says what came instead of one."""

    verdict: Verdict
    response: HttpResponse | None


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
        clock: Clock,
    ) -> None:
        self.api = api
        self.limiter = limiter
        self.clock = clock
        self._tokens = tokens
        self._transport = transport
        self.sending: set[asyncio.Task[object]] = set()

    async def campaign(self, campaign_id: str) -> Exchange:
        """Ask for one campaign."""
        if not is_askable(campaign_id):
            return Exchange(Verdict("not_found", "not asked for: in a URL it would be a step up the path"), None)

        def classify(response: HttpResponse, url: str) -> Verdict:
            return classify_campaign(response, campaign_id, url=url, now=self.clock.now())

        return await self.ask(partial(self.api.get, campaign_id), classify, item=campaign_id)

    async def ask(
        self, build: Callable[[str], Request], classify: Callable[[HttpResponse, str], Verdict], *, item: str
    ) -> Exchange:
        """Send what `build` makes of a fresh token and classify the response; `classify` gets the URL asked, too.

        Follows redirects that stay on our origin.
        """
        redirect: str | None = None
        for _ in range(MOST_REDIRECTS + 1):
            exchange = await self._once(build, redirect, classify, item=item)
            if exchange.verdict.kind != "redirect":
                return exchange
            redirect = exchange.verdict.text
        return Exchange(Verdict("invalid", f"more than {MOST_REDIRECTS} redirects"), exchange.response)

    async def _once(
        self,
        build: Callable[[str], Request],
        redirect: str | None,
        classify: Callable[[HttpResponse, str], Verdict],
        *,
        item: str,
    ) -> Exchange:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in a coroutine
        async with self.limiter.acquire() as permit:
            self.sending.add(task)
            token = self._tokens.token()
            request = build(token)
            if redirect is not None:
                request = self.api.redirected(request, redirect, token)
            try:
                response = without_token(await self._transport.send(request), token)
            except TransportError as error:
                if error.permanent and self.limiter.last_ok_at is None:
                    # Nothing was ever answered well, and waiting does not change what is set up wrongly.
                    raise SettingsError(f"{error}.") from None
                detail = str(error).replace(token, TOKEN_HIDDEN)
                permit.failing(detail, item=item)
                return Exchange(Verdict("retry", detail), None)
            finally:
                self.sending.discard(task)
            verdict = classify(response, request.url)
            if verdict.kind == "wrong_campaign":
                self._transport.drop_connection()
            if verdict.kind == "rate_limited":
                permit.rate_limited(verdict.retry_after, verdict.error)
            elif verdict.kind == "retry":
                permit.failing(verdict.error, item=item)
            else:
                permit.ok()
            return Exchange(verdict, response)
