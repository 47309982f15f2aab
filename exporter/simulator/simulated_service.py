"""What the simulator does with a request: credentials, rate limit, faults. No sockets: `server` carries replies out.

The rules are those of the vendor's pages; where these say nothing, what a real service may do.
"""

from __future__ import annotations

import json
import math
import re
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal
from urllib.parse import unquote, urlencode

import jwt
import msgspec

from exporter.model import ApiVersion
from exporter.simulator.changes import SimulatedChanges, change_campaigns
from exporter.simulator.faults import faulty_reply, needs_good_reply
from exporter.simulator.list_call import HABITS, ListHabits, list_page
from exporter.simulator.replies import JSON, RATE_TEXT, Reply, error_reply, json_reply
from exporter.simulator.samples import SampleCampaign
from exporter.simulator.variables import ACCOUNT_ID as ACCOUNT_ID
from exporter.simulator.variables import CLIENT_ID as CLIENT_ID
from exporter.simulator.variables import CLIENT_SECRET as CLIENT_SECRET
from exporter.simulator.variables import STREAM_ID as STREAM_ID
from exporter.units import Limit

_PATH = re.compile("(?:/agentassist/api/v1|/campaign/api/v2)/public/[^/]*/campaign/([^/]+)/?")
"""Stated here again, and not taken from the client: a simulator must not agree with its mistakes."""

LIST_CALL = "getAllCampaignDetails"
"""What stands in the path in the place of an ID."""


MOVING_CALLS = 20
"""List calls between which a list moves that has this habit."""

LONGEST_TOKEN = 3600.0
"""Seconds that a token may be good for, where each is good once."""


class Arrival(msgspec.Struct):
    """One request, as it came. `at`: seconds on the server's monotonic clock. `body`: what a list call asks for."""

    at: float
    path: str
    campaign_id: str | None
    body: dict[str, Any] | None = None
    status: int = 0


@dataclass(eq=False, repr=False)
class Behaviour:
    """A simulated service of one account.

    `limit`: None is no limit. `window`: sliding, or fixed from a multiple of its length. `clock_ahead`: seconds by
    which the service's clock, its `Date` header, is ahead of ours. `faults`: for an ID the faults of its next requests,
    in order. `chances`: for a fault its probability at any request; together at most 1. `always`: a fault for every
    request, such as in an outage.
    """

    samples: InitVar[Iterable[SampleCampaign]]
    _: KW_ONLY
    limit: Limit | None = None
    window: Literal["sliding", "fixed"] = "sliding"
    retry_after: bool = False
    check_credentials: bool = True
    key: str = CLIENT_SECRET
    algorithms: Sequence[str] = ("HS256", "HS512")
    enforce_jti: bool = True
    ready_token: str | None = None
    account_id: str = ACCOUNT_ID
    clock_ahead: float = 0.0
    faults: dict[str, list[str]] = field(default_factory=dict)
    chances: dict[str, float] = field(default_factory=dict)
    always: str | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)
    listing: ListHabits = field(default_factory=ListHabits)
    arrivals: list[Arrival] = field(default_factory=list)

    def __post_init__(self, samples: Iterable[SampleCampaign]) -> None:
        self.campaigns = {campaign.campaign_id: campaign for campaign in samples}
        self._counted: deque[float] = deque()
        self._tokens: set[str] = set()
        self._random = Random(1)  # noqa: S311 - chance, no secret
        self._list_calls = 0
        self._changes = 0

    # What tests ask

    def refused(self) -> int:
        """How many requests broke the limit."""
        return sum(arrival.status == 429 for arrival in self.arrivals)

    def most_in_a_window(self, seconds: float) -> int:
        """The most arrivals in any window of that length."""
        moments = sorted(arrival.at for arrival in self.arrivals)
        counts = (i + 1 - bisect_right(moments, at - seconds) for i, at in enumerate(moments))
        return max(counts, default=0)

    def asked_for(self) -> Counter[str]:
        """How often each campaign was asked for."""
        return Counter(arrival.campaign_id for arrival in self.arrivals if arrival.campaign_id is not None)

    def change(self, number: int) -> SimulatedChanges:
        """What a day brings: `number` campaigns change, one goes, one comes."""
        self._changes += 1
        return change_campaigns(self.campaigns, number, moment=datetime.now(UTC), seed=self._changes)

    def take_habit(self, name: str) -> None:
        """Give the list call one of `HABITS`."""
        moves = {"between_pages": self._move} if name == "moving" else {}
        self.listing = msgspec.structs.replace(self.listing, **HABITS[name], **moves)

    def _move(self, call: int) -> None:
        # Not for ever: nobody comes to the end of a list that grows by a campaign for each request.
        if call <= MOVING_CALLS:
            self.change(1)

    # Requests

    def reply(
        self, method: str, raw_path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, now: float
    ) -> Reply:
        """The reply to one request; `now`: seconds on a monotonic clock."""
        match = _PATH.fullmatch(raw_path)
        name = unquote(match[1]) if match is not None else None
        arrival = Arrival(now, raw_path, None if name == LIST_CALL else name)
        self.arrivals.append(arrival)
        reply = self._credentials(raw_path, query, headers) or self._rate(now)
        if reply is None:
            fault = self._fault(arrival.campaign_id)
            needs_good = fault is None or needs_good_reply(fault)
            reply = self._good(arrival, name, method, body) if needs_good else Reply(200, b"")
            if fault is not None:
                reply = faulty_reply(fault, reply, path=raw_path, query=urlencode(query))
        arrival.status = reply.status
        return reply

    def _good(self, arrival: Arrival, name: str | None, method: str, body: bytes) -> Reply:
        if name is None:
            return error_reply(404, "Cannot find the path", code=404)
        if method != ("POST" if name == LIST_CALL else "GET"):
            return error_reply(405, "Method Not Allowed", code=405)
        version: ApiVersion = "v1" if arrival.path.startswith("/agentassist/") else "v2"
        return self._list(arrival, body, version) if name == LIST_CALL else self._campaign(name, version)

    def _credentials(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply | None:
        if not self.check_credentials:
            return None
        bad = error_reply(401, "Invalid SDK credentials", code=4002)
        if f"/{STREAM_ID}/" not in path or headers.get("iid") != STREAM_ID:
            return bad
        if headers.get("accountId") != self.account_id or query.get("accountId") != self.account_id:
            return bad
        token = headers.get("auth", "")
        if self.ready_token is not None:
            return None if token == self.ready_token else bad
        try:
            claims = jwt.decode(token, self.key, algorithms=self.algorithms, options={"require": ["sub", "appId"]})
        except jwt.DecodeError:
            return error_reply(401, "Invalid JWT token", code=4002)
        except jwt.InvalidTokenError:
            return bad
        if claims["appId"] != CLIENT_ID:
            return bad
        return self._enforced(claims) if self.enforce_jti else None

    def _enforced(self, claims: Mapping[str, Any]) -> Reply | None:
        """What else an app asks for that enforces the JTI (page sdk-security)."""
        jti = str(claims.get("jti", ""))
        if not jti or not isinstance(claims.get("exp"), int | float):
            return error_reply(401, "Invalid SDK credentials", code=4002)
        if claims["exp"] > time.time() + LONGEST_TOKEN:
            return error_reply(401, "exp must be at most 1 hour from now", code=401)
        if jti in self._tokens:
            return error_reply(401, "JTI was seen before, possibly a replay", code=401)
        self._tokens.add(jti)
        return None

    def _rate(self, now: float) -> Reply | None:
        if self.limit is None:
            return None
        start = now - self.limit.seconds if self.window == "sliding" else now - now % self.limit.seconds
        while self._counted and (self._counted[0] <= start if self.window == "sliding" else self._counted[0] < start):
            self._counted.popleft()
        if len(self._counted) < self.limit.slots:
            self._counted.append(now)
            return None
        free = (self._counted[0] if self.window == "sliding" else start) + self.limit.seconds - now
        headers = {"Retry-After": str(max(1, math.ceil(free)))} if self.retry_after else {}
        return error_reply(429, RATE_TEXT, code=429, headers=headers)

    def _fault(self, campaign_id: str | None) -> str | None:
        planned = self.faults.get(campaign_id or "list")
        if planned:
            return planned.pop(0)
        if self.always is not None:
            return self.always
        thrown = self._random.random()
        for fault, chance in self.chances.items():
            thrown -= chance
            if thrown < 0:
                return fault
        return None

    def _campaign(self, campaign_id: str, version: ApiVersion) -> Reply:
        if campaign_id in self.bodies:
            return Reply(200, self.bodies[campaign_id], JSON)
        campaign = self.campaigns.get(campaign_id)
        if campaign is None:
            return error_reply(404, "Campaign not found", code=404)
        message = f"Campaign {campaign.data['name']} retrieved successfully"
        return json_reply(200, {"status": "success", "message": message, "data": campaign.answer(version)})

    def _list(self, arrival: Arrival, body: bytes, version: ApiVersion) -> Reply:
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or asked.get("type") not in ("sms", "voice"):
            return error_reply(400, "Validation errors/ Invalid arguments", code=412)
        arrival.body = asked
        self._list_calls += 1
        habits = self.listing
        if habits.between_pages is not None and self._list_calls > 1:
            habits.between_pages(self._list_calls)
        campaigns = [campaign for campaign in self.campaigns.values() if campaign.campaign_type == asked["type"]]
        return json_reply(200, list_page(campaigns, asked, habits, version, call=self._list_calls))
