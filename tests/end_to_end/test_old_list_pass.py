"""A run that is interrupted for long: answers are judged by their own age, whatever that of the list pass is."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec

from exporter.events import ignore
from exporter.journal.journal import Journal
from exporter.settings_reader import read_settings
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import ForkedProgram
from tests.support.running import snapshot_folders, write_ids
from tests.support.serving import environment, serving

AGE = 28 * 3_600_000
"""Milliseconds; `--resume-within` is a day."""


def make_old(journal: Journal, answers: int) -> list[str]:
    """Let the run have begun and read its list long ago, and that many answers be as old; returns their IDs."""
    checkpoint = journal.checkpoint()
    assert checkpoint is not None
    assert checkpoint.listed_at is not None
    before = {"started_at": checkpoint.started_at - AGE, "listed_at": checkpoint.listed_at - AGE}
    journal.save(msgspec.structs.replace(checkpoint, **before))
    old = [response for block in journal.responses() for response in block][:answers]
    journal.add([(response, 1, response.fetched_at - AGE) for response in old])
    return [response.campaign_id for response in old]


def test_an_old_list_pass_costs_no_young_answer_and_plan_says_what_the_run_does(
    tmp_path: Path, forked: ForkedProgram
) -> None:
    service = Behaviour(sample_campaigns(12, voice_share=0.3))
    out = tmp_path / "exports"
    with serving(service) as url:
        env = environment(url, tmp_path)
        ids = write_ids(tmp_path / "ids.csv", service.campaigns)
        command = (str(ids), "--type", "all", "--list", "always", "--out", str(out))
        # Two list calls and five campaigns, and then the limit.
        limited = forked.start("snapshot", *command, "--rate", "7/1h", "--pace", "asap", env=env)
        while len(service.arrivals) < 7:
            time.sleep(0.01)
        os.kill(limited.pid, signal.SIGTERM)
        assert limited.wait().returncode == 143
        journal = Journal.open(out / ".work", read_settings(env).identity, emit=ignore)
        old = make_old(journal, 2)
        journal.close()
        plan = forked.run("plan", *command, "--rate", "off", env=env)
        del service.arrivals[:]
        done = forked.run("snapshot", *command, "--rate", "off", env=env)
    assert "already fetched   3" in plan.stdout
    assert "list call         about 2 requests" in plan.stdout
    assert "requests to send  11" in plan.stdout
    assert done.returncode == 0, done.stderr
    assert "12 campaigns wanted, 3 already there, 9 to fetch" in done.stderr
    assert len(service.arrivals) == 11
    assert len(service.asked_for()) == 9
    assert set(old) < set(service.asked_for())
    assert len(snapshot_folders(out)) == 1
