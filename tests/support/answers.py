"""Answers of the API: the variants that its pages show, invented names and numbers throughout."""

from __future__ import annotations

import json
from typing import Any

from exporter.model import CampaignResponse

SEED: dict[str, Any] = {
    "_id": "cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55",
    "name": "Ferry Helpdesk 7",
    "lname": "ferry helpdesk 7",
    "description": "Two-way help for ferry passengers",
    "status": "Ready",
    "dncLists": {"name": "Quiet Riders"},
    "priority": "5",
    "dialingStrategy": {
        "callerId": {"phoneNumber": "+15550100417"},
        "callingHours": {
            "frequency": "WEEKLY",
            "timezone": "America/Halifax",
            "days": [
                {"day": "MO", "start": "8:30 AM", "end": "7:15 PM"},
                {"day": "SA", "start": "10:00 AM", "end": "2:00 PM"},
            ],
        },
    },
    "experienceFlow": "cf-1d90b7aa-3c5e-5f18-a0c4-72be51d86e03",
    "isImported": False,
    "isFiltersEnabled": False,
    "createdAt": "2026-02-11T10:04:31.512Z",
    "updatedAt": "2026-02-11T10:04:31.377Z",
    "schedule": {"isSchedulingEnabled": False, "isRecurrenceEnabled": False},
    "contactLists": ["Island Commuters"],
    "format": "advanced",
}


def body_of(data: Any) -> str:
    """A success answer around `data`."""
    return json.dumps({"status": "success", "message": "Campaign X retrieved successfully", "data": data})


def response_of(data: Any, *, campaign_id: str | None = None, **more: Any) -> CampaignResponse:
    """What the journal holds after `data` was fetched."""
    found = data.get("_id") if isinstance(data, dict) else None
    return CampaignResponse(campaign_id or str(found or "cd-1"), 1_780_000_000_000, 200, body_of(data), **more)


def with_hours(*days: Any, campaign_id: str = "cd-1", **hours: Any) -> CampaignResponse:
    """The sample campaign with these days, and other fields, in its calling hours."""
    strategy = SEED["dialingStrategy"]
    hours = {**strategy["callingHours"], "days": list(days), **hours}
    return response_of({**SEED, "dialingStrategy": {**strategy, "callingHours": hours}}, campaign_id=campaign_id)
