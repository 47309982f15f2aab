"""`exporter.api.error_meaning`: what the words of an error mean."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.error_meaning import (
    says_campaign_missing,
    says_not_routed,
    says_other_missing,
    says_rate_limit,
    says_service_fails,
    says_unknown_missing,
    without_id,
)
from exporter.text import LONGEST_SEARCHED


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
        'Campaign "Rate limit" not found',
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
        "Campaign with the name 'Spring Sale' not found",
        "Campaign not found in the database",
        "Campaign cannot be found",
        "No campaign exists with _id 7",
        "Campaign cd-a91d3e7-05c4 not found for stream st-0b7d52e9-64f1",
        "Campaign was not found. Please check the campaign ID.",
        "Campaign for account X not found",
        "Campaign: cd-1 not found",
        "Campaign record not found",
    ],
)
def test_an_error_that_says_that_the_campaign_does_not_exist(message: str) -> None:
    assert says_campaign_missing(message)
    assert not says_not_routed(message)
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
        "campaign not found in cache, reloading",
        "Campaign not found on this shard",
        "Campaign not found: replica 3 is behind",
        "Campaign read failed: relation does not exist",
        "campaign: getaddrinfo ENOTFOUND campaign-db",
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


ALLOWED = frozenset(
    re.findall(
        r"\w+",
        """
        with for by of in from under within having whose matching the this that any given provided requested specified
        id ids name named call called number numbers record records entity object resource item it is was has have does
        do did could can be been found not exist exists campaign stream streams streamid bot bots botid account accounts
        accountid app apps appid application applications tenant tenants organisation organisations organization
        organizations workspace workspaces system database db collection invalid or you are looking
        """,
    )
)
"""Words that may stand beside "campaign" in a proof of absence."""

words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=9)
nouns = st.sampled_from(["store", "Dialer", "data source", "document class", "dialer-2", "engine", *sorted(ALLOWED)])
things = st.lists(words | nouns, min_size=1, max_size=4).filter(lambda them: not ALLOWED.issuperset(them)).map(" ".join)


@pytest.mark.parametrize(
    "sentence",
    [
        "Campaign {} not found", "The campaign {} does not exist", "No campaign {} found", "Campaign not found in {}",
        "Unable to find campaign {}", "Campaign {} could not be resolved: not found", "campaign not found {}",
        "Campaign cd-1 exists but its {} was not found", "campaign_{} not found", "Campaign-{} no longer exists",
    ],
)  # fmt: skip
@settings(max_examples=30)
@given(thing=things)
def test_a_thing_of_a_campaign_that_does_not_exist_is_no_proof_of_its_absence(sentence: str, thing: str) -> None:
    assert not says_campaign_missing(sentence.format(thing))


@pytest.mark.parametrize(
    "thing", ["store", "data source", "engine", "dialer", "owner", "document class", "Spring Sale"]
)
def test_a_thing_of_which_nothing_is_known_is_known_to_be_missing(thing: str) -> None:
    for message in (f"Campaign {thing} not found", f"No campaign {thing} found", f"{thing} not found. Is it there?"):
        assert says_unknown_missing(message)
        assert not says_campaign_missing(message)
    assert not says_unknown_missing(f"No {thing}. Not found")


@pytest.mark.parametrize(
    "message",
    ["It does not exist", "Not found", "Invalid campaign id", "Campaign", "Invalid StreamId", "Campaign is over", ""],
)
def test_an_error_that_says_nothing_of_what_is_missing(message: str) -> None:
    assert not says_campaign_missing(message)
    assert not says_service_fails(message)
    assert not says_other_missing(message)
    assert not says_unknown_missing(message)
    assert not says_rate_limit(message)


@pytest.mark.parametrize(
    "message",
    [
        "Could not route to /campaign/api/v2, perhaps your object identifier is invalid?",
        "default backend - 404",
        "no Route matched with those values",
        "no healthy upstream",
        "No such host",
        "Unable to identify proxy for host",
        "Cannot GET /campaign",
    ],
)
def test_an_error_of_a_gateway_that_knows_no_way(message: str) -> None:
    assert says_not_routed(message)
    assert not says_campaign_missing(message)


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


@pytest.mark.parametrize(
    "part", ["cd-a-", "cd-", "the campaign ", "the ", "not found ", "campaign-", "sms an ", "id-id "]
)
def test_an_id_costs_no_time_whatever_it_is_made_of(part: str) -> None:
    """The words that say nothing can be divided in many ways: no pattern may try them all."""
    campaign_id = (part * 256)[:255] + "!"  # of 61 characters it was half a minute, with each one more twice that
    assert without_id(f"{campaign_id} not found", campaign_id).endswith("not found")


@pytest.mark.parametrize(
    "part", ["rate limit ", "rate ", "rate" + "-_ " * 9, "too many ", "over a ", "over a-a rate", "no the ",
             "no a no sms ", "is not be ", "unknown any campaign ", "no a a a a ", "; not found ", "RATE_LIMIT_"],
)  # fmt: skip
def test_a_text_costs_time_in_proportion_to_its_length(part: str) -> None:
    """Of 4,000 characters: about a millisecond. The square of that would be seconds."""
    says_rate_limit("rate limit")  # the patterns are made when they are first needed
    text = "rate limit " + part * (LONGEST_SEARCHED // len(part))
    began = process_time()
    says_rate_limit(text)
    assert process_time() - began < 0.2


@pytest.mark.parametrize(
    ("campaign_id", "text", "left"),
    [("campaign", "campaign not found", "campaign not found"), ("the-one", "the-one gone", "cd-0 gone"),
     ("the-campaign", "the-campaign gone", "the-campaign gone"),
     ("server-3", "server-3 not found", "cd-0 not found"), ("cd-1", "cd-1 not found", "cd-1 not found")],
)  # fmt: skip
def test_an_id_that_says_something_is_taken_out_of_the_text(campaign_id: str, text: str, left: str) -> None:
    assert without_id(text, campaign_id) == left
