"""An independent judge: Prism serves the API's description, and refuses what our client asks wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_program import run
from tests.support.judges import find, needs, prism, violations
from tests.support.other_client import V1, V2, ask
from tests.support.running import rows_of, snapshot_folders
from tests.support.serving import environment

pytestmark = needs("Prism (npm's @stoplight/prism-cli)", find("prism"))

EXAMPLES = {"v2": "cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55", "v1": "cd-77c0a9d4-1e2b-5a66-9b3f-08d4e6f1a2c8"}
"""The one campaign that the description has for each."""

ONCE = ("--no-ledger", "--attempts", "1", "--patience", "1s")
"""A refusal ends the run, in place of being waited for."""


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    log = tmp_path_factory.mktemp("prism") / "log"
    with prism(log, "mock") as url:
        yield url, log


@pytest.mark.parametrize("version", ["v2", "v1"])
def test_it_finds_nothing_wrong_with_what_a_snapshot_asks(
    judge: tuple[str, Path], tmp_path: Path, version: str
) -> None:
    url, log = judge
    before = len(violations(log))
    env = environment(url, tmp_path) | {"KORE_API": version}
    done = run("snapshot", "--out", str(tmp_path / "out"), *ONCE, env=env)
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(snapshot_folders(tmp_path / "out")[0])
    assert (row["campaign_id"], row["extra"], row["parse_issues"]) == (EXAMPLES[version], None, None)
    assert violations(log)[before:] == []


def test_it_finds_nothing_wrong_with_what_discover_and_pull_ask(judge: tuple[str, Path], tmp_path: Path) -> None:
    url, log = judge
    before = len(violations(log))
    found = run("discover", "--type", "all", *ONCE, env=environment(url, tmp_path))
    assert EXAMPLES["v2"] in found.stdout, found.stderr
    pulled = run("pull", EXAMPLES["v2"], "--columns", "campaign_id", *ONCE, env=environment(url, tmp_path))
    assert pulled.stdout.split() == ["campaign_id", f'"{EXAMPLES["v2"]}"'], pulled.stderr
    assert violations(log)[before:] == []


def test_whatever_is_in_an_id_stays_within_its_part_of_the_path(judge: tuple[str, Path], tmp_path: Path) -> None:
    """Prism takes each request for get-one, and so answers with its one campaign, which is another."""
    url, log = judge
    before = len(violations(log))
    ids = ["a/b", "../../up", "a?b=c", "#d", "a%2Fb", "%2e%2e", "...", "ä ö", "a;b=c", "a\\b", "x" * 256]
    done = run("pull", *ids, *ONCE, env=environment(url, tmp_path))
    assert done.stderr.count(f"invalid (the answer is about another campaign: {EXAMPLES['v2']})") == len(ids)
    assert violations(log)[before:] == []


def test_an_id_that_no_url_can_carry_is_not_asked_for(judge: tuple[str, Path], tmp_path: Path) -> None:
    """Prism, as others that read URLs as browsers do, takes even `%2E%2E` for a step up the path."""
    url, log = judge
    assert ask("GET", url, "%2E%2E").status_code == 404
    before = log.read_text().count("Request received")
    done = run("pull", "..", ".", "--no-ledger", env=environment(url, tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("not found (not asked for") == 2
    assert log.read_text().count("Request received") == before


LIST = "getAllCampaignDetails"


@pytest.mark.parametrize(
    ("method", "path", "wrong"),
    [
        ("GET", "cd-1", {"auth": None}),
        ("GET", "cd-1", {"auth": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}),
        ("GET", "cd-1", {"iid": None}),
        ("GET", "cd-1", {"accountId": "me"}),
        ("PUT", "cd-1", {}),
        ("POST", LIST, {"body": {"limit": 10}}),
        ("POST", LIST, {"body": {"type": "all"}}),
        ("POST", LIST, {"body": {"type": "sms", "limit": "fifty"}}),
        ("POST", LIST, {"body": {"type": "sms", "sortBy": {"created": "asc"}}}),
        ("POST", LIST, {"body": {"type": "sms", "size": 10}}),
    ],
)
@pytest.mark.parametrize("prefix", [V2, V1])
def test_it_would_have_noticed(
    judge: tuple[str, Path], prefix: str, method: str, path: str, wrong: dict[str, Any]
) -> None:
    """A judge that never refuses proves nothing."""
    url, _ = judge
    answer = ask(method, url, path, prefix=prefix, **wrong)
    assert answer.status_code == 405 or "request" in answer.headers["sl-violations"], answer.text
