"""A sample of the file-system calls of each command fails once: no exit code 70, nothing lost, nothing damaged.

All of them: `python -m tests.crash.every_call_fails`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.commands_under_faults import Command, commands_under_faults
from tests.support.failing_calls import ERRORS, Call, calls_of, can_inject, run_with_failure
from tests.support.forked_program import ForkedProgram

pytestmark = [
    pytest.mark.skipif(not can_inject(), reason="needs strace, and the right to trace: apt-get install strace"),
    pytest.mark.timeout(300),
]

SAMPLE = 4
"""Calls of each command, each with another error."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory, forked: ForkedProgram) -> Iterator[dict[str, Command]]:
    with commands_under_faults(tmp_path_factory.mktemp("failing"), forked) as (lane,):
        yield lane


def chosen(calls: list[Call]) -> list[Call]:
    """Some of each kind, spread over the run."""
    step = max(1, len(calls) // SAMPLE)
    return calls[step // 2 :: step][:SAMPLE]


@pytest.mark.parametrize("name", ["first", "incremental", "failures", "retention", "rebuild"])
def test_a_file_system_call_that_fails_is_reported_as_what_it_is(commands: dict[str, Command], name: str) -> None:
    command = commands[name]
    calls = chosen(calls_of(command))
    assert len(calls) == SAMPLE
    problems = [
        f"{call}, {error}: {problem}"
        for call, error in zip(calls, ERRORS, strict=True)
        for problem in command.problems(run_with_failure(command, call, error))
    ]
    assert problems == []
