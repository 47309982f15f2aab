"""What the headers of a response say: `Retry-After`, `Date`, `Location`."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from exporter.text import one_line

_IN_PATH = "/%:@!$&'()*+,;=~"
"""What stays as it is in a path (RFC 3986), `%` too: what is encoded already is not encoded again."""


def read_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header in either form (RFC 9110, 10.2.3); None when there is none.

    `now`: wall time in seconds by the clock of the service, for the form that is a date. Neither form is capped.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    moment = read_date(value)
    return None if moment is None else max(0.0, moment - now)


def read_date(value: str | None) -> float | None:
    """Seconds since 1970 that a date of HTTP names; None when it is none."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class NotFollowed(ValueError):
    """A redirect that leads nowhere, or to another origin: the credentials would go with it."""


def redirect_target(location: str | None, asked: str) -> str:
    """The URL to ask instead of `asked`, on the same origin (RFC 9110, 10.2.2). Raises `NotFollowed`."""
    if not location:
        raise NotFollowed("without a place to go to; check KORE_HOST")
    try:
        origin, target = urlsplit(asked), urlsplit(urljoin(asked, location))
        same = _origin_of(target) == _origin_of(origin)
    except ValueError:
        raise NotFollowed("to a place that is not a URL; check KORE_HOST") from None
    if not same:
        where = one_line(f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}", 120)
        raise NotFollowed(
            f"redirects to another origin ({where}), not followed, since the credentials would go with it; "
            "check KORE_HOST"
        )
    # Put together from our own origin: no other reading of the text can lead elsewhere.
    path = quote(target.path, safe=_IN_PATH, errors="surrogateescape") or "/"
    query = quote(target.query, safe=_IN_PATH + "?", errors="surrogateescape")
    return f"{origin.scheme}://{origin.netloc}{path}" + (f"?{query}" if query else "")


def _origin_of(url: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    """Scheme, host and port, and the user name that no origin has. Raises `ValueError`."""
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme), url.username
