"""What the errors of the stores' libraries mean to a user: they are texts, and each library has its own."""

from __future__ import annotations

import re

from exporter.text import error_line

_LASTING = (
    (("RequestTimeTooSkewed", "REQUEST_TIME_TOO_SKEWED"),
     "this machine's clock is off, and the store refuses what is signed by it: set the clock by a time server"),
    (("ExpiredToken", "TokenRefreshRequired", "RequestExpired", "EXPIRED_TOKEN", "has expired"),
     "the credentials have expired: renew them"),
    (("NoSuchBucket", "ContainerNotFound", "NO_SUCH_BUCKET", "BUCKET_NOT_FOUND", "NOT_FOUND",
      "bucket does not exist", "No such file"), "there is no such bucket: make it first"),
    (("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint", "301"),
     "the bucket is in another region: set AWS_REGION, or ?region=… in the URL"),
    (("ACCESS_DENIED", "AccessDenied", "InvalidAccessKeyId", "INVALID_ACCESS_KEY_ID", "SignatureDoesNotMatch",
      "SIGNATURE_DOES_NOT_MATCH", "Forbidden", "AuthorizationFailure", "AuthenticationFailed", "PERMISSION_DENIED",
      "UNAUTHENTICATED", "InvalidToken", "403", "401", "DefaultAzureCredential", "AuthenticationException", "Base64",
      "Permanent error, with a last message of Could not create a OAuth2 access token"),
     "the store refuses the credentials: are they set, still good, and allowed to read and write here?"),
)  # fmt: skip
_PASSING = (
    (("SlowDown", "SLOW_DOWN", "ServiceUnavailable", "SERVICE_UNAVAILABLE", "Throttling", "THROTTLING", "ServerBusy",
      "TooManyRequests", "InternalError", "INTERNAL_FAILURE", "RequestTimeout", "REQUEST_TIMEOUT", "OperationTimedOut",
      "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "408", "429", "500", "502", "503", "504"),
     "the store is busy or failing: try again later"),
    (("CURL", "curlCode", "NETWORK_CONNECTION", "Fail to get a new connection", "Could not connect"),
     "the store cannot be reached: is the endpoint right?"),
)  # fmt: skip
"""What the errors of the stores' libraries contain, and what it means to a user. Lasting: until somebody mends it."""

_GOOGLES_CAUSE = "The underlying error message was: "
"""After a long text about tokens, before why there is none."""

_OF_A_STORE = ("AWS Error", "Azure", "google::cloud", "HTTP")


def explain(error: Exception) -> tuple[str, bool]:
    """An error in one line with what to do about it, and whether the same command would meet it again.

    A text without any of the words is what pyarrow found in a file: damage.
    """
    # What follows in Google's has numbers of lines in its library, which are no HTTP codes.
    text = " ".join(str(error).split()).partition(" error_info=")[0]
    _, _, cause = text.partition(_GOOGLES_CAUSE)
    shown = error_line(OSError(cause)) if cause else error_line(error)
    for is_lasting, table in ((True, _LASTING), (False, _PASSING)):
        for signs, meaning in table:
            if any(_is_word(sign, text) for sign in signs):
                return f"{meaning} ({shown})", is_lasting
    return shown, not is_of_a_store(error)


def is_of_a_store(error: Exception) -> bool:
    """Whether the store refused; any other error is what pyarrow found in a file."""
    text = " ".join(str(error).split())
    return any(sign in text for sign in _OF_A_STORE)


def _is_word(sign: str, text: str) -> bool:
    """Whether it is there as words of their own: 403 may also be part of an object's name."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(sign)}(?![0-9A-Za-z])", text) is not None
