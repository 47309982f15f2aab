"""What happens in a run, as frozen records. The packages emit them; `jobs.support.event_console` prints them.

An event's name in JSON logs is its class name in snake case; its fields keep their names. Durations are in
seconds, moments in seconds since 1970, UTC. No event ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import msgspec

from exporter.model import CampaignResponse, Failure, Usage


class Event(msgspec.Struct, frozen=True):
    """Base of all events."""


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The emitter of those who do not listen."""


class RunStarted(Event, frozen=True):
    """IDs are read and the work folder is open: what is wanted, what is there already.

    `already_fetched` includes `carried_over`, the campaigns that are unchanged since the base snapshot.
    """

    snapshot_id: str
    mode: str
    wanted: int
    already_fetched: int
    to_fetch: int
    work_dir: str
    carried_over: int = 0


class Settled(Event, frozen=True):
    """One ID has its outcome, and the journal has it too."""

    campaign_id: str
    outcome: str
    attempts: int
    error: str | None = None

    @classmethod
    def of(cls, outcome: CampaignResponse | Failure, attempts: int) -> Self:
        """The event of an outcome."""
        if isinstance(outcome, Failure):
            return cls(outcome.campaign_id, outcome.outcome, attempts, outcome.error)
        return cls(outcome.campaign_id, "ok", attempts)


class RetryPlanned(Event, frozen=True):
    """A request failed and will be tried again."""

    campaign_id: str
    attempt: int
    delay: float
    error: str


class WaitingForSlot(Event, frozen=True):
    """The rate limit is used up: the next request can be sent at `until`."""

    seconds: float
    until: float


class Paused(Event, frozen=True):
    """Every worker waits: the rate limit was hit, or the service as a whole is failing."""

    why: Literal["rate_limit", "outage"]
    seconds: float
    until: float
    detail: str


class Probing(Event, frozen=True):
    """The pause is over; one request goes first."""

    why: Literal["rate_limit", "outage"]


class Resumed(Event, frozen=True):
    """The probe was answered well; all workers go on."""

    why: Literal["rate_limit", "outage"]
    paused: float


class PaceLowered(Event, frozen=True):
    """The service's true limit is lower than `--rate`; from here on the lower one is kept."""

    from_slots: int
    to_slots: int
    seconds: float


class PaceRaised(Event, frozen=True):
    """After a long time without a refusal, more is tried again, carefully."""

    from_slots: int
    to_slots: int
    seconds: float


class Warned(Event, frozen=True):
    """Something the user should know; it is in the manifest's `warnings` too."""

    message: str


class ListPageRead(Event, frozen=True):
    """One page of the list call: the rows that it had, and how many campaigns were on no page before."""

    campaign_type: str
    page: int
    found: int
    new: int
    total: int | None


class Stopping(Event, frozen=True):
    """The run ends early; requests under way get up to `grace` seconds."""

    why: str
    grace: float


class Writing(Event, frozen=True):
    """All IDs are settled; the files are being written."""

    rows: int


class Published(Event, frozen=True):
    """A snapshot is there for readers."""

    snapshot_id: str
    where: str


class Spent(Event, frozen=True):
    """What a run has spent so far, all its attempts together, and `attempt`, this one alone, however it ended."""

    usage: Usage
    attempt: Usage = Usage()
