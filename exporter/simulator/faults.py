"""Faults that the simulator injects into its replies: what services of others were seen to do."""

from __future__ import annotations

from exporter.simulator.replies import HTML, RATE_TEXT, Reply, error_reply, json_reply

LONG_AGO = "Thu, 01 Jan 2026 00:00:00 GMT"

_REPLIES: dict[str, Reply] = {
    "500": error_reply(500, "Internal Server Error", code=500),
    "502": Reply(502, b"<html><body>502 Bad Gateway</body></html>", HTML),
    "503": Reply(503, b"<html><body>503 Service Unavailable</body></html>", HTML),
    "503-not-found": json_reply(503, {"status": 503, "message": "Unable to find instance for campaign-service"}),
    "500-not-found": error_reply(500, "Table 'campaigns' doesn't exist", code=500),
    "503-retry-after": Reply(503, b"busy", {"Content-Type": "text/plain", "Retry-After": "1"}),
    "408": Reply(408, b""),
    "400": error_reply(400, "Invalid StreamId", code=400),
    "401": error_reply(401, "Invalid SDK credentials", code=4002),
    "403": error_reply(403, "Invalid values in the body", code=403),
    "403-html": Reply(403, b"<html><body>Request blocked by the firewall</body></html>", HTML),
    "404-html": Reply(404, b"<html><body><h1>404 Not Found</h1><hr>nginx</body></html>", HTML),
    "404-text": Reply(404, b"404 page not found", {"Content-Type": "text/plain"}),
    "404-empty": Reply(404, b""),
    "409": error_reply(409, "Conflict", code=409),
    "421": error_reply(421, "Misdirected Request", code=421),
    "423": error_reply(423, "Locked", code=423),
    "425": error_reply(425, "Too Early", code=425),
    "449": error_reply(449, "Retry With", code=449),
    "499": error_reply(499, "Client Closed Request", code=499),
    "scope": error_reply(401, "Permission denied. Scope is incorrect!", code=4002),
    "html": Reply(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", HTML),
    "empty": Reply(200, b""),
    "429": error_reply(429, RATE_TEXT, code=429),
    "429-retry-after": error_reply(429, RATE_TEXT, code=429, headers={"Retry-After": "1"}),
    "429-date": error_reply(429, RATE_TEXT, code=429, headers={"Retry-After": LONG_AGO}),
    "rate-text-200": json_reply(200, {"status": "error", "message": RATE_TEXT}),
    "rate-text-400": error_reply(400, "Rate limit for this API has been reached. Please try again later"),
    "redirect-away": Reply(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    "wrong-id": json_reply(200, {"status": "success", "data": {"_id": "cd-another", "name": "Another"}}),
    "no-data": json_reply(200, {"status": "success", "message": "Campaign retrieved", "data": None}),
    "not-found-200": json_reply(200, {"status": "failure", "message": "Campaign not found", "data": None}),
    "not-found-400": error_reply(400, "Campaign not found", code=400),
    "timed-out-200": json_reply(200, {"status": "error", "message": "Request timed out"}),
    "error-200": json_reply(200, {"status": "error", "message": "Internal Server Error"}),
    "missing-200": json_reply(200, {"status": "error", "message": "Session not found"}),
}

FAULTS = (
    *_REPLIES, "reset", "truncated", "slow", "silent", "drip", "bomb", "endless", "close-after", "second-answer",
    "bad-utf8", "x-gzip", "long-header", "many-headers", "redirect", "redirect-relative",
)  # fmt: skip


def needs_good_reply(fault: str) -> bool:
    """Whether the faulty reply is a good one with something wrong about it."""
    return fault not in _REPLIES


def faulty_reply(fault: str, good: Reply, *, path: str, query: str) -> Reply:
    """The reply with that fault; one that the server carries out is the good one, marked.

    `path`, `query`: of the request, as they came.
    """
    headers = dict(good.headers)
    if fault == "redirect":
        reply = Reply(302, b"", {"Location": f"?{query}&moved=1"})
    elif fault == "redirect-relative" and not path.endswith("/"):
        # Against the request this is the campaign with a slash behind it; against the host it is nothing.
        reply = Reply(302, b"", {"Location": f"{path.rpartition('/')[2]}/?{query}"})
    elif fault == "long-header":
        reply = Reply(good.status, good.body, {**headers, "X-Trace": "x" * 8200})
    elif fault == "many-headers":
        reply = Reply(good.status, good.body, {**headers, **{f"X-Trace-{number}": "x" for number in range(200)}})
    elif fault == "bad-utf8":
        reply = Reply(good.status, good.body.replace(b'"name": "', b'"name": "\xe9', 1), headers)
    else:
        reply = _REPLIES.get(fault, good)
    return Reply(reply.status, reply.body, reply.headers, fault)
