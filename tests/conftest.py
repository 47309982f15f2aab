"""How much hypothesis tries, by `HYPOTHESIS_PROFILE`; a clean start for each test of a mutant; the program, forked."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from tests.support.forked_program import ForkedProgram, end_shared_program, shared_program

MUTATION = "mutation"
MUTATING = os.environ.get("HYPOTHESIS_PROFILE") == MUTATION

# The same few examples for each mutant, so that a mutant that is killed once is killed again.
settings.register_profile(MUTATION, max_examples=25, derandomize=True, database=None, deadline=None)
# No deadline for one example: on a busy machine the first one may take long. The same examples each time: whether the
# suite passes depends on the code alone.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every program that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


gc.disable()  # until all tests are there: there is nothing to be freed


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: the garbage collector need not look through them again and again."""
    gc.freeze()
    gc.set_threshold(20_000)  # with 700 it took a twentieth of the time
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that at the end no worker is alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


if MUTATING:
    # Each function is called by way of one more, and what may be nested 1,000 deep needs more of the stack.
    sys.setrecursionlimit(4 * sys.getrecursionlimit())


@pytest.fixture(autouse=MUTATING)
def nothing_remembered() -> Iterator[None]:
    """Empty the library's caches: a mutant is tried in a process that has run all tests before."""
    for name, module in list(sys.modules.items()):
        if name.startswith("exporter."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    yield


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter: `tmp_path` is closed to others by any pytest that starts."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def forked() -> ForkedProgram:
    """The program, to be run many times by one test process."""
    return shared_program()


@pytest.fixture(scope="session", autouse=True)
def nothing_left_running() -> Iterator[None]:
    """End what the tests of this process share."""
    yield
    end_shared_program()


def pytest_xdist_auto_num_workers() -> int:
    """Workers for `-n auto`: twice the cores, since many tests wait for real processes and real clocks."""
    return 2 * (os.cpu_count() or 1)
