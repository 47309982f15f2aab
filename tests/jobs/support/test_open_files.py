"""`jobs.support.open_files`: as many files as the system lets us, and no error where it lets us not."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from jobs.cli import OPEN_FILES
from jobs.support.open_files import allow_open_files
from tests.support.running import ROOT


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (256, resource.RLIM_INFINITY, (OPEN_FILES, resource.RLIM_INFINITY)),
        (256, 1024, (1024, 1024)),
        (1024, 1024, None),
        (65536, 65536, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_as_many_files_may_be_open_as_the_user_may_have(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: tuple[int, int] | None
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: made.append(limits))
    allow_open_files(OPEN_FILES)
    assert made == ([wanted] if wanted is not None else [])


def test_a_system_that_refuses_leaves_it_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has a limit of its own where the hard one is infinite."""

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    allow_open_files(65_536)


def test_as_many_files_as_the_system_lets_us_may_be_open() -> None:
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, 4096)); "
        "from jobs import fleet as f; f.allow_open_files(f.OPEN_FILES); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "(4096, 4096)"
