"""How to fetch and what to publish: one frozen value, read and checked once at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec

from exporter.model import CampaignType, Counts
from exporter.units import LONGEST, Allowance, Limit

SnapshotFormat = Literal["parquet", "csv", "both"]
SNAPSHOT_FORMATS: tuple[SnapshotFormat, ...] = get_args(SnapshotFormat)
"""Output formats of a snapshot's tables; the responses are always Parquet."""

Pace = Literal["auto", "even", "asap"]
PACES: tuple[Pace, ...] = get_args(Pace)

ListPassMode = Literal["auto", "always", "never"]
LIST_PASS_MODES: tuple[ListPassMode, ...] = get_args(ListPassMode)

WantedType = Literal["sms", "voice", "all"]
WANTED_TYPES: tuple[WantedType, ...] = get_args(WantedType)

MINUTE = Limit(60, 60.0)
"""What the service allows an account for campaign calls (page rate-limit-ccai)."""


AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Bound = Annotated[float, msgspec.Meta(gt=0, le=LONGEST)]
Duration = Annotated[float, msgspec.Meta(ge=0, le=LONGEST)]
Days = Annotated[float, msgspec.Meta(gt=0, le=LONGEST / 86400)]


def types_of(wanted: WantedType) -> tuple[CampaignType, ...]:
    """The types that the list call is asked for: the API has none for all."""
    return ("sms", "voice") if wanted == "all" else (wanted,)


class FetchOptions(msgspec.Struct, frozen=True):
    """How requests are sent. Durations in seconds, sizes in bytes, shares from 0 to 1.

    `rates` empty: no limit. `ledger`: file of the places taken, None: kept in memory only. `page_size` None: as many
    campaigns as the service gives.
    """

    workers: AtLeastOne = 16
    rates: tuple[Limit, ...] = (MINUTE,)
    rate_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    pace: Pace = "auto"
    ledger: str | None = None
    attempts: AtLeastOne = 5
    timeout: Bound = 30.0
    patience: Duration = 900.0
    max_body: AtLeastOne = 16 * 2**20
    max_duration: Duration | None = None
    grace: Duration = 10.0
    page_size: AtLeastOne | None = None


class SnapshotOptions(msgspec.Struct, frozen=True):
    """What is wanted and when it may be published."""

    campaign_type: WantedType = "sms"
    list_pass: ListPassMode = "auto"
    incremental: bool = False
    full_every: Duration | None = None
    fresh: bool = False
    resume_within: Duration = 24 * 3600.0
    format: SnapshotFormat = "parquet"
    excel_safe: bool = False
    max_failures: Allowance = Allowance(None, 0.05)
    max_missing: Allowance = Allowance(None, 0.5)
    fail_on_missing: bool = False
    keep: AtLeastOne | None = None
    keep_days: Days | None = None

    def failures(self, counts: Counts) -> int:
        """How many IDs failed; with --fail-on-missing those that do not exist are among them. 0: it is complete."""
        return counts.failures + (counts.not_found if self.fail_on_missing else 0)


class Locations(msgspec.Struct, frozen=True):
    """Where a run works: `dest` a folder or URL, `work_dir` None for the usual one, `state_dir` the user's.

    `environ` is handed on to object stores, which take their region and endpoint from it. It holds secrets, and so may
    `dest`: the repr shows neither.
    """

    dest: str
    state_dir: str
    work_dir: str | None = None
    environ: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Locations(state_dir={self.state_dir!r}, work_dir={self.work_dir!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("state_dir", self.state_dir), ("work_dir", self.work_dir)]
