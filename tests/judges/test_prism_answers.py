"""An independent judge: Prism stands before the simulator, and refuses answers that the description does not allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.judges import find, needs, prism, violations
from tests.support.other_client import V1, V2, YEAR_2096, ask, token
from tests.support.running import rows_of, snapshot_folders
from tests.support.serving import environment, serving

pytestmark = needs("Prism (npm's @stoplight/prism-cli)", find("prism"))

CAMPAIGNS = sample_campaigns(60, voice_share=0.4)
FIRST = CAMPAIGNS[0].campaign_id


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Behaviour, str, str, Path]]:
    """The service, its own URL, the URL of Prism before it, and Prism's log."""
    log = tmp_path_factory.mktemp("prism") / "log"
    service = Behaviour(CAMPAIGNS)
    with serving(service) as direct, prism(log, "proxy", direct) as url:
        yield service, direct, url, log


@pytest.mark.parametrize("version", ["v2", "v1"])
def test_every_kind_of_campaign_and_every_page_is_as_described(
    front: tuple[Behaviour, str, str, Path], tmp_path: Path, version: str
) -> None:
    _, _, url, log = front
    before = len(violations(log))
    done = run(
        "snapshot", "--type", "all", "--out", str(tmp_path / "out"), "--page-size", "7", "--rate", "off", "--no-ledger",
        "--attempts", "1", "--patience", "1s", "--max-failures", "100%", "--api", version,
        env=environment(url, tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, (done.stderr, violations(log)[before:])
    found = {row["campaign_id"] for row in rows_of(snapshot_folders(tmp_path / "out")[0])}
    assert found == {campaign.campaign_id for campaign in CAMPAIGNS}
    assert violations(log)[before:] == []


REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "a token signed with another secret": (401, {"auth": token("x" * 64)}),
    "a token of another app": (401, {"auth": token(appId="cs-another")}),
    "no token": (401, {"auth": "a.b.c"}),
    "another account": (401, {"accountId": "0" * 24}),
    "a token without a jti": (401, {"auth": token(jti=None)}),
    "a token that never ends": (401, {"auth": token(exp=None)}),
    "a token of many years": (401, {"auth": token(exp=YEAR_2096)}),
}


@pytest.mark.parametrize("prefix", [V2, V1])
def test_every_refusal_is_as_described(front: tuple[Behaviour, str, str, Path], prefix: str) -> None:
    service, _, url, log = front
    before = len(violations(log))
    for why, (status, headers) in REFUSALS.items():
        assert ask("GET", url, FIRST, prefix=prefix, **headers).status_code == status, why
    replayed = token()
    statuses = [ask("GET", url, FIRST, prefix=prefix, auth=replayed).status_code for _ in range(2)]
    assert statuses == [200, 401]
    assert ask("GET", url, "cd-unknown", prefix=prefix).status_code == 404
    for fault, status in {"400": 400, "403": 403, "scope": 401, "429": 429, "not-found-400": 400}.items():
        service.faults[FIRST] = [fault]
        assert ask("GET", url, FIRST, prefix=prefix).status_code == status
    assert violations(log)[before:] == []


WRONG: dict[str, dict[str, Any]] = {
    "a number for the priority": {"priority": 5},
    "a key that no page shows": {"colour": "blue"},
    "a date without milliseconds": {"createdAt": "2026-01-01T00:00:00Z"},
    "an SMS campaign with both kinds of content": {"format": "simple", "message": {"message": "x"}},
    "a list of do-not-contact lists": {"dncLists": [{"name": "x"}]},
    "the list call's name of the ID": {"id": FIRST},
    "a weekday of the schedule": {"dialingStrategy": {"callerId": {"phoneNumber": "+1"}, "callingHours": {
        "frequency": "WEEKLY", "timezone": "Etc/UTC", "days": [{"day": "Mon", "start": "1:00 AM", "end": "2:00 AM"}]}}},
}  # fmt: skip


@pytest.mark.parametrize("why", WRONG)
def test_it_would_have_noticed(front: tuple[Behaviour, str, str, Path], why: str) -> None:
    """A judge that never refuses proves nothing."""
    service, direct, url, _ = front
    one = next(c for c in CAMPAIGNS if c.data.get("format") == "advanced")
    answer = ask("GET", direct, one.campaign_id).json()
    service.bodies[one.campaign_id] = json.dumps(answer | {"data": answer["data"] | WRONG[why]}).encode()
    told = ask("GET", url, one.campaign_id)
    service.bodies.clear()
    assert (told.status_code, told.json()["title"]) == (500, "Request/Response not valid")
