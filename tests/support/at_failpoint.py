"""Something made to happen in the program at a failpoint: a signal, a full disk, a folder that vanishes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from exporter import failpoints


def at_failpoint(step: str, times: int = 1, action: str = "kill(9)") -> str:
    """For `ForkedProgram.run(prepare=…)`: at the `times`-th time that the run reaches `step`, do `action`.

    That is a call of one of the functions below.
    """
    call = f"at_failpoint.install({step!r}, {times}, lambda: at_failpoint.{action})"
    return f"from tests.support import at_failpoint\n{call}"


def install(step: str, times: int, action: Callable[[], object]) -> None:
    left = times

    def hook(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                action()

    failpoints.hook = hook


def kill(number: int) -> None:
    os.kill(os.getpid(), signal.Signals(number))


def fill_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def vanish(folder: str) -> None:
    shutil.rmtree(Path(folder))
