"""How to fetch and what to publish: one frozen value, read and checked once at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from exporter.units import Allowance, Limit

OutputFormat = Literal["parquet", "csv", "both"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
"""Files of a snapshot's tables; the responses are always Parquet."""

MINUTE = Limit(60, 60.0)
"""What the service allows an account for campaign calls (page rate-limit-ccai)."""


class FetchOptions(msgspec.Struct, frozen=True):
    """How requests are sent. Durations in seconds, sizes in bytes, shares from 0 to 1.

    `rates` empty: no limit. `ledger`: file of the places taken, None: kept in memory only. `page_size` None: as many
    campaigns as the service gives.
    """

    workers: int = 16
    rates: tuple[Limit, ...] = (MINUTE,)
    rate_share: float = 1.0
    pace: Literal["auto", "asap", "even"] = "auto"
    ledger: str | None = None
    attempts: int = 5
    timeout: float = 30.0
    patience: float = 900.0
    max_body: int = 16 * 2**20
    max_duration: float | None = None
    grace: float = 10.0
    page_size: int | None = None


class SnapshotOptions(msgspec.Struct, frozen=True):
    """What is wanted and when it may be published."""

    campaign_type: Literal["sms", "voice", "all"] = "sms"
    list_pass: Literal["auto", "always", "never"] = "auto"
    incremental: bool = False
    full_every: float | None = None
    fresh: bool = False
    resume_within: float = 24 * 3600.0
    format: OutputFormat = "parquet"
    excel_safe: bool = False
    max_failures: Allowance = Allowance(None, 0.05)
    max_missing: Allowance = Allowance(None, 0.5)
    fail_on_missing: bool = False
    keep: int | None = None
    keep_days: float | None = None


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
