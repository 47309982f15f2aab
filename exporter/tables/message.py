"""The text of an SMS: plain, Base64, or Base64 that was percent-encoded, and nothing says which.

Pages create-sms-campaign-without-template (plain), get-all-campaigns-v2 (percent-encoded Base64), most tables
(Base64).
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Literal, NamedTuple
from urllib.parse import unquote

from exporter.text import has_control_in_prose

Encoding = Literal["plain", "base64", "percent_base64"]


class Message(NamedTuple):
    """A message's text, and how it came. HTML stays as it is."""

    text: str
    encoding: Encoding


def decode_message(raw: str) -> Message:
    """Percent-decode, then strict Base64, then strict UTF-8; if any step fails, `raw` itself is the text.

    Missing padding is repaired. A short plain word can pass as Base64 (rarely: its bytes must also be readable
    UTF-8), which is why the table keeps the raw value beside the text.
    """
    # Plain `unquote`, since `+` is a letter of Base64 and no blank.
    unquoted = unquote(raw)
    text = _decode_base64(unquoted)
    if text is None:
        return Message(raw, "plain")
    return Message(text, "base64" if unquoted == raw else "percent_base64")


def _decode_base64(text: str) -> str | None:
    padded = text + "=" * (-len(text) % 4)
    try:
        raw = a2b_base64(padded)
        decoded = raw.decode("utf-8")
    except ValueError:
        return None
    # What an encoder would not have written (other signs, bits left over in the last letter) is plain text.
    if b2a_base64(raw, newline=False).decode() != padded or has_control_in_prose(decoded):
        return None
    return decoded or None
