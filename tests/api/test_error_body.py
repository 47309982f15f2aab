"""`exporter.api.error_body`: what an error body says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.error_body import read_error
from exporter.api.error_meaning import says_campaign_missing
from exporter.text import LONGEST_SEARCHED
from tests.support.json_values import json_values


@pytest.mark.parametrize(
    ("document", "message", "code"),
    [
        ({"errors": [{"msg": "a", "code": 1}, {"msg": "b"}]}, "a; b", 1),
        ({"errors": [{"message": "a", "code": 4002}]}, "a", 4002),
        ({"Errors": [{"Msg": "a"}]}, "a", None),
        ({"errors": "a"}, "a", None),
        ({"status": "Error", "message": "a"}, "a", None),
        ({"success": False, "error": {"code": "X", "message": "a"}}, "a", "X"),
        ({"error": "a"}, "a", None),
        ("a", "a", None),
        ([1], "", None),
        ({"errors": [None, 7]}, "", None),
        ({"status": "failure", "message": "a"}, "a", None),
        ({"status": " FAILED ", "message": "a"}, "a", None),
        ({"error": {"status": 404, "message": "a"}}, "a", 404),
        ({"error": {"statusCode": 503, "status": True, "message": "a"}}, "a", 503),
        ({"error": {"status": False, "statusCode": "x", "message": "a"}}, "a", None),
        ({"statusCode": "502", "message": "a"}, "a", "502"),
        ({"httpStatus": 503, "message": "a"}, "a", 503),
        ({"status": "error", "code": 500.0, "message": "a"}, "a", 500),
        ({"code": 500.5, "statusCode": "5020", "status": 503.0}, "", 503),
        # Of several places the first that is readable counts.
        ({"errors": {"msg": "a", "code": 3}}, "a", 3),
        ({"errors": [{"msg": "a"}, {"message": "b", "code": "B"}]}, "a; b", "B"),
        ({"errors": [{"error": "a"}, "b", {"CODE": "c"}, {"msg": ""}]}, "a; b; c", None),
        ({"errors": [], "message": "a", "code": 5}, "a", 5),
        ({"message": "a", "error": {"message": "b"}}, "a", None),
        ({"message": 7, "msg": "a"}, "a", None),
        ({"message": " ", "msg": "a"}, "a", None),
        ({"message": "a", "detail": "b", "title": "c"}, "a", None),
        ({"title": "a", "error_description": "b", "detail": "c", "error": {"msg": "d"}}, "d; c; b; a", None),
        ({"title": "A.", "detail": " A. ", "error": "b."}, "b; A.", None),
        ({"title": "a", "detail": ["b"], "error": {"code": "X"}}, "X; a", "X"),
        ({"msg": "a", "code": 1, "error": {"code": 2}}, "a", 2),
        ({"error": {"message": "a"}, "code": "c"}, "a", "c"),
        ({"error": ["a"]}, "", None),
        ({"error": {"message": 7, "code": [1]}}, "", None),
        ({}, "", None),
        (7, "", None),
    ],
)
def test_error_bodies_of_every_shape_are_read(document: Any, message: str, code: Any) -> None:
    assert read_error(document)[:2] == (message, code)


@pytest.mark.parametrize(
    ("document", "of_api"),
    [
        ({"status": "error", "message": "a"}, True),
        ({"status": "failure", "message": "a"}, True),
        ({"status": " Failed ", "message": "a"}, True),
        ({"success": False, "error": {"message": "a"}}, True),
        ({"errors": [{"msg": "a"}]}, True),
        ({"errors": ["b", {"message": "a"}]}, True),
        ({"status": "failures", "message": "a"}, False),
        ({"status": 404, "message": "a"}, False),
        ({"status": "error"}, False),
        ({"status": "error", "title": "a", "detail": "a", "error_description": "a"}, False),
        ({"status": "error", "title": "a", "error": "b"}, True),
        ({"status": "error", "message": " "}, False),
        ({"success": None, "message": "a"}, False),
        ({"errors": ["a"]}, False),
        ({"errors": [{"title": "a"}, {"msg": " "}]}, False),
    ],
)
def test_an_error_is_of_the_api_where_it_has_the_apis_shape(document: Any, of_api: bool) -> None:
    """A gateway's has another one, and proves nothing of a campaign."""
    assert read_error(document).of_api is of_api


@given(st.lists(st.sampled_from(
    ["Campaign", "the campaign #", "Campaign (", "campaign id:", "not found", "does not exist", "unknown", "no such",
     "Error:", "Campaign not found", "campaign = "]
), min_size=3, max_size=3))  # fmt: skip
def test_an_absence_is_read_in_one_text_and_not_out_of_two(texts: list[str]) -> None:
    bodies = ({"errors": texts}, dict(zip(("error", "detail", "title"), texts, strict=True)))
    for body in bodies:
        assert says_campaign_missing(read_error(body).message) == any(map(says_campaign_missing, texts))


@pytest.mark.parametrize("place", ["message", "error", "detail", "title"])
def test_of_a_text_without_end_no_more_is_read_than_can_be_searched(place: str) -> None:
    body = {place: "x" * 10**6, "error_description": "y" * 10**6}
    assert len(read_error(body).message) == LONGEST_SEARCHED


@given(json_values)
def test_whatever_an_error_body_is_it_gives_a_text(document: object) -> None:
    message, code, _ = read_error(document)
    assert isinstance(message, str)
    assert code is None or isinstance(code, int | str)


@pytest.mark.parametrize(
    ("document", "of_api"),
    [
        ({"errors": [{"msg": "a"}]}, True),
        ({"status": "error", "message": "a"}, True),
        ({"success": False, "error": {"message": "a"}}, True),
        ({"success": False}, False),
        ({"message": "Not Found"}, False),
        ({"status": 404, "error": "Not Found"}, False),
        ({"errors": []}, False),
        ({"errors": "Not Found"}, False),
        ({"errors": ["Not Found"]}, False),
        ({"errors": [{}, None, {"msg": " ", "message": 7}]}, False),
        ({"errors": [{"status": "404", "title": "Not Found"}]}, False),
        ({"errors": [None, {"code": 404, "Message": "a"}]}, True),
        ("Not Found", False),
    ],
)
def test_the_shapes_of_this_api_are_distinguished_from_those_that_any_gateway_has(document: Any, of_api: bool) -> None:
    assert read_error(document).of_api == of_api
