"""A response as a small text: its status, headers that matter, an empty line, the body.

    200
    retry-after: 5

    {"status": "success"}

What begins with no status is the body of a 200.
"""

from __future__ import annotations

import re

from exporter.api.endpoints import HttpResponse

_HEAD = re.compile(rb"([1-9][0-9]{2})((?:\n[a-z-]+:[^\n]*)*)\n\n")


def response_in(data: bytes) -> tuple[HttpResponse, dict[str, str]]:
    """The response, and all fields of its head."""
    head = _HEAD.match(data)
    if head is None:
        return HttpResponse(200, data), {}
    lines = head[2].decode("utf-8", "surrogateescape").split("\n")[1:]
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = data[head.end() :]
    return (
        HttpResponse(
            int(head[1]),
            body,
            retry_after=fields.get("retry-after"),
            location=fields.get("location"),
            charset=fields.get("charset"),
            oversized="oversized" in fields,
            date=fields.get("date"),
        ),
        fields,
    )
