"""Every rule about characters: control and invisible ones, one-line errors, redaction.

The sets of characters are written once, as the inside of a character class, so that `re` and Arrow's regular
expressions (RE2) read the same rule: `f"[{CONTROL}]"`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters (C0, DEL, C1), and the two characters of Unicode that end a line."""

DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that turn the direction of writing: what is shown is then not what is there."""

INVISIBLE = DIRECTION + "\u00ad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"
"""Characters that show nothing: direction marks, zero-width ones, the byte order mark, the soft hyphen."""

SURROGATE = "\ud800-\udfff"
"""Halves of surrogate pairs: no file format and no terminal can hold them. Not for RE2."""

LONGEST_ID = 256
"""Characters of a campaign ID; real ones have about 40."""

LONGEST_SEARCHED = 4000
"""Characters of a text that become a line at most: the search for tokens takes the square of its length at worst."""

TOKEN_HIDDEN = "[token hidden]"

_control = re.compile(f"[{CONTROL}]")
_control_in_prose = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_surrogate = re.compile(f"[{SURROGATE}]")
_invisible = re.compile(f"[{INVISIBLE}]+")
_trimmed = "".join(filter(str.isspace, map(chr, range(0x3001)))) + re.sub(
    "(.)-(.)", lambda ends: "".join(map(chr, range(ord(ends[1]), ord(ends[2]) + 1))), INVISIBLE
)
_unshown = re.compile(f"[{CONTROL}{INVISIBLE}{SURROGATE}]+")
_unsafe = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{DIRECTION}{SURROGATE}]+")
_visible_ascii = re.compile(r"[\x21-\x7e]*")
_token = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){2,4}")
_secret = re.compile(
    r"""(?<=://)[^\s/@:'"]*:[^\s@'"]*(?=@)|((?:\bsig|signature|secret|password|token|AccountKey)=)[^\s&;,'"]+""", re.I
)
"""User and password in a URL; the value of what is named like a secret."""
_private_key = re.compile(r'-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z ]*-----|(?=")|(?=\n?\Z))')
"""A PEM block, in lines or escaped, as far as it is there; the line's end stays."""


def without_format_characters(text: str) -> str:
    """`text` without invisible characters, and with plain blanks in place of special ones; none at its ends."""
    return text.strip() if text.isascii() else " ".join(_invisible.sub("", text).split())


def has_control(text: str) -> bool:
    """Whether `text` holds a control character; tab and line breaks are control characters too."""
    return _control.search(text) is not None


def has_control_in_prose(text: str) -> bool:
    """Whether `text` holds a control character that a text of several lines does not: tab and line breaks are fine."""
    return _control_in_prose.search(text) is not None


def has_surrogate(text: str) -> bool:
    """Whether `text` holds half of a surrogate pair, so that it has no UTF-8 form."""
    return _surrogate.search(text) is not None


def is_visible_ascii(text: str) -> bool:
    """Whether `text` can be in a URL, an HTTP header or a token: visible ASCII characters, no blank."""
    return _visible_ascii.fullmatch(text) is not None


def trim_invisible(text: str) -> tuple[str, bool]:
    """`text` without white space and invisible characters at its ends, and whether there were any."""
    trimmed = text.strip(_trimmed)
    return trimmed, trimmed != text


def is_quoted(text: str) -> bool:
    """Whether `text` is wrapped in quotes, as env files read by other than a shell leave it."""
    return len(text) > 1 and text[0] + text[-1] in ('""', "''", "“”", "‘’")


def check_unquoted(variables: Mapping[str, str], *names: str) -> None:
    """Raise `ValueError`, which shows no value, for those of `names` that are wrapped in quotes."""
    quoted = [f"{name} is wrapped in quotes" for name in names if is_quoted(variables.get(name, "").strip())]
    if quoted:
        raise ValueError(f"{'; '.join(quoted)}: remove them (`docker --env-file` keeps them).")


def id_problem(campaign_id: str) -> str | None:
    """What keeps a (trimmed) text from being a campaign ID; None: nothing does."""
    if not campaign_id:
        return "a row without an ID"
    if has_control(campaign_id) or has_surrogate(campaign_id):
        return "an ID with control characters"
    if len(campaign_id) > LONGEST_ID:
        return f"an ID longer than {LONGEST_ID} characters"
    return None


def hide_tokens(text: str) -> str:
    """`text` with everything that looks like a signed token taken out: some servers echo what they got."""
    return _token.sub(TOKEN_HIDDEN, text)


def hide_secrets(text: str) -> str:
    """`text` without signed tokens, passwords, signatures and private keys: libraries and users' own mistakes show
    them."""
    return _secret.sub(r"\1[hidden]", _private_key.sub("[private key hidden]", hide_tokens(text)))


def one_line(text: str, longest: int) -> str:
    """`text` fit for a log line: one line, no control characters, no secrets, at most `longest` characters."""
    flat = _unshown.sub(" ", hide_secrets(text[:LONGEST_SEARCHED])).strip()
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def error_line(error: BaseException) -> str:
    """What an error says, in one line: of the system its text alone, of a library what it says first."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return one_line((text.strip().splitlines() or [type(error).__name__])[0], 300).rstrip(".")


def escaped(text: str) -> str:
    """`text` with what is not printable escaped, so that it is seen."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def storable(text: str) -> str:
    """`text` with what has no UTF-8 form escaped: a file's name can hold any byte, a text in a file cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def excerpt(text: str, longest: int) -> str:
    """The beginning of `text` as a part of one line: invisible characters are escaped, so that they are seen."""
    beginning = hide_tokens(text[:longest]) + ("…" if len(text) > longest else "")
    return _unshown.sub(lambda match: match[0].encode("unicode_escape").decode(), beginning)


def terminal_safe(text: str) -> str:
    """`text` without what a terminal would act on: escape codes in a campaign's name stay text."""
    return _unsafe.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def terminal_cell(text: str) -> str:
    """`text` for a cell of a table on the terminal: harmless, and in one line."""
    return terminal_safe(text.replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")
