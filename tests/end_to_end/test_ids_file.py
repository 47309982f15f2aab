"""IDs files seen from outside: what is trimmed is in the manifest, what would lose a row ends before any request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.running import manifest_of, snapshot_folders
from tests.support.serving import environment, serving

FAST = ("--rate", "off")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Behaviour, dict[str, str]]]:
    behaviour = Behaviour(sample_campaigns(4))
    with serving(behaviour) as url:
        yield behaviour, environment(url, tmp_path)


def test_invisible_characters_are_left_out_and_in_the_warnings_of_the_manifest(
    service: tuple[Behaviour, dict[str, str]], tmp_path: Path
) -> None:
    behaviour, env = service
    first, second, third, _ = behaviour.campaigns
    ids = tmp_path / "ids.csv"
    ids.write_text(
        f'sep=;\n\u200bcampaign_id;note\n{first}\u200b;x\n\ufeff{second};y\n="{third}";z\n', encoding="utf-8"
    )
    done = run("snapshot", str(ids), "--out", str(tmp_path / "out"), *FAST, env=env)
    assert done.returncode == 0, done.stderr
    assert set(behaviour.asked_for()) == {first, second, third}
    (folder,) = snapshot_folders(tmp_path / "out")
    warnings = manifest_of(folder)["warnings"]
    assert [warning.partition(": ")[2].partition(":")[0] for warning in warnings] == [
        "white space, invisible characters or quotes around the name of the column 'campaign_id' are left out (line 2",
        "white space or invisible characters around an ID are left out",
        'an ID written as ="…" is read without that',
    ]
    assert "lines 3, 4" in warnings[1]
    assert all(warning in done.stderr for warning in warnings)


@pytest.mark.parametrize("command", ["snapshot", "plan", "pull"])
def test_a_quote_that_swallows_rows_ends_before_any_request(
    command: str, service: tuple[Behaviour, dict[str, str]], tmp_path: Path
) -> None:
    behaviour, env = service
    ids = tmp_path / "ids.csv"
    first, second, third, _ = behaviour.campaigns
    ids.write_text(f'campaign_id,name\n{first},"abc\n{second},def\n{third},ghi\n')
    out = () if command == "pull" else ("--out", str(tmp_path / "out"))
    done = run(command, str(ids), *out, *FAST, env=env)
    assert done.returncode == 2
    assert "never closed: line 2" in done.stderr
    assert not behaviour.arrivals
    assert not (tmp_path / "out").exists()


def test_the_delimiter_can_be_named_and_arguments_follow_the_rules_of_files(
    service: tuple[Behaviour, dict[str, str]], tmp_path: Path
) -> None:
    behaviour, env = service
    first, second, *_ = behaviour.campaigns
    ids = tmp_path / "ids.csv"
    ids.write_text(f"campaign_id,x;id\na,b;{first}\n")
    done = run("pull", str(ids), f"\u200e{second}\u200b", "--delimiter", "semicolon", "-q", *FAST, env=env)
    assert done.returncode == 0, done.stderr
    assert set(behaviour.asked_for()) == {first, second}
    wrong = run("pull", str(ids), "--delimiter", "ab", env=env)
    assert (wrong.returncode, "not a delimiter" in wrong.stderr) == (2, True)
