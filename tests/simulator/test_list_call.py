"""`exporter.simulator.list_call`: pages, and the habits that real services may have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.simulator.list_call import HABITS, ListHabits, list_page
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import STREAM_ID, Behaviour

CAMPAIGNS = sample_campaigns(50)


def page(habit: str | None = None, **asked: Any) -> dict[str, Any]:
    habits = ListHabits(**HABITS[habit]) if habit else ListHabits()
    asked = {"type": "sms", "limit": 30, "sortBy": {"createdAt": "asc"}, **asked}
    document = list_page(CAMPAIGNS, asked, habits, "v2", call=1)
    return dict(document["data"])


def test_a_page_holds_what_skip_and_limit_ask_for_oldest_first() -> None:
    found = page(skip=30)
    assert [item["id"] for item in found["results"]] == [c.campaign_id for c in CAMPAIGNS[30:]]
    assert (found["totalResults"], found["totalPages"], found["hasMore"]) == (50, 2, False)


@pytest.mark.parametrize(
    ("habit", "expected"),
    [
        ("text-totals", {"totalResults": "50", "totalPages": "2", "hasMore": "true"}),
        ("pages-only", {"totalPages": 2, "totalResults": None}),
        ("no-totals", {"totalPages": None, "totalResults": None, "hasMore": None}),
        ("wrong-total", {"totalResults": 1_000_000}),
        ("capped-pages", {"limit": 20, "totalPages": 3}),
    ],
)
def test_a_named_habit_changes_what_a_page_says(habit: str, expected: dict[str, Any]) -> None:
    found = page(habit)
    assert {key: found.get(key) for key in expected} == expected


def test_pages_are_capped_whatever_limit_is_asked_for() -> None:
    assert len(page("capped-pages")["results"]) == 20


def test_results_are_null_behind_the_last_page() -> None:
    assert page("null-at-end", skip=50)["results"] is None
    assert page(skip=50)["results"] == []


def test_a_list_can_move_between_two_pages() -> None:
    service = Behaviour(sample_campaigns(30), check_credentials=False)
    service.take_habit("moving")
    body = json.dumps({"type": "sms", "limit": 20, "skip": 0, "page": 1}).encode()
    path = f"/campaign/api/v2/public/{STREAM_ID}/campaign/getAllCampaignDetails"
    first, second = (service.reply("POST", path, {}, {}, body, now) for now in (1.0, 2.0))
    assert first.body != second.body


def test_skip_can_be_ignored() -> None:
    assert page("page-number", skip=30, page=2)["results"] == page(skip=30)["results"]
    assert page("first-page-only", skip=30, page=2)["results"] == page()["results"]
