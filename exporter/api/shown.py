"""Text of the service, made fit for a log line or a terminal: one line, no control characters, no tokens."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){2,4}")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


TOKEN_HIDDEN = "[token hidden]"


SEARCHED = 4000
"""Characters of a text that become a line at most: the search for tokens takes the square of its length at worst."""


def hide_tokens(text: str) -> str:
    """`text` with everything that looks like a signed token taken out: some servers echo what they got."""
    return _TOKEN.sub(TOKEN_HIDDEN, text)


def one_line(text: str, most: int) -> str:
    """`text` fit for a log line: one line, no control characters, no tokens, at most `most` characters."""
    flat = _CONTROL.sub(" ", hide_tokens(text[:SEARCHED])).strip()
    return flat if len(flat) <= most else flat[: most - 1] + "…"
