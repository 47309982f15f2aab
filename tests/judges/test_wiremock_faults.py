"""An independent judge: WireMock breaks connections and answers in its own ways, and counts what comes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from tests.support.forked_program import run
from tests.support.judges import find_wiremock, needs, started
from tests.support.running import manifest_of, rows_of, snapshot_folders, write_ids
from tests.support.serving import environment

JAVA, JAR = shutil.which("java"), find_wiremock()

pytestmark = [
    needs("Java, to run WireMock", JAVA),
    needs("WireMock (npm's wiremock)", JAR),
]

FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"fault": "CONNECTION_RESET_BY_PEER"},
    "nothing": {"fault": "EMPTY_RESPONSE"},
    "broken-chunk": {"status": 200, "fault": "MALFORMED_RESPONSE_CHUNK"},
    "garbage": {"fault": "RANDOM_DATA_THEN_CLOSE"},
    "empty-body": {"status": 200, "body": ""},
    "dribble": {
        "status": 200, "body": '{"status":"x"}', "chunkedDribbleDelay": {"numberOfChunks": 5, "totalDuration": 9000},
    },
    "late": {"status": 200, "body": "{}", "fixedDelayMilliseconds": 9000},
    "unavailable": {"status": 503, "body": "<html>busy</html>", "headers": {"Content-Type": "text/html"}},
    "too-many": {"status": 429, "headers": {"Retry-After": "1"}},
}  # fmt: skip

GOOD = {
    "status": 200,
    "headers": {"Content-Type": "application/json"},
    "body": '{"status":"success","message":"Campaign {{request.pathSegments.[6]}} retrieved successfully",'
    '"data":{"_id":"{{request.pathSegments.[6]}}","name":"N","status":"Ready"}}',
    "transformers": ["response-template"],
}


@dataclass(frozen=True)
class WireMock:
    """One that runs."""

    url: str

    def teach(self, *mappings: dict[str, Any]) -> None:
        """Forget all; answer every campaign well, but for what `mappings` tell, the first before the others."""
        requests.post(f"{self.url}/__admin/reset", timeout=20).raise_for_status()
        usual = {"priority": 9, "request": {"method": "GET", "urlPathPattern": "/campaign/.*"}, "response": GOOD}
        body = {"mappings": [usual, *mappings]}
        requests.post(f"{self.url}/__admin/mappings/import", json=body, timeout=20).raise_for_status()

    def came(self) -> list[dict[str, Any]]:
        """Every request that it saw."""
        found = requests.get(f"{self.url}/__admin/requests", timeout=20).json()["requests"]
        return [entry["request"] for entry in found]

    def asked_for(self) -> Counter[str]:
        """How often each campaign was asked for."""
        return Counter(request["url"].partition("?")[0].rpartition("/")[2] for request in self.came())


@pytest.fixture(scope="module")
def wiremock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireMock]:
    folder = tmp_path_factory.mktemp("wiremock")
    assert JAVA is not None
    command = [
        JAVA, "-XX:TieredStopAtLevel=1", "-jar", str(JAR), "--port", "0", "--bind-address", "127.0.0.1",
        "--root-dir", str(folder), "--disable-banner",
    ]  # fmt: skip
    with started(command, folder / "log", "extensions:") as said:
        yield WireMock("http://127.0.0.1:" + said.partition("port:")[2].split()[0])


def first_so_many(campaign: str, faults: list[str], method: str = "GET") -> list[dict[str, Any]]:
    """A scenario: the first requests for the campaign meet `faults`, the next ones do not."""
    states = ["Started", *(f"met {number}" for number in range(1, len(faults) + 1))]
    return [
        {
            "priority": 1,
            "scenarioName": campaign,
            "requiredScenarioState": state,
            "newScenarioState": following,
            "request": {"method": method, "urlPathPattern": f"/campaign/.*/{campaign}"},
            "response": FAULTS[fault],
        }
        for fault, state, following in zip(faults, states[:-1], states[1:], strict=True)
    ]


def test_what_fails_for_a_while_is_asked_again_and_costs_no_campaign(wiremock: WireMock, tmp_path: Path) -> None:
    """Among others that are well, so that it is each ID's failure and not the service's."""
    plan = {f"cd-{fault}": [fault] for fault in FAULTS} | {"cd-thrice": ["reset", "nothing", "broken-chunk"]}
    wiremock.teach(*(mapping for one, faults in plan.items() for mapping in first_so_many(one, faults)))
    well = [f"cd-{number}" for number in range(20)]
    wanted = [one for number, bad in enumerate(plan) for one in (*well[2 * number : 2 * number + 2], bad)]
    ids = write_ids(tmp_path / "ids.csv", wanted)
    done = run(
        "snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", "--timeout", "1s",
        env=environment(wiremock.url, tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert [row["campaign_id"] for row in rows_of(folder)] == wanted
    asked = wiremock.asked_for()
    assert not [one for one, faults in plan.items() if asked[one] <= len(faults)]
    assert sum(asked.values()) == manifest_of(folder)["requests"]["total"]
    tokens = [jwt.decode(r["headers"]["auth"], options={"verify_signature": False}) for r in wiremock.came()]
    assert len({claims["jti"] for claims in tokens}) == len(tokens)


def test_what_fails_for_good_ends_among_the_failures_with_what_it_was(wiremock: WireMock, tmp_path: Path) -> None:
    lasting = [fault for fault in FAULTS if fault != "too-many"]  # a refusal for the limit never ends as a failure
    wiremock.teach(
        *(
            {
                "priority": 1,
                "request": {"method": "GET", "urlPathPattern": f"/campaign/.*/cd-{fault}"},
                "response": FAULTS[fault],
            }
            for fault in lasting
        )
    )
    well = [f"cd-{number}" for number in range(20)]
    ids = write_ids(tmp_path / "ids.csv", [*well, *(f"cd-{fault}" for fault in lasting)])
    done = run(
        "snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", "--timeout", "3s", "--attempts", "2",
        "--max-failures", "50%", env=environment(wiremock.url, tmp_path),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert [row["campaign_id"] for row in rows_of(folder)] == well
    failures = rows_of(folder, "failures")
    # Whether the status had come before it broke depends on how the pieces come.
    told = {
        row["campaign_id"]: (row["outcome"], row["http_status"], row["error"].removeprefix("HTTP 200: "))
        for row in failures
    }
    broke = ("failed", None, "connection broke")
    late = ("failed", None, "no complete answer within 3 s")
    no_http = ("failed", None, "what answers does not speak HTTP")
    malformed = ("failed", None, "the response is not valid HTTP")
    expected = {
        "reset": broke, "nothing": broke, "broken-chunk": malformed, "garbage": no_http, "dribble": late, "late": late,
        "empty-body": ("failed", 200, "HTTP 200, but the body is empty"), "unavailable": ("failed", 503, "HTTP 503"),
    }  # fmt: skip
    # aiohttp tells a broken chunk at once, or waits for more, as its pieces happen to come: both are bounded.
    if told["cd-broken-chunk"][2].startswith(late[2]):
        expected["broken-chunk"] = late
    assert {one: (*row[:2], row[2][: len(expected[one[3:]][2])]) for one, row in told.items()} == {
        f"cd-{fault}": what for fault, what in expected.items()
    }


def test_a_list_call_that_fails_for_a_while_is_asked_again(wiremock: WireMock, tmp_path: Path) -> None:
    page = {"results": [{"id": "cd-1", "name": "N"}], "hasMore": False, "totalResults": 1}
    good = {
        "priority": 2,
        "request": {"method": "POST", "urlPathPattern": "/campaign/.*/getAllCampaignDetails"},
        "response": {"status": 200, "body": json.dumps({"status": "success", "message": "", "data": page})},
    }
    wiremock.teach(good, *first_so_many("getAllCampaignDetails", ["reset", "too-many"], "POST"))
    done = run("discover", "--no-ledger", env=environment(wiremock.url, tmp_path))
    assert '"cd-1"' in done.stdout, done.stderr
    assert wiremock.asked_for()["getAllCampaignDetails"] == 3
