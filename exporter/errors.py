"""What can end a run. A bad campaign is a value (see `model.Failure`); only a bad run raises.

ExportError
├── InputError              usage, settings or input are wrong: nothing was done        exit 2
│   ├── SettingsError       the account, the credentials, the configuration file
│   ├── IdsError            the campaign IDs
│   └── DestinationError    never writable, or not what it should be
│       └── NotReadable     this user may not read it
├── CredentialsRefused      401 or 403                                                  exit 3
├── StoppedEarly            nothing published, the same command resumes                 exit 4
│   ├── ServiceDown         the outage outlasted --patience
│   ├── ListFailed          the list call gives no list
│   ├── TimeIsUp            --max-duration
│   ├── Interrupted         a signal                                                    exit 130, 143
│   ├── Cancelled           the task that awaited the run
│   ├── StorageFailed       disk full, volume gone, store unreachable
│   └── MachineExhausted    no memory, no room for another thread or open file
├── DestinationBusy         another run is at work there                                exit 5
├── NotPublished            too many failures or missing campaigns                      exit 6
└── NotReconciled           our own counts disagree: a bug, reported as one             exit 70
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any


class ExportError(Exception):
    """Base of all: its text can be shown to a user as it is, and holds no secret. All of them can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class, as exceptions do: some want more than their text.
        return Exception.__new__, (type(self), *self.args), self.__dict__


class InputError(ExportError):
    """Usage, settings or input are wrong; nothing was written and no request was sent.

    `problems` holds every problem found, one line each, not just the first.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingsError(InputError):
    """The account, the credentials or the configuration file."""


class IdsError(InputError):
    """The file of campaign IDs."""


class DestinationError(InputError):
    """DEST cannot be written or read, or what is asked for is not in it."""


class NotReadable(DestinationError):
    """This user, or these credentials, may not read something: it may be sound or not."""


class CredentialsRefused(ExportError):
    """The service answered 401 or 403: asking again with the same credentials is of no use."""


class StoppedEarly(ExportError):
    """The run ended before it was complete. Nothing was published, nothing fetched is lost."""


class ServiceDown(StoppedEarly):
    """The service as a whole failed for longer than the patience."""


class ListFailed(StoppedEarly):
    """The list call gave something that is not a list."""


class TimeIsUp(StoppedEarly):
    """`--max-duration` has passed."""


class Cancelled(StoppedEarly):
    """The task that awaited the run was cancelled."""


class Interrupted(StoppedEarly):
    """A signal asked the run to stop."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


class StorageFailed(StoppedEarly):
    """The disk or the object store refused a write, or gave back something damaged."""


class MachineExhausted(StoppedEarly):
    """The machine, or the container, has no memory left, or no room for another thread or open file."""


class DestinationBusy(ExportError):
    """Another run holds the lock of this destination."""

    def __init__(self, message: str, *, pid: int | None = None, host: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.host = host


class NotPublished(ExportError):
    """Everything was asked, but the result is too incomplete to be published."""


class NotReconciled(ExportError):
    """The counts do not add up. This is a bug of ours, and a wrong table is worse than none."""


def exhausted(error: BaseException) -> MachineExhausted | None:
    """What an error of Python's own says of the machine; None: it is not about that."""
    if isinstance(error, MemoryError):
        what = "no memory is left: free some, or allow more (ulimit -v, the container's limit)"
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        what = "no room for another thread: end other programs, or allow more (ulimit -u, the container's pids limit)"
    elif isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        what = "too many files are open: raise the limit (ulimit -n), or close some"
    else:
        return None
    return MachineExhausted(f"{what}. Then run the same command again.")
