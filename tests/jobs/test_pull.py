"""`campaign-export pull`: stopped or left alone by the service, it prints what it has and names what is missing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.running import ROOT, full, program, wait_until
from tests.support.serving import environment, serving

FIVE = ("--rate", "5/10m", "--pace", "asap")


@pytest.mark.parametrize(
    ("end", "options", "code"),
    [
        (signal.SIGINT, FIVE, 130),
        (signal.SIGTERM, FIVE, 143),
        ("time", (*FIVE, "--max-duration", "4s"), 4),
        ("outage", ("--rate", "off", "--workers", "1", "--patience", "1s", "--attempts", "2"), 4),
    ],
    ids=["Ctrl-C", "SIGTERM", "--max-duration", "outage"],
)
def test_what_came_is_printed_and_what_is_missing_is_named(
    tmp_path: Path, end: signal.Signals | str, options: tuple[str, ...], code: int
) -> None:
    service = Behaviour(sample_campaigns(12))
    ids = list(service.campaigns)
    with serving(service, latency=(0.05, 0.05)) as url:
        process = subprocess.Popen(
            program("pull", *ids, "--columns", "campaign_id", *options),
            env=full(environment(url, tmp_path)), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: len(service.arrivals) >= 5, process)
        if end == "outage":
            service.always = "503"
        elif isinstance(end, signal.Signals):
            process.send_signal(end)  # the fifth answer is on its way, and waited for
        out, err = process.communicate(timeout=60)
    rows = out.replace('"', "").splitlines()[1:]
    assert process.returncode == code, err
    assert rows == ids[: len(rows)]
    assert 4 <= len(rows) < 12 if end == "outage" else len(rows) == 5
    assert f"missing are {12 - len(rows)}: {ids[len(rows)]}" in err
    assert "fetched is lost" not in err
    assert ".." not in err


def test_where_nothing_came_what_is_missing_is_named_too(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(2))
    ids = list(service.campaigns)
    service.always = "silent"
    with serving(service) as url:
        options = ("--rate", "off", "--max-duration", "0.3s", "--grace", "0s")
        done = run("pull", *ids, *options, env=environment(url, tmp_path))
    assert done.returncode == 4, done.stderr
    assert done.stdout == ""
    assert f"nothing had come; missing are 2: {ids[0]}, {ids[1]}" in done.stderr


@pytest.mark.parametrize(("command", "resumes"), [("pull", False), ("discover", False), ("snapshot", True)])
def test_after_an_outage_only_what_keeps_its_answers_says_that_it_resumes(
    tmp_path: Path, command: str, *, resumes: bool
) -> None:
    service = Behaviour(sample_campaigns(1))
    service.always = "503"
    arguments = {"pull": ["cd-1"], "discover": [], "snapshot": ["--out", str(tmp_path / "out")]}[command]
    with serving(service) as url:
        done = run(
            command, *arguments, "--rate", "off", "--attempts", "1", "--patience", "0s", env=environment(url, tmp_path)
        )
    assert done.returncode == 4, done.stderr
    assert "longer than --patience" in done.stderr
    assert "check KORE_HOST" in done.stderr, "nothing was ever answered well"
    assert ("Nothing fetched is lost: the same command resumes." in done.stderr) == resumes
    assert ("resumes" in done.stderr) == resumes
