"""An independent judge: a client made with `requests` gets the same answers from the simulator as ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.other_client import V1, V2, YEAR_2096, ask, token
from tests.support.running import rows_of, snapshot_folders
from tests.support.serving import environment, serving


@pytest.mark.parametrize(("version", "prefix"), [("v2", V2), ("v1", V1)])
def test_it_gets_the_same_list_and_the_same_campaigns_as_our_client(tmp_path: Path, version: str, prefix: str) -> None:
    with serving(Behaviour(sample_campaigns(60, voice_share=0.4))) as url:
        done = run(
            "snapshot", "--type", "all", "--out", str(tmp_path / "out"), "--rate", "off", "--api", version,
            env=environment(url, tmp_path),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        listed: list[tuple[str, dict[str, Any]]] = []
        for kind in ("sms", "voice"):
            more = True
            while more:
                skip = sum(one == kind for one, _ in listed)
                body = {"type": kind, "limit": 7, "skip": skip, "page": 1, "sortBy": {"createdAt": "asc"}}
                page = ask("POST", url, "getAllCampaignDetails", prefix=prefix, body=body).json()["data"]
                listed += [(kind, item) for item in page["results"]]
                more = page["hasMore"]
        ids = [str(item.get("_id") or item.get("id")) for _, item in listed]
        answers = [ask("GET", url, one, prefix=prefix).json() for one in ids]
    ours = rows_of(snapshot_folders(tmp_path / "out")[0], "responses")
    assert len(ids) == 60
    assert [row["campaign_id"] for row in ours] == ids
    assert [json.loads(row["body"]) for row in ours] == answers
    assert [json.loads(row["list_item"]) for row in ours] == [item for _, item in listed]


@pytest.mark.parametrize("claims", [{"jti": None}, {"exp": None}, {"exp": YEAR_2096}, {"exp": 1}])
def test_where_a_token_is_good_once_it_needs_a_jti_and_an_end_within_an_hour(claims: dict[str, Any]) -> None:
    campaigns = sample_campaigns(1)
    with serving(Behaviour(campaigns)) as url:
        assert ask("GET", url, campaigns[0].campaign_id).status_code == 200
        refused = ask("GET", url, campaigns[0].campaign_id, auth=token(**claims))
    assert (refused.status_code, list(refused.json())) == (401, ["errors"])


def test_where_a_token_is_good_for_ever_it_needs_only_the_two_claims_of_the_recipe() -> None:
    campaigns = sample_campaigns(1)
    lasting = token(jti=None, exp=None, iat=None)
    with serving(Behaviour(campaigns, enforce_jti=False)) as url:
        statuses = [ask("GET", url, campaigns[0].campaign_id, auth=lasting).status_code for _ in range(2)]
    assert statuses == [200, 200]
