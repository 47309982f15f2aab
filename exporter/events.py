"""What happens in a run, as frozen records. The rooms emit them; `jobs.console` prints them.

An event's name in JSON logs is its class name in snake case; its fields keep their names. Durations are in
seconds, moments in seconds since 1970, UTC. No event ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The emitter of those who do not listen."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """IDs are read and the work folder is open: what is wanted, what is there already."""

    snapshot_id: str
    mode: str
    wanted: int
    already_fetched: int
    to_fetch: int
    work_dir: str


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """One ID has its outcome, and the journal has it too."""

    campaign_id: str
    outcome: str
    attempts: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RetryPlanned(Event):
    """A request failed and will be tried again."""

    campaign_id: str
    attempt: int
    delay: float
    error: str


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Every worker waits: the rate limit was hit, or the service as a whole is failing."""

    why: Literal["rate_limit", "outage"]
    seconds: float
    until: float
    detail: str


@dataclass(frozen=True, slots=True)
class Probing(Event):
    """The pause is over; one request goes first."""

    why: Literal["rate_limit", "outage"]


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The probe was answered well; all workers go on."""

    why: Literal["rate_limit", "outage"]
    paused: float


@dataclass(frozen=True, slots=True)
class PaceLowered(Event):
    """The service's true limit is lower than `--rate`; from here on the lower one is kept."""

    from_places: int
    to_places: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PaceRaised(Event):
    """After a long time without a refusal, more is tried again, carefully."""

    from_places: int
    to_places: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know; it is in the manifest's `warnings` too."""

    message: str


@dataclass(frozen=True, slots=True)
class ListPageRead(Event):
    """One page of the list call."""

    campaign_type: str
    page: int
    found: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Stopping(Event):
    """The run ends early; requests under way get up to `grace` seconds."""

    why: str
    grace: float


@dataclass(frozen=True, slots=True)
class Writing(Event):
    """All IDs are settled; the files are being written."""

    rows: int


@dataclass(frozen=True, slots=True)
class Published(Event):
    """A snapshot is there for readers."""

    snapshot_id: str
    where: str


@dataclass(frozen=True, slots=True)
class Spent(Event):
    """What a run has cost so far, all its attempts together, however this one ended. Times in seconds."""

    requests: int
    retries: int
    rate_limited: int
    waiting_for_rate: float
    paused: float
