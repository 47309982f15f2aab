"""Headers of a response: `Retry-After`, `Date`, `Location`."""

from __future__ import annotations

import math
from typing import NamedTuple
from urllib.parse import urlsplit

from yarl import URL

from exporter.api.response_headers import NotFollowed, read_date, read_retry_after, redirect_target
from tests.fuzz.promises import assert_one_line
from tests.fuzz.target import Target

ASKED = ("https://platform.example/campaign/x?accountId=a", "http://127.0.0.1:8080/a/b", "https://[::1]:8443/a")
NOW = 1_780_000_000.0


class Headers(NamedTuple):
    """What one text means as each header."""

    retry_after: float | None
    date: float | None
    targets: list[str | NotFollowed]


def read(data: bytes) -> Headers:
    """The text as every header."""
    text = data.decode("utf-8", "surrogateescape").replace("\n", "").replace("\r", "")
    return Headers(read_retry_after(text, NOW), read_date(text), [_target(text, asked) for asked in ASKED])


def _target(text: str, asked: str) -> str | NotFollowed:
    try:
        return redirect_target(text, asked)
    except NotFollowed as error:
        return error


def check(data: bytes, headers: Headers) -> None:
    """Waits are no less than nothing and end; a redirect stays on the origin, by other readers of URLs, too."""
    wait = headers.retry_after
    assert wait is None or (wait >= 0 and math.isfinite(wait))
    assert headers.date is None or math.isfinite(headers.date)
    for asked, target in zip(ASKED, headers.targets, strict=True):
        if isinstance(target, NotFollowed):
            assert_one_line(str(target))
            continue
        assert target.isascii() and target.isprintable() and " " not in target
        assert urlsplit(target)[:2] == urlsplit(asked)[:2], "another scheme or host"
        assert URL(target, encoded=True).origin() == URL(asked).origin()


TARGET = Target(
    read, check,
    words=(
        "Fri, 31 Dec 1999 23:59:59 GMT", "120", "+9999", "-0000", "//", "https://platform.example/",
        "http://127.0.0.1:8080/", "evil.example", "@", "%2e%2e/", "Mon", "Sunday", "GMT", "99999999999",
        "?accountId=b", "\\", "file:", "javascript:",
    ),
)  # fmt: skip
