"""A service that lies: each answer ends in a classified outcome within its bounds, and memory stays bounded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run, snapshot
from tests.support.running import ROOT, full, manifest_of, rows_of, snapshot_folders, write_ids
from tests.support.serving import environment, serving

CAMPAIGNS = sample_campaigns(8)
VICTIM = CAMPAIGNS[3].campaign_id


def success(data: str) -> bytes:
    return b'{"status":"success","data":' + data.encode() + b"}"


def bodies() -> dict[str, tuple[bytes, str]]:
    """What is answered, and the outcome."""
    keys = ",".join(f'"k{number}":{number}' for number in range(100_000))
    return {
        "deep nesting": (success('{"_id":"@id","x":' + "[" * 100_000 + "]" * 100_000 + "}"), "failed"),
        "nesting that is still JSON": (success('{"_id":"@id","x":' + "[" * 200 + "1" + "]" * 200 + "}"), "ok"),
        "duplicate keys": (success('{"_id":"other","_id":"@id","name":"a","name":"b"}'), "ok"),
        "not a number": (success('{"_id":"@id","priority":NaN}'), "failed"),
        "infinity by exponent": (success('{"_id":"@id","priority":1e999}'), "ok"),
        "a lone surrogate": (success('{"_id":"@id","name":"\\ud83d"}'), "ok"),
        "zero bytes": (success('{"_id":"@id","name":"a\\u0000b"}'), "ok"),
        "wrong charset": (success('{"_id":"@id","name":"é"}').decode().encode("latin-1"), "ok"),
        "byte order mark": (b"\xef\xbb\xbf" + success('{"_id":"@id"}'), "ok"),
        "huge number": (success('{"_id":"@id","totalMessagesSent":' + "9" * 4000 + "}"), "ok"),
        "a string of a megabyte": (success('{"_id":"@id","name":"' + "x" * 1_000_000 + '"}'), "ok"),
        "a hundred thousand keys": (success('{"_id":"@id",' + keys + "}"), "ok"),
        "forty megabytes": (success('{"_id":"@id","name":"' + "x" * 40_000_000 + '"}'), "invalid"),
        "terminal codes": (success('{"_id":"@id","name":"\\u001b]0;owned\\u0007\\u001b[2J"}'), "ok"),
        "wrong types": (success('{"_id":"@id","dialingStrategy":[1],"schedule":"x","contactLists":{"a":1}}'), "ok"),
    }  # fmt: skip


def test_an_odd_body_ends_in_its_outcome_and_the_others_are_untouched(tmp_path: Path) -> None:
    odd = bodies()
    campaigns = sample_campaigns(2 * len(odd))
    service = Behaviour(campaigns)
    victims = {campaign.campaign_id: name for campaign, name in zip(campaigns[1::2], odd, strict=True)}
    for campaign_id, name in victims.items():
        service.bodies[campaign_id] = odd[name][0].replace(b"@id", campaign_id.encode())
    with serving(service) as url:
        options = ("--attempts", "1", "--max-failures", "50%", "--format", "both")
        done = snapshot(tmp_path, url, service.campaigns, *options)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    outcomes = {row["campaign_id"]: "ok" for row in rows_of(folder)}
    outcomes |= {row["campaign_id"]: row["outcome"] for row in rows_of(folder, "failures")}
    assert {name: outcomes.pop(campaign_id) for campaign_id, name in victims.items()} == {
        name: outcome for name, (_, outcome) in odd.items()
    }
    assert list(outcomes.values()) == ["ok"] * len(odd)
    assert run("verify", str(tmp_path / "out"), env={}).returncode == 0
    shown = run("snapshots", str(tmp_path / "out"), "-v", env={})
    assert "\x1b" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(("fault", "outcome"), [("silent", "failed"), ("drip", "failed"), ("endless", "invalid")])
def test_an_answer_that_never_ends_is_given_up_in_time(tmp_path: Path, fault: str, outcome: str) -> None:
    service = Behaviour(CAMPAIGNS)
    service.faults[VICTIM] = [fault] * 9
    with serving(service) as url:
        options = ("--attempts", "1", "--timeout", "3s", "--max-failures", "1")
        done = snapshot(tmp_path, url, service.campaigns, *options)
    assert done.returncode == 1, done.stderr
    (row,) = rows_of(snapshot_folders(tmp_path / "out")[0], "failures")
    assert (row["campaign_id"], row["outcome"]) == (VICTIM, outcome)


PROGRAM_THAT_SAYS_ITS_PEAK = """
import atexit, pathlib, sys
peak = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: peak.write_text(pathlib.Path("/proc/self/status").read_text()))
from jobs.cli import main
main()
"""
"""What `wait4` says of a process holds the peak of the one that started it, too."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_bomb_for_every_campaign_does_not_fill_the_memory(tmp_path: Path) -> None:
    """256 MiB of zeros each, sent as 256 kB, eight of them at once: no more is unpacked than a body may have."""
    service = Behaviour(CAMPAIGNS)
    service.chances["bomb"] = 1.0
    with serving(service) as url:
        ids = write_ids(tmp_path / "ids.csv", service.campaigns)
        command = ["snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", "--max-failures", "100%"]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM_THAT_SAYS_ITS_PEAK, str(tmp_path / "peak"), *command],
            env=full(environment(url, tmp_path)), cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", (tmp_path / "peak").read_text())
    assert int(kilobytes) < 400 * 1024
    assert manifest_of(snapshot_folders(tmp_path / "out")[0])["counts"]["invalid"] == len(CAMPAIGNS)
