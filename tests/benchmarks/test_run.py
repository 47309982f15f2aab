"""`tests.benchmarks`: every part runs, and its figures are computed as they are said to be."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.benchmarks import fleet
from tests.benchmarks.measuring import HEADER, HERE, Figure, alternately, megabytes, seconds, times
from tests.benchmarks.whole import OURS, RIVALS, dependencies
from tests.support.running import ROOT, full


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("first-row", "engine"), ("flatten", "growth"), ("journal", "ids", "diff")])
def test_a_part_of_the_benchmark_runs_and_prints_its_rows(parts: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--tiny", *parts],
        env=full({}), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(table) > len(parts)
    assert {line.count(" | ") for line in table} == {len(HEADER) - 1}


@pytest.mark.slow
def test_every_pacer_is_put_before_the_server() -> None:
    for rival in ("aiolimiter", "aiometer", "pyrate_limiter"):
        pytest.importorskip(rival, reason="a rival of the extra `bench` is not installed", exc_type=ImportError)
    from exporter.units import Limit
    from tests.benchmarks.pacers import PACERS
    from tests.benchmarks.pacing import side_by_side

    found = asyncio.run(side_by_side(Limit(20, 0.3), 40, ["sliding, 50±40 ms"], list(PACERS)))
    assert [one.pacer for one in found] == list(PACERS)
    assert all(one.requests - one.refused == 40 for one in found)
    assert found[0].refused == 0


@pytest.mark.slow
def test_the_accounts_of_a_fleet_that_publish_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "CAMPAIGNS", 2)  # below the limit, so that none waits for it
    accounts, *_, failed = fleet.measure(2)
    assert (accounts, failed) == ("2", "0")


def test_the_takes_are_made_in_turn() -> None:
    made: list[str] = []

    def take(name: str) -> Figure:
        made.append(name)
        return Figure(len(made))

    first, _ = alternately(2, lambda: take("a"), lambda: take("b"), warm=False)
    assert (made, first) == (["a", "b", "a", "b"], [Figure(1), Figure(3)])


def test_a_slow_minute_of_the_machine_changes_no_ratio() -> None:
    ours = [Figure(1.0, 10), Figure(10.0, 30), Figure(1.2, 20)]
    rivals = [Figure(2.0), Figure(20.0), Figure(2.4)]
    assert times(ours, rivals) == pytest.approx(0.5)
    assert (seconds(ours), megabytes(ours)) == (1.2, 20)


def test_every_rival_is_a_script_that_compiles_and_says_what_it_needs() -> None:
    for name, (script, _) in RIVALS.items():
        compile((HERE / "rivals" / script).read_text(encoding="utf-8"), script, "exec")
        assert dependencies(name)


def test_we_are_measured_with_what_a_user_has_installed() -> None:
    needed = " ".join(dependencies(OURS))
    assert all(name in needed for name in ("aiohttp", "pyarrow", "uvloop"))
    assert "pytest" not in needed
