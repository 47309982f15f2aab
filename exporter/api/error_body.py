"""What an error body says, in any of the shapes that were seen."""

from __future__ import annotations

import re
from typing import Any

_MISSING_TEXT = re.compile(
    r"not found|not exist|doesn't exist|no such|no campaign|unable to find|not able to find|could ?n[o']t find",
    re.IGNORECASE,
)


_OTHER_OBJECT = re.compile(
    r"\b(?:stream|bot|account|app|user|route|path|url|api|endpoint|page|file|host|method)(?: ?ids?)?\b",
    re.IGNORECASE,
)


def says_missing(message: str) -> bool:
    """Whether an error says that the campaign does not exist, and not that something else does not."""
    if not _MISSING_TEXT.search(message):
        return False
    return "campaign" in message.lower() or not _OTHER_OBJECT.search(message)


def read_error(document: Any) -> tuple[str, Any]:
    """(message, code) of an error body in any of the shapes that were seen; ("", None) when it has none.

    Shapes, in this order: `errors[].msg`, `errors[].message`, `message`, `error.message`, `error`.
    """
    if not isinstance(document, dict):
        return (document if isinstance(document, str) else ""), None
    lowered = {str(key).lower(): value for key, value in document.items()}
    errors = lowered.get("errors")
    if isinstance(errors, dict | str):
        errors = [errors]
    if isinstance(errors, list) and errors:
        messages = [_message(error) for error in errors]
        code = next((_code(error) for error in errors if _code(error) is not None), None)
        return "; ".join(text for text in messages if text), code
    error = lowered.get("error")
    inner = _message(error) if isinstance(error, dict | str) else ""
    message = lowered.get("message") if isinstance(lowered.get("message"), str) else lowered.get("msg")
    own = message if isinstance(message, str) else ""
    code = _code(error) if _code(error) is not None else _code(document)
    return own or inner, code


def _message(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        lowered = {str(key).lower(): value for key, value in error.items()}
        for key in ("msg", "message", "error", "code"):
            if isinstance(lowered.get(key), str):
                return str(lowered[key])
    return ""


def _code(error: Any) -> Any:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int | str) else None
