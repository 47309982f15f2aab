"""`exporter.simulator.simulated_service`: credentials and rate limit, at made-up times."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import jwt
import pytest

from exporter.simulator.replies import Reply
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.simulator.variables import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, STREAM_ID
from exporter.units import Limit

CAMPAIGNS = sample_campaigns(2)
FIRST = CAMPAIGNS[0].campaign_id


def ask(
    service: Behaviour, now: float = 0.0, *, secret: str = CLIENT_SECRET, account: str = ACCOUNT_ID, **claims: Any
) -> Reply:
    claims = {"sub": "x", "appId": CLIENT_ID, "jti": str(now), "exp": time.time() + 600, **claims}
    headers = {"iid": STREAM_ID, "accountId": account, "auth": jwt.encode(claims, secret, "HS256")}
    path = f"/campaign/api/v2/public/{STREAM_ID}/campaign/{FIRST}"
    return service.reply("GET", path, {"accountId": account}, headers, b"", now)


def test_a_signed_token_is_good_once() -> None:
    service = Behaviour(CAMPAIGNS)
    assert [ask(service, jti="1").status, ask(service, jti="1").status, ask(service, jti="2").status] == [200, 401, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another-secret-" * 5},
        {"account": "another"},
        {"appId": "another"},
        {"exp": time.time() + 7200},
        {"exp": time.time() - 60},
        {"jti": ""},
    ],
)
def test_a_wrong_token_is_refused(wrong: dict[str, Any]) -> None:
    assert ask(Behaviour(CAMPAIGNS), **wrong).status == 401


def test_a_sliding_limit_allows_no_more_in_any_window() -> None:
    service = Behaviour(CAMPAIGNS, limit=Limit(2, 10.0), retry_after=True)
    replies = [ask(service, now) for now in (0.0, 9.0, 9.5, 10.1, 18.9, 19.1)]
    assert [reply.status for reply in replies] == [200, 200, 429, 200, 429, 200]
    assert replies[2].headers["Retry-After"] == "1"
    assert (service.refused(), service.most_in_a_window(10.0)) == (2, 4)


def test_a_fixed_limit_begins_again_at_each_multiple_of_its_window() -> None:
    service = Behaviour(CAMPAIGNS, limit=Limit(2, 10.0), window="fixed")
    assert [ask(service, now).status for now in (8.0, 9.0, 9.5, 10.0, 10.5, 11.0)] == [200, 200, 429, 200, 200, 429]


def test_faults_of_an_id_come_in_their_order_and_then_end() -> None:
    service = Behaviour(CAMPAIGNS)
    service.faults[FIRST] = ["503", "404-html"]
    assert [ask(service, now).status for now in (1.0, 2.0, 3.0)] == [503, 404, 200]


def test_each_fault_comes_as_often_as_it_is_said_to_beside_others() -> None:
    service = Behaviour(CAMPAIGNS, check_credentials=False)
    service.chances = {"500": 0.5, "503": 0.3, "404-html": 0.2}
    counts = Counter(ask(service).status for _ in range(1000))
    assert counts == {500: pytest.approx(500, abs=50), 503: pytest.approx(300, abs=50), 404: pytest.approx(200, abs=50)}
