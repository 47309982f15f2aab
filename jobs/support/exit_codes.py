"""The one table from what happened to the exit code, and what each code means."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from exporter.errors import (
    CredentialsRefused,
    DestinationBusy,
    ExportError,
    InputError,
    Interrupted,
    NotPublished,
    StoppedEarly,
)

BUG = 70
"""EX_SOFTWARE of sysexits.h: a bug of this program, reported as one."""

MEANINGS: dict[int, str] = {
    0: "published; every ID has its campaign or is known not to exist",
    1: "published, but some IDs failed or were invalid",
    2: "wrong usage, settings or input; nothing done",
    3: "credentials refused",
    4: "stopped early, nothing published; the same command resumes",
    5: "another run is at work on this destination",
    6: "everything was asked, nothing is published: more failed or missing than --max-failures or --max-missing allow",
    130: "stopped by SIGINT (Ctrl-C); otherwise as 4",
    143: "stopped by SIGTERM or SIGHUP; otherwise as 4",
}

_STOPPED = {130: "stopped by SIGINT (Ctrl-C)", 143: "stopped by SIGTERM or SIGHUP"}

ASKING: dict[int, str] = {
    2: MEANINGS[2],
    3: MEANINGS[3],
    4: "the service is down, --max-duration has passed, or the output cannot be written",
    **_STOPPED,
}
"""Of commands that ask the service and publish nothing."""

READING: dict[int, str] = {
    2: "wrong usage, or no such snapshot",
    4: "the disk or the store does not answer, or the output cannot be written",
    **_STOPPED,
}
"""Of commands that read what is published."""

_CODES: tuple[tuple[type[ExportError], int], ...] = (
    (InputError, 2),
    (CredentialsRefused, 3),
    (StoppedEarly, 4),
    (DestinationBusy, 5),
    (NotPublished, 6),
)


def signal_code(number: int) -> int:
    """The exit code of a program that a signal ended; SIGHUP (the terminal is gone) counts as SIGTERM."""
    return 128 + (signal.SIGTERM if number == signal.SIGHUP else number)


def exit_code(error: ExportError) -> int:
    """The exit code of `error` for cron, a container or a script."""
    return signal_code(error.signal_number) if isinstance(error, Interrupted) else code_of(type(error))


def code_of(kind: type[ExportError]) -> int:
    """The exit code of errors of a kind; one that is not known is a bug."""
    return next((code for known, code in _CODES if issubclass(kind, known)), BUG)


_WORST_FIRST = (143, 130, BUG, 3, 2, 6, 4, 5, 1, 0)
"""Of many accounts: a signal, for it ended them all; then what needs a person (a bug, credentials, settings, an account
that gave too little); then what the same command mends (stopped early, busy); then what was published with gaps."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs together."""
    return min(codes, key=lambda code: _WORST_FIRST.index(code) if code in _WORST_FIRST else -1, default=0)
