"""HTTP responses that nobody expects, for properties."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from exporter.api.endpoints import HttpResponse
from tests.support.json_values import json_values

_pieces = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\xe9", b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud83d", b"\x00"),
        *(b"null", b"true", b"0", b"1e999", b"9" * 400, b"NaN", b"<html>", b'"status":"success"', b'"data":'),
        *(b'"_id":', b'"cd-1"', b'"errors":', b'"msg":"not found"', b'"results":'),
    ]
)
_envelopes = st.fixed_dictionaries(
    {},
    optional={
        key: json_values | st.sampled_from(["success", "error", "not found", "rate limit"])
        for key in ("status", "data", "errors", "error", "message", "success", "code", "Errors")
    },
)
_documents = (
    json_values
    | _envelopes
    | json_values.map(lambda value: {"status": "success", "data": value})
    | json_values.map(lambda value: {"status": "success", "data": {"_id": value, "results": [value]}})
)
_bodies = (
    st.lists(_pieces, max_size=12).map(b"".join)
    | st.binary(max_size=60)
    | _documents.map(lambda document: json.dumps(document).encode())
    | st.binary(max_size=8).map(lambda raw: b'{"status":"success","data":{"_id":"cd-' + raw + b'"}}')
    | st.binary(max_size=8).map(lambda raw: b'{"status":"succ' + raw + b'","data":{"_id":"cd-1"}}')
)
odd_responses = st.builds(
    HttpResponse,
    st.integers(100, 999),
    _bodies,
    retry_after=st.none() | st.text(max_size=20) | st.sampled_from(["3", "Thu, 01 Jan 2026 00:00:00 GMT"]),
    location=st.none() | st.text(max_size=20) | st.just("?again"),
    charset=st.none() | st.sampled_from(["latin-1", "utf-16", "punycode", "none", "a\0b"]),
    oversized=st.booleans(),
    date=st.none() | st.text(max_size=9),
)
