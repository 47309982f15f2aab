"""`campaign-export pull`: stopped or left alone by the service, it prints what it has and names what is missing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
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
