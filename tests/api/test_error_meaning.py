"""`exporter.api.error_meaning`: what the words of an error mean."""

from __future__ import annotations

import pytest

from exporter.api.error_meaning import says_campaign_missing, says_other_missing, says_rate_limit, says_service_fails


@pytest.mark.parametrize(
    "message",
    [
        "Campaign not found",
        "Campaign cd-1 not found",
        "Campaign with id cd-1 does not exist",
        "Campaign with the given ID 'cd-1' could not be found",
        "No such campaign",
        "no campaign found",
        "Unable to find campaign cd-1",
        "Campaign of this stream not found",
        "campaignId cd-1 does not exist",
        "Could not find the campaign",
        "couldn't find campaign",
        "Campaign doesn't exist",
        "The requested campaign was not found",
        "Error: campaign not found",
        "Campaign Rate limit not found",
        "campaign_id cd-1 doesn't exist",
        "The campaign has been deleted",
        'Campaign "cd-1" not found',
        '"Campaign" not found',
        "No such “campaign”",
        "Campaign (cd-1) not found in account 66f",
        "Cannot find campaign with id 7",
        "Campaign does not exist",
        "CAMPAIGN NOT FOUND",
        "Campaign no longer exists",
        "SMS campaign not found",
        "Campaign Spring Sale not found",
        "Campaign for account X not found",
        "Campaign: cd-1 not found",
        "Campaign record not found",
    ],
)
def test_an_error_that_says_that_the_campaign_does_not_exist(message: str) -> None:
    assert says_campaign_missing(message)
    assert not says_other_missing(message)


@pytest.mark.parametrize(
    "message",
    [
        "Unable to find instance for campaign-service",
        "ns not found",
        "no such upstream cluster",
        "Table 'prod.campaign' doesn't exist",
        "Session not found",
        "Session not found for campaign cd-1",
        "Campaign service not found",
        "campaign-service not found",
        'relation "campaigns" does not exist',
        "Collection campaign not found",
        "Campaign instance not found",
        "no such index [campaigns]",
        "campaigns table not found",
        "Campaign queue not found",
        "Campaigns collection does not exist",
        "index campaign not found",
        "Database campaign does not exist",
        "Failed to find campaign service",
        "no campaign servers available",
        "host not found: campaign.svc",
        "Failed to look up campaign: session not found",
        "Please try again later",
    ],
)
def test_an_error_that_says_that_the_service_fails(message: str) -> None:
    assert not says_campaign_missing(message)
    assert says_service_fails(message)
    assert not says_other_missing(message)
    assert not says_rate_limit(message)


@pytest.mark.parametrize(
    "message",
    [
        "Template for campaign cd-1 not found",
        "Contact list of campaign not found",
        "Campaign Management scope not found",
        "Stream not found",
        "user not found",
        "Cannot find the path",
        "no Route matched with those values",
    ],
)
def test_an_error_that_says_that_another_thing_does_not_exist(message: str) -> None:
    assert not says_campaign_missing(message)
    assert not says_service_fails(message)
    assert says_other_missing(message)
    assert not says_rate_limit(message)


@pytest.mark.parametrize(
    "message",
    ["It does not exist", "Not found", "Invalid campaign id", "Campaign", "Invalid StreamId", "Campaign is over", ""],
)
def test_an_error_that_says_nothing_of_what_is_missing(message: str) -> None:
    assert not says_campaign_missing(message)
    assert not says_service_fails(message)
    assert not says_other_missing(message)
    assert not says_rate_limit(message)


@pytest.mark.parametrize(
    ("message", "fails"),
    [
        ("Rate limit for this API has been reached. Please try again later", True),
        ("You've exceeded the per-minute rate limit.", False),
        ("Too Many Requests", False),
    ],
)
def test_an_error_that_says_that_the_rate_limit_is_exceeded(message: str, fails: bool) -> None:
    assert says_rate_limit(message)
    assert says_service_fails(message) == fails
    assert not says_other_missing(message)
