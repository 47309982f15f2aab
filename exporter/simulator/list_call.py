"""The simulator's list call, and its habits: all that the vendor's page leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from exporter.model import ApiVersion
from exporter.simulator.samples import SampleCampaign


class ListHabits(msgspec.Struct):
    """How the list call behaves.

    `most`: campaigns in a page at most. `uses`: what names a page. `totals`: whether `totalResults` and `hasMore` are
    numbers or texts, only `totalPages` is there, or nothing. `has_more`, `total`: what is said, true or not.
    `end`: what `results` is behind the last page. `between_pages` is called with the number of each page but the first.
    """

    most: int | None = None
    uses: Literal["skip", "page", "both", "neither", "sum"] = "skip"
    totals: Literal["numbers", "text", "pages", "none"] = "numbers"
    has_more: bool | None = None
    total: int | None = None
    empty_pages: frozenset[int] = frozenset()
    end: Literal["empty", "null", "missing"] = "empty"
    between_pages: Callable[[int], None] | None = None
    sorts: bool = True


HABITS: dict[str, dict[str, Any]] = {
    "capped-pages": {"most": 20},
    "page-number": {"uses": "page"},
    "first-page-only": {"uses": "neither"},
    "text-totals": {"totals": "text"},
    "pages-only": {"totals": "pages"},
    "no-totals": {"totals": "none"},
    "wrong-total": {"total": 1_000_000},
    "null-at-end": {"end": "null"},
    "unsorted": {"sorts": False},
    "moving": {},
}
"""Habits by the names that `simulate --list-habit` takes. moving: campaigns come, change and go between two pages."""


def list_page(
    campaigns: Sequence[SampleCampaign], asked: dict[str, Any], habits: ListHabits, version: ApiVersion, *, call: int
) -> dict[str, Any]:
    """The document that answers a list call. `campaigns`: those of the type asked for. `call`: its number, from 1."""
    rows = _sorted(campaigns, asked, habits)
    limit = int(asked.get("limit") or 10)
    limit = min(limit, habits.most) if habits.most is not None else limit
    skip, page = int(asked.get("skip") or 0), int(asked.get("page") or 1)
    start = {
        "skip": skip,
        "page": (page - 1) * limit,
        "both": skip or (page - 1) * limit,
        "sum": skip + (page - 1) * limit,
        "neither": 0,
    }[habits.uses]
    shown = [] if call in habits.empty_pages else rows[start : start + limit]
    totals = _totals(len(rows), limit, has_more=start + limit < len(rows), habits=habits)
    data: dict[str, Any] = {
        "results": [campaign.item(version) for campaign in shown],
        "skip": start,
        "limit": limit,
        **totals,
    }
    if not shown and habits.end == "null":
        data["results"] = None
    elif not shown and habits.end == "missing":
        del data["results"]
    return {"status": "success", "message": "Campaign  retrieved successfully", "data": data}


def _totals(rows: int, limit: int, *, has_more: bool, habits: ListHabits) -> dict[str, Any]:
    """What a page says of the whole list."""
    total = rows if habits.total is None else habits.total
    totals: dict[str, Any] = {
        "hasMore": has_more if habits.has_more is None else habits.has_more,
        "totalPages": -(-total // limit),
        "totalResults": total,
    }
    if habits.totals == "text":
        return {key: str(value).lower() for key, value in totals.items()}
    if habits.totals == "pages":
        return {"totalPages": totals["totalPages"]}
    return {} if habits.totals == "none" else totals


def _sorted(campaigns: Sequence[SampleCampaign], asked: dict[str, Any], habits: ListHabits) -> Sequence[SampleCampaign]:
    """By creation where it is asked for, else by the last change: page get-all-campaigns-v2."""
    order = (asked.get("sortBy") or {}).get("createdAt")
    if habits.sorts and order is not None:
        return sorted(campaigns, key=lambda c: (c.data["createdAt"], c.campaign_id), reverse=order == "desc")
    return sorted(campaigns, key=lambda c: c.data["updatedAt"], reverse=True)
