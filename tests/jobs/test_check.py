"""`campaign-export check`: what people and programs see of it."""

from __future__ import annotations

import json
from pathlib import Path

from exporter.pipeline.check_findings import NAMES
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support import running
from tests.support.forked_program import run
from tests.support.serving import environment, serving
from tests.support.terminal import on_terminal


def test_each_finding_is_a_line_and_the_exit_code_is_0(tmp_path: Path) -> None:
    with serving(Behaviour(sample_campaigns(5))) as url:
        done = running.run("check", "--out", str(tmp_path / "exports"), env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [[name, "ok"] for name in NAMES]


def test_a_refusal_in_json_has_its_advice_and_exit_code_3(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(5))
    with serving(service) as url:
        env = {**environment(url, tmp_path), "KORE_CLIENT_SECRET": "another-secret-" * 5}
        done = run("check", "--format", "json", env=env)
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"], document["requests"]) == (3, 3, 1)
    findings = {one["name"]: one for one in document["findings"]}
    assert findings["token"]["state"] == "failed"
    assert "KORE_CLIENT_ID" in findings["token"]["advice"]
    assert "another-secret" not in done.stdout + done.stderr


def test_on_a_terminal_long_lines_are_broken_at_its_width_below_their_beginning(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(5))
    service.always = "401"
    with serving(service) as url:
        session = on_terminal("check", env=environment(url, tmp_path), width=60)
    assert session.code == 3
    assert max(map(len, session.lines)) <= 60
    (start,) = [number for number, line in enumerate(session.lines) if line.startswith("token")]
    following = session.lines[start + 1 : start + 8]
    assert [line[:22] for line in following] == [" " * 22] * 7


def test_its_requests_are_in_the_ledger(tmp_path: Path) -> None:
    """The limit of 3 in an hour is used up by a check, so that the second one waits."""
    with serving(Behaviour(sample_campaigns(5))) as url:
        env = environment(url, tmp_path)
        assert run("check", "--rate", "3/1h", env=env).returncode == 0
        waiting = run("check", "--rate", "3/1h", "--max-duration", "1s", env=env)
    assert waiting.returncode == 4, waiting.stderr
    assert "--max-duration 1.0 s has passed" in waiting.stderr
    assert "resumes" not in waiting.stderr  # nothing is kept


def test_missing_settings_are_shown_all_at_once(tmp_path: Path) -> None:
    done = run("check", env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("KORE_HOST", "KORE_STREAM_ID", "KORE_ACCOUNT_ID"))
