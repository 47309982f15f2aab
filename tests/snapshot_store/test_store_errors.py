"""`exporter.snapshot_store.store_errors`: what a store's error means."""

from __future__ import annotations

import pytest

from exporter.snapshot_store.store_errors import explain

NO_TOKEN = (
    "google::cloud::Status({}, with a last message of Could not create a OAuth2 access token to authenticate the "
    "request. The request was not sent, as such an access token is required to complete the request successfully. "
    "Learn more about Google Cloud authentication at https://cloud.google.com/docs/authentication. The underlying "
    "error message was: {} error_info={{reason=UNKNOWN, metadata={{gcloud-cpp.source.line=403}}}})"
)


@pytest.mark.parametrize(
    ("text", "meaning", "is_lasting"),
    [
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", "refuses the credentials", True),
        ("AWS Error UNKNOWN (HTTP status 400): ExpiredToken", "the credentials have expired: renew them", True),
        ("AWS Error REQUEST_TIME_TOO_SKEWED (HTTP status 403)", "this machine's clock is off", True),
        ("AWS Error UNKNOWN (HTTP status 403): RequestTimeTooSkewed", "this machine's clock is off", True),
        ("AWS Error NO_SUCH_BUCKET during PutObject operation", "there is no such bucket", True),
        ("AWS Error SLOW_DOWN during PutObject operation", "busy or failing: try again later", False),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation", "busy or failing", False),
        ("Azure Error: [ServerBusy] 503 The server is busy", "busy or failing", False),
        ("google::cloud::Status(UNAVAILABLE: Retry policy exhausted)", "busy or failing", False),
        ("google::cloud::Status(PERMISSION_DENIED: no)", "refuses the credentials", True),
        (
            NO_TOKEN.format("UNKNOWN: Permanent error", "no file /nope"),
            r"to read and write here? (no file /nope)",
            True,
        ),
        (
            NO_TOKEN.format("UNAVAILABLE: Retry policy exhausted", "CURL error [6]"),
            "try again later (CURL error",
            False,
        ),
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7", "cannot be reached", False),
        ("AWS Error [code 103] during HeadObject operation: Custom", "AWS Error [code 103]", False),
        ("Couldn't deserialize thrift: no more data to read.", "Couldn't deserialize thrift", True),
        ("Path does not exist: box/snapshot-403/x", "Path does not exist", True),
    ],
)
def test_errors_of_stores_are_reported_by_their_cause(text: str, meaning: str, is_lasting: bool) -> None:
    explained = explain(OSError(text))
    assert meaning in explained[0]
    assert explained[1] is is_lasting
