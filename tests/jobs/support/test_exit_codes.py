"""`jobs.support.exit_codes`: one table from what happened to the exit code."""

from __future__ import annotations

import re
import signal

import pytest

from exporter import errors
from exporter.errors import ExportError, Interrupted
from jobs.support.exit_codes import BUG, MEANINGS, exit_code, worst


def drawn_codes() -> dict[str, set[int]]:
    """The exit codes in the drawing of the errors; those below inherit them."""
    codes: dict[str, set[int]] = {}
    current: set[int] = set()
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└ ─]+)(\w+)", line):
            found = {int(code) for code in re.findall(r"\d+", line.partition("exit")[2])}
            if len(match[1]) == 4:
                current = found
            codes[match[2]] = found or current
    return codes


@pytest.mark.parametrize("name", list(drawn_codes()))
def test_every_error_has_the_exit_code_that_is_drawn(name: str) -> None:
    kind: type[ExportError] = getattr(errors, name)
    if kind is Interrupted:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        assert [exit_code(Interrupted("", signal_number=number)) for number in numbers] == [130, 143, 143]
        assert drawn_codes()[name] == {130, 143}
    else:
        assert {exit_code(kind("why"))} == drawn_codes()[name]
    assert drawn_codes()[name] <= {*MEANINGS, BUG}


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([0, 1], 1), ([5, 1, 0], 5), ([4, 5, 1], 4), ([4, 6, 5], 6), ([4, 3, 5], 3), ([2, 4, 6], 2),
     ([2, 3], 3), ([3, 70], 70), ([143, 143, 3, 0], 143), ([], 0)],
)  # fmt: skip
def test_of_many_accounts_the_exit_code_is_the_one_that_needs_a_person_most(codes: list[int], code: int) -> None:
    assert worst(codes) == code
