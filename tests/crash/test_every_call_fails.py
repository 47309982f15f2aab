"""A sample of the file-system calls of each command fails once: no exit code 70, nothing lost, nothing damaged.

All of them: `python -m tests.crash.every_call_fails`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.failing_calls import ERRORS, Call, Command, can_inject
from tests.support.failing_commands import failing_commands

pytestmark = [
    pytest.mark.skipif(not can_inject(), reason="needs strace, and the right to trace: apt-get install strace"),
    pytest.mark.timeout(300),
]

SAMPLE = 2
"""Calls of each command."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Command]]:
    with failing_commands(tmp_path_factory.mktemp("failing")) as every:
        yield {command.name: command for command in every}


def chosen(calls: list[Call]) -> list[Call]:
    """Some of each kind, spread over the run."""
    step = max(1, len(calls) // SAMPLE)
    return calls[step // 2 :: step][:SAMPLE]


@pytest.mark.parametrize("name", ["first", "retention", "rebuild"])
def test_a_file_system_call_that_fails_is_told_as_what_it_is(commands: dict[str, Command], name: str) -> None:
    command = commands[name]
    calls = chosen(command.calls())
    assert len(calls) == SAMPLE
    problems = [
        f"{call}, {error}: {problem}"
        for call, error in zip(calls, ERRORS, strict=False)
        for problem in command.problems(call, error)
    ]
    assert problems == []
