"""The records that the packages hand to each other. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import msgspec
from msgspec.structs import astuple, replace

ApiVersion = Literal["v1", "v2"]
CampaignType = Literal["sms", "voice"]
FailureOutcome = Literal["not_found", "invalid", "failed"]
SnapshotMode = Literal["full", "incremental", "rebuild"]

TableName = Literal["campaigns", "calling_windows", "responses", "failures"]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)

RowTable = Literal["campaigns", "calling_windows"]
ROW_TABLES: tuple[RowTable, ...] = get_args(RowTable)
"""The tables whose rows are made from responses."""


class Identity(msgspec.Struct, frozen=True):
    """Whose campaigns these are. What was fetched for one identity is never used for another."""

    host: str
    stream_id: str
    account_id: str
    version: str


class CampaignResponse(NamedTuple):
    """One good answer, as it came: a row of `responses.parquet`, and all that flattening needs."""

    campaign_id: str
    fetched_at: int
    http_status: int
    body: str
    list_item: str | None = None
    list_type: str | None = None
    carried_from: str | None = None


class Failure(NamedTuple):
    """One ID that gave no campaign: a row of the failures table."""

    campaign_id: str
    outcome: FailureOutcome
    http_status: int | None
    attempts: int
    error: str
    body_start: str | None
    first_at: int
    last_at: int


class ListedCampaign(NamedTuple):
    """One campaign as a list pass saw it."""

    campaign_id: str
    list_type: CampaignType
    item: str
    """the item's JSON text"""


class FailureGroup(msgspec.Struct, frozen=True):
    """Failures of one kind: how many, and some of their IDs."""

    outcome: FailureOutcome
    error: str
    number: int
    examples: tuple[str, ...]


def group_failures(failures: Iterable[tuple[str, FailureOutcome, str]], *, examples: int) -> tuple[FailureGroup, ...]:
    """Failures (ID, outcome, error) by kind, the most frequent kind first. `examples`: IDs that are named of each."""
    numbers: Counter[tuple[FailureOutcome, str]] = Counter()
    ids: dict[tuple[FailureOutcome, str], list[str]] = {}
    for campaign_id, outcome, error in failures:
        numbers[outcome, error] += 1
        if numbers[outcome, error] <= examples:
            ids.setdefault((outcome, error), []).append(campaign_id)
    return tuple(FailureGroup(*kind, number, tuple(ids[kind])) for kind, number in numbers.most_common())


class FileEntry(msgspec.Struct, frozen=True):
    """What the manifest says of a file: proof of what was written."""

    rows: int
    bytes: int
    sha256: str


class Counts(msgspec.Struct, frozen=True):
    """Where every ID ended. `carried_over` is a part of `ok`; `gone`: in the base, and no longer there."""

    ok: int = 0
    carried_over: int = 0
    not_found: int = 0
    invalid: int = 0
    failed: int = 0
    gone: int = 0

    @property
    def failures(self) -> int:
        """IDs that may have a campaign, and gave none."""
        return self.invalid + self.failed

    @property
    def unique(self) -> int:
        """IDs that have an outcome."""
        return self.ok + self.not_found + self.failures


class Requests(msgspec.Struct, frozen=True):
    """Requests that were sent. `list`: those of the list call; `retries`: those that were to be sent again."""

    total: int = 0
    list: int = 0
    retries: int = 0
    rate_limited: int = 0
    most_in_a_window: int = 0


class Seconds(msgspec.Struct, frozen=True):
    """What the requests took: in all, waiting for a slot, and paused by the service."""

    total: float = 0.0
    waiting_for_rate: float = 0.0
    paused: float = 0.0


class Pause(msgspec.Struct, frozen=True):
    """A time when all workers waited: from when (ISO 8601, UTC), for how long, and why."""

    at: str
    seconds: float
    why: str


class Usage(msgspec.Struct, frozen=True):
    """What a run has spent so far: checkpoint, events and manifest carry this very record."""

    requests: Requests = Requests()
    seconds: Seconds = Seconds()

    def plus(self, other: Usage) -> Usage:
        """The usage of two attempts together."""
        busiest = max(self.requests.most_in_a_window, other.requests.most_in_a_window)
        requests = zip(astuple(self.requests), astuple(other.requests), strict=True)
        seconds = zip(astuple(self.seconds), astuple(other.seconds), strict=True)
        return Usage(
            replace(Requests(*map(sum, requests)), most_in_a_window=busiest),
            Seconds(*(round(sum(both), 3) for both in seconds)),
        )
