"""Power cuts: what a run has done is recorded, and every check is made on what the disk may hold afterwards.

Many more: `python -m tests.crash.power_cuts --states 1000`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from tests.support.commands_under_faults import Command, commands_under_faults
from tests.support.cut_states import COMMANDS, MODELS, CutRun
from tests.support.failing_calls import can_inject
from tests.support.forked_program import ForkedProgram
from tests.support.power_cut import Files, Operation, Replay

records = pytest.mark.skipif(not can_inject(), reason="file operations are recorded with strace")

STATES = 30
"""For each command and model: 300 in all."""

COMPLETED = 10
"""One of so many is completed by the same command."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory, forked: ForkedProgram) -> Iterator[dict[str, Command]]:
    with commands_under_faults(tmp_path_factory.mktemp("power"), forked) as (lane,):
        yield lane


@pytest.mark.slow
@records
@pytest.mark.parametrize("name", COMMANDS)
def test_after_a_power_cut_what_is_listed_is_sound_and_what_counted_is_there(
    commands: dict[str, Command], name: str
) -> None:
    """Nothing listed fails `verify`, "published" is not said too early, nothing counted is asked again."""
    run = CutRun(commands[name])
    assert [problem for model in MODELS for problem in run.problems(model, STATES, complete_every=COMPLETED)] == []


@records
def test_a_program_that_syncs_nothing_is_found_out(commands: dict[str, Command]) -> None:
    """A judge that never fails proves nothing."""
    careless = replace(commands["retention"], prepare="import os\nos.fsync = lambda descriptor: None")
    problems = list(CutRun(careless).problems("any order", 10, complete_every=10))
    assert any("published" in problem for problem in problems)


def test_the_replayer_finds_what_is_not_synced() -> None:
    """Without syncs, names and bytes can be missing."""
    operations = [
        Operation("mkdir", "/d/.staging"),
        Operation("create", "/d/.staging/a"),
        Operation("write", "/d/.staging/a", data=b"whole"),
        Operation("rename", "/d/.staging", "/d/snapshot=1"),
    ]
    synced = [*operations[:3], Operation("sync", "/d/.staging/a"), Operation("sync", "/d/.staging"), operations[3],
              Operation("sync", "/d")]  # fmt: skip
    random = Random(1)
    before: Files = {"/d": None}
    for model in MODELS:
        loose = [Replay(operations, before).cut(4, model, random) for _ in range(100)]
        assert any(state.get("/d/snapshot=1/a") == b"" for state in loose)
        assert any("/d/snapshot=1" not in state for state in loose)
        sure = [Replay(synced, before).cut(7, model, random) for _ in range(100)]
        assert all(state["/d/snapshot=1/a"] == b"whole" for state in sure)
