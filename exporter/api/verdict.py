"""What a response means for the ID that was asked for: the result of `classify`."""

from __future__ import annotations

from typing import Literal

import msgspec

VerdictKind = Literal[
    "good",
    "not_found",
    "gateway_404",
    "invalid",
    "wrong_campaign",
    "retry",
    "rate_limited",
    "denied",
    "redirect",
    "led_away",
]


class Verdict(msgspec.Struct, frozen=True):
    """What a response means for the ID that was asked for. `error` says why it is not good.

    - good: `text` is the body.
    - not_found: the API itself says that the campaign does not exist.
    - gateway_404: a 404 that is not the API's own (a gateway while a back end restarts). To be asked again later; it
      counts as absence only if the service answers other campaigns well at that time.
    - invalid: a last word that is neither a campaign nor its absence.
    - wrong_campaign: the answer to another request: the connection is out of step, is to be closed, and the ID asked
      again; only when that does not help the ID is invalid.
    - retry: the service or the connection failed. `retry_after`: seconds, where the service named them.
    - rate_limited: `retry_after` as above.
    - denied: the credentials were refused.
    - redirect: `text` is the URL to ask instead, on the same origin.
    - led_away: a redirect that is not followed, be it one of a service that is down for a moment. To be asked again
      later, as after `gateway_404`; then it is the last word.
    """

    kind: VerdictKind
    error: str = ""
    text: str = ""
    retry_after: float | None = None
