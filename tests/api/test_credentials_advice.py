"""`exporter.api.credentials_advice`: what to check when the credentials are refused."""

from __future__ import annotations

import pytest

from exporter.api.credentials_advice import refusal, says_refused, skew_warning


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("HTTP 401: Permission denied. Scope is incorrect!", ["Campaign Management", "API Scopes"]),
        ("HTTP 401: JTI was seen before, possibly a replay", ["KORE_CLIENT_SECRET", "not KORE_JWT"]),
        ("HTTP 401: Token expired", ["clock", "KORE_JWT"]),
        ("HTTP 401: iat in the future", ["clock"]),
        ("HTTP 401: Token used before issued at", ["clock"]),
        (
            "HTTP 401: Invalid SDK credentials",
            ["KORE_CLIENT_SECRET", "KORE_STREAM_ID", "KORE_ACCOUNT_ID", "KORE_HOST", "scope", "option of the account"],
        ),
        ("HTTP 403", ["KORE_ACCOUNT_ID", "campaigns"]),
    ],
)
def test_a_refusal_says_what_to_check(error: str, words: list[str]) -> None:
    message = refusal(error)
    assert message.startswith(f"the service refused the credentials ({error}).\n")
    assert not [word for word in words if word not in message]


def test_a_refusal_names_a_clock_that_is_off() -> None:
    assert "2 min behind the service's" in refusal("HTTP 401", skew=-120.0)
    assert "behind" not in refusal("HTTP 401", skew=-3.0)
    assert "Besides" not in refusal("HTTP 401", skew=-3.0)
    assert "Besides" not in refusal("HTTP 401")


@pytest.mark.parametrize(
    ("skew", "part"),
    [(None, None), (0.0, None), (60.0, None), (-60.0, None), (61.0, " 1 s ahead of "), (-3600.0, " 1 h behind ")],
)
def test_a_clock_is_reported_when_it_is_more_than_a_minute_off(skew: float | None, part: str | None) -> None:
    warning = skew_warning(skew)
    assert (warning is None) == (part is None)
    assert part is None or part in str(warning)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        ("Unauthorized", True),
        ("UNAUTHORISED client", True),
        ("no JWT was given", True),
        ("Token expired", True),
        ("Scope is incorrect", True),
        ("Campaign not found", False),
        ("jwtlike is no word", False),
        ("boom", False),
    ],
)
def test_an_error_of_any_status_says_whether_the_credentials_were_refused(error: str, refused: bool) -> None:
    assert says_refused(error) is refused
