"""The text of an SMS: plain, Base64, or Base64 that was percent-encoded, and nothing says which.

Pages create-sms-campaign-without-template (plain), get-all-campaigns-v2 (percent-encoded Base64), most tables
(Base64). `Reminder`, `City` and `1500` are Base64, too, of bytes that nobody wrote. So a text is decoded only where it
is beyond doubt: what comes out reads as text (a short one of one script), and is padded, percent-encoded or long.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import Error, a2b_base64, a2b_qp, b2a_base64
from typing import Literal, NamedTuple

from exporter.text import has_control_in_prose

Encoding = Literal["plain", "base64", "percent_base64"]

LONGER_THAN_A_WORD = 16
"""Characters from which Base64 without padding is beyond doubt: 12 bytes of a chance word hardly read as text."""

_SURE_OF_ANY_TEXT = 40
"""The same for CP1252, in which nearly all bytes are letters of some kind, and for a text of several scripts."""

_ASCII_OF_CP1252 = 0.75
"""The share of ASCII from which bytes that are no UTF-8 are CP1252."""

_OTHER_THAN_BASE64 = re.compile(r"[^A-Za-z0-9+/=_\-\r\n%]")
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_STANDARD = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_LINE_BREAKS = {ord("\r"): None, ord("\n"): None}
_TO_STANDARD = str.maketrans("-_", "+/")

_NO_CHARACTER = ("Cn", "Co", "Cs")
_ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HANGUL": "CJK", "BOPOMOFO": "CJK"}
"""Scripts that are written side by side."""


class Message(NamedTuple):
    """A message's text, and how it came. HTML stays as it is. `doubt`: what a text that was left alone may be."""

    text: str
    encoding: Encoding
    doubt: str | None = None


def decode_message(raw: str) -> Message:
    """Percent-decode, then Base64 of either alphabet, then UTF-8 or CP1252; in any doubt `raw` itself is the text.

    Missing padding is repaired, line breaks are left out. The table keeps the raw value beside the text.
    """
    encoded = _percent_decoded(raw.strip())
    data = _decode_base64(encoded)
    if data is None:
        return Message(raw, "plain")
    text, longest_word = _utf8(data), LONGER_THAN_A_WORD
    if text is None:
        text, longest_word = _cp1252(data), _SURE_OF_ANY_TEXT
    if text is None or not _reads_as_text(text):
        return Message(raw, "plain")
    if len(encoded) < _SURE_OF_ANY_TEXT and not _is_of_one_script(text):
        return Message(raw, "plain")
    if encoded.endswith("=") or "%" in raw or len(encoded) >= longest_word:
        return Message(text, "percent_base64" if "%" in raw else "base64")
    return Message(raw, "plain", f"may be Base64 of {text!r}; too short to be sure" if text.isascii() else None)


def _percent_decoded(text: str) -> str:
    """`text` without percent-encoding and line breaks; empty when it is not Base64 anyhow."""
    if _OTHER_THAN_BASE64.search(text):
        return ""
    if "%" in text:
        if _NO_ESCAPE.search(text):
            return ""
        # As quoted-printable, which is the same with another sign: `unquote` makes a list of all pieces, which takes
        # eighty times the room of a text that is nothing but escapes. And `+` stays `+`.
        try:
            text = a2b_qp(text.replace("=", "=3D").replace("%", "=")).decode("ascii")
        except UnicodeDecodeError:
            return ""
    return text.translate(_LINE_BREAKS) if "\n" in text or "\r" in text else text


def _decode_base64(text: str) -> bytes | None:
    if _URL_SAFE.fullmatch(text):
        text = text.translate(_TO_STANDARD)
    elif not _STANDARD.fullmatch(text):
        return None
    if text.rstrip("=").isdigit():
        return None  # a number
    padded = text + "=" * (-len(text) % 4)
    try:
        data = a2b_base64(padded)
    except Error:
        return None
    # What an encoder would not have written (bits left over in the last letter) is plain text.
    return data if b2a_base64(data, newline=False).decode() == padded else None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _cp1252(data: bytes) -> str | None:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return text if len(data.translate(None, bytes(range(128)))) <= (1 - _ASCII_OF_CP1252) * len(data) else None


def _reads_as_text(text: str) -> bool:
    """Whether somebody may have written it: no control characters, only real characters."""
    if has_control_in_prose(text) or text[0] in "\t\n\r":
        return False
    return text.isascii() or not any(
        unicodedata.category(character) in _NO_CHARACTER or character == "\ufffd" for character in set(text)
    )


def _is_of_one_script(text: str) -> bool:
    """Whether it has letters of one script at most, besides Latin and the signs below U+0250 that all scripts use."""
    others = unicodedata.normalize("NFKC", "".join(character for character in set(text) if character >= "\u0250"))
    # Not the letters that change others, such as the mark for a long vowel: several scripts share them.
    letters = (letter for letter in others if letter.isalpha() and unicodedata.category(letter) != "Lm")
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    return len({_ONE_SCRIPT.get(script, script) for script in scripts} - {"LATIN"}) <= 1
