"""One request after the other, for the pool and the list pass: gate, token, transport, judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from exporter.api.auth import TokenSource
from exporter.api.classify import classify_campaign
from exporter.api.endpoints import CampaignApi, HttpResponse, Request, Verdict, is_askable, without_token
from exporter.api.http import CertificateError, HttpTransport, TransportError
from exporter.clock import Clock
from exporter.errors import SettingsError
from exporter.ratelimit.limiter import Limiter

MOST_REDIRECTS = 3


class Exchange(msgspec.Struct, frozen=True):
    """A judged answer, or what came instead of one."""

    verdict: Verdict
    answer: HttpResponse | None


class Client:
    """Sends one request after the other for the pool and the list pass: gate, token, transport, judgement.

    Order matters: the gate is entered first, so that the token is fresh when it is sent and the place is
    held exactly as long as the request may reach the service.
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
        """Ask for one campaign; follows redirects that stay on our origin."""
        if not is_askable(campaign_id):
            return Exchange(Verdict("not_found", "not asked for: in a URL it would be a step up the path"), None)
        redirect: str | None = None
        for _ in range(MOST_REDIRECTS + 1):
            exchange = await self._once(
                partial(self._get, campaign_id, redirect),
                lambda answer: classify_campaign(answer, campaign_id, origin=self.api.origin, now=self.clock.now()),
                item=campaign_id,
            )
            if exchange.verdict.kind != "redirect":
                return exchange
            redirect = exchange.verdict.text
        return Exchange(Verdict("invalid", f"more than {MOST_REDIRECTS} redirects"), exchange.answer)

    async def ask(
        self, build: Callable[[str], Request], classify: Callable[[HttpResponse], Verdict], *, item: str
    ) -> Exchange:
        """Send what `build` makes of a fresh token and judge the answer."""
        return await self._once(build, classify, item=item)

    def _get(self, campaign_id: str, redirect: str | None, token: str) -> Request:
        request = self.api.get(campaign_id, token)
        return request if redirect is None else self.api.redirected(request, redirect, token)

    async def _once(
        self, build: Callable[[str], Request], classify: Callable[[HttpResponse], Verdict], *, item: str
    ) -> Exchange:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in a coroutine
        async with self.limiter.acquire() as permit:
            self.sending.add(task)
            token = self._tokens.token()
            try:
                answer = without_token(await self._transport.send(build(token)), token)
            except TransportError as error:
                if isinstance(error, CertificateError) and self.limiter.last_ok_at is None:
                    # It was never trusted, and waiting does not change that.
                    raise SettingsError(f"{error}.") from None
                told = str(error).replace(token, "[token hidden]")
                permit.failing(told, item=item)
                return Exchange(Verdict("retry", told), None)
            finally:
                self.sending.discard(task)
            verdict = classify(answer)
            if verdict.kind == "rate_limited":
                permit.rate_limited(verdict.retry_after, verdict.error)
            elif verdict.kind == "retry":
                permit.failing(verdict.error, item=item)
            else:
                permit.ok()
            return Exchange(verdict, answer)


def refusal(error: str) -> str:
    """What to check when the service refuses the credentials (pages sdk-security, api-introduction)."""
    text = error.lower()
    if "scope" in text or "permission" in text:
        hint = "Give the JWT app the scope 'Campaign Management' (App Settings > Dev Tools > API Scopes) and publish."
    elif "replay" in text:
        hint = "The app enforces that a token is good once: use KORE_CLIENT_ID and KORE_CLIENT_SECRET, not KORE_JWT."
    else:
        hint = (
            "Check KORE_CLIENT_SECRET (or KORE_JWT), KORE_CLIENT_ID, KORE_STREAM_ID and KORE_HOST (the region): "
            "the service gives one answer for a wrong one of them. Check too that the app has the scope "
            "'Campaign Management'."
        )
    return f"the service refused the credentials ({error}).\n{hint}"
