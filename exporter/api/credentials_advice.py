"""What to check when the service refuses the credentials (pages sdk-security, api-introduction, API scopes)."""

from __future__ import annotations

import re
from typing import Literal

from exporter.units import format_duration

WORTH_TELLING = 60.0
"""Seconds by which our clock and the service's may differ."""

Cause = Literal["scope", "replay", "clock", "credentials"]
"""Why credentials may be refused; `credentials`: the service gives one answer for many causes."""

_WORDS: dict[Cause, str] = {
    "scope": r"scope|permission",
    "replay": r"replay|seen before|already used",
    "clock": r"expired|\bexp\b|\biat\b|\bnbf\b|issued at|in the future|not yet valid|not active|clock",
}
"""What the service says then. The first that is found decides."""

ADVICE: dict[Cause, str] = {
    "scope": "Give the JWT app the scope 'Campaign Management' (App Settings > Dev Tools > API Scopes) and publish.",
    "replay": "The app enforces that a token is good once: use KORE_CLIENT_ID and KORE_CLIENT_SECRET, not KORE_JWT.",
    "clock": (
        "The service takes the token for one of another time: compare this machine's clock (UTC) with a time server, "
        "or renew KORE_JWT if it is a ready-made token that has expired."
    ),
    "credentials": (
        "Check KORE_CLIENT_SECRET (or KORE_JWT), KORE_CLIENT_ID, KORE_STREAM_ID, KORE_ACCOUNT_ID and KORE_HOST (the "
        "region): the service gives one answer for a wrong one of them. Client ID and secret are those of the JWT app "
        "under App Settings > Dev Tools > Web/Mobile SDK. Check too that the app has the scope 'Campaign Management', "
        "and that campaigns, which are an option of the account, are enabled for it."
    ),
}
"""Where to mend it."""


def cause_of(error: str) -> Cause:
    """The likely cause of a refusal. `error`: what the service said."""
    return next((cause for cause, words in _WORDS.items() if re.search(words, error, re.IGNORECASE)), "credentials")


def says_refused(error: str) -> bool:
    """Whether an error of another status than 401 and 403 says that the credentials were refused."""
    return cause_of(error) != "credentials" or re.search(r"unauthori[sz]ed|\bjwt\b", error, re.IGNORECASE) is not None


def refusal(error: str, skew: float | None = None) -> str:
    """The message for refused credentials. `error`: what the service said. `skew`: as `skew_warning` takes it."""
    clock = skew_warning(skew)
    lines = [f"the service refused the credentials ({error}).", ADVICE[cause_of(error)]]
    return "\n".join([*lines, f"Besides, {clock}."] if clock else lines)


def skew_warning(skew: float | None) -> str | None:
    """A warning about a clock that is off; None: there is nothing to warn of.

    `skew`: seconds by which ours is ahead of the service's; None: unknown.
    """
    if skew is None or abs(skew) <= WORTH_TELLING:
        return None
    ahead = "ahead of" if skew > 0 else "behind"
    apart = f"this machine's clock is {format_duration(abs(skew))} {ahead} the service's"
    return f"{apart}; tokens may be refused for it: set the clock by a time server"
