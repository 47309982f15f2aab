"""The text of an SMS: plain, Base64, percent-encoded Base64."""

from __future__ import annotations

from base64 import b64encode
from typing import NamedTuple
from urllib.parse import quote

from exporter.tables.sms_text import Message, decode_message
from tests.fuzz.target import Target


class Decoded(NamedTuple):
    """A raw text and what it is decoded to."""

    raw: str
    message: Message


def read(data: bytes) -> Decoded:
    """As it came."""
    raw = data.decode("utf-8", "replace")
    return Decoded(raw, decode_message(raw))


def check(data: bytes, decoded: Decoded) -> None:
    """A decoded text is one that was encoded; what is left alone is left as it is; what is encoded is decoded again."""
    raw, message = decoded
    if message.encoding == "plain":
        assert message.text == raw
    else:
        letters = raw.replace("\r", "").replace("\n", "").strip()
        assert message.text
        assert (message.encoding == "percent_base64") == ("%" in letters)
    text = "".join(character for character in raw if character.isprintable() or character == "\n").strip()
    if len(text) >= 12 and text.isascii():
        encoded = b64encode(text.encode()).decode()
        assert decode_message(encoded).text == text
        assert decode_message(quote(encoded, safe="")).text == text


TARGET = Target(
    read, check,
    words=(
        "RGVhbCBlbmRzIH5%2BPiBvaw%3D%3D", "SGVsbG8=", "%3D", "%2B", "%41", "=", "==", "Welcome1", "<p>", "_-", "\r\n",
    ),
)  # fmt: skip
