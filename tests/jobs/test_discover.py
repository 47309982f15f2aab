"""`campaign-export discover`: the list call into a CSV that `snapshot`, `pull` and Excel can read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.ids.ids_file import read_ids
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.serving import environment, serving


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Behaviour, dict[str, str]]]:
    behaviour = Behaviour(sample_campaigns(8, voice_share=0.4))
    with serving(behaviour) as url:
        yield behaviour, environment(url, tmp_path)


def test_with_excel_safe_formulas_are_text_and_the_file_begins_with_a_byte_order_mark(
    service: tuple[Behaviour, dict[str, str]], tmp_path: Path
) -> None:
    behaviour, env = service
    first = next(iter(behaviour.campaigns.values()))
    first.data["name"] = "=HYPERLINK(1)"
    path = tmp_path / "ids.csv"
    done = run("discover", "--type", "all", "--excel-safe", "-o", str(path), env=env)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(b"\xef\xbb\xbfcampaign_id,")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert {row["name"] for row in rows if row["campaign_id"] == first.campaign_id} == {"'=HYPERLINK(1)"}
    assert sorted(read_ids(str(path)).ids.to_pylist()) == sorted(behaviour.campaigns)
    assert read_ids(str(path)).warnings == ()


def test_without_excel_safe_the_cells_are_as_they_came(service: tuple[Behaviour, dict[str, str]]) -> None:
    behaviour, env = service
    next(iter(behaviour.campaigns.values())).data["name"] = "=HYPERLINK(1)"
    done = run("discover", "--type", "all", env=env)
    assert done.stdout.startswith("campaign_id,campaign_type,name,status,updated_at\n")
    assert '"=HYPERLINK(1)"' in done.stdout


def test_only_campaigns_of_a_status_are_listed(service: tuple[Behaviour, dict[str, str]]) -> None:
    behaviour, env = service
    expected = {c.campaign_id for c in behaviour.campaigns.values() if c.data["status"] == "Ready"}
    done = run("discover", "--type", "all", "--status", "ready", env=env)
    assert {row["campaign_id"] for row in csv.DictReader(io.StringIO(done.stdout))} == expected
