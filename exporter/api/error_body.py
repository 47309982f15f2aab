"""The message and the code of an error body, in any of the shapes that were seen: no page documents them."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, NamedTuple

from exporter.text import LONGEST_SEARCHED

MOST_ERRORS = 20
"""Entries of `errors`, and a thousand times as many keys of a body, that are looked at: one may hold a million."""

_BESIDE = ("detail", "error_description", "title")
"""Texts of RFC 9457 and RFC 6749, which stand beside `error` or alone. No error of this API was seen with one."""


class ErrorBody(NamedTuple):
    """`message` is "" and `code` None where there is none. `of_api`: whether it has a shape of this API's own errors,
    and not only one that every gateway's has."""

    message: str
    code: Any
    of_api: bool = False


def read_error(document: Any) -> ErrorBody:
    """The error in a body in any of the shapes that were seen.

    Shapes, in this order: `errors[].msg`, `errors[].message`, `message`, or else all of `error.message` or `error`,
    `detail`, `error_description` and `title`: one of these may say "Forbidden" only, and another why.
    """
    if not isinstance(document, dict):
        return ErrorBody(document[:LONGEST_SEARCHED] if isinstance(document, str) else "", None)
    lowered = _lowered(document)
    errors = lowered.get("errors")
    if isinstance(errors, dict | str):
        errors = [errors]
    if isinstance(errors, list) and errors:
        entries = errors[:MOST_ERRORS]
        message = "; ".join(text for text in map(_message, entries) if text)
        code = next((code for code in map(_code, entries) if code is not None), None)
        # Gateways have `errors` of texts, or of entries that have a `title`.
        return ErrorBody(message[:LONGEST_SEARCHED], code, of_api=any(map(_is_of_api, entries)))
    error = lowered.get("error")
    own = _text(lowered.get("message")) or _text(lowered.get("msg"))
    inner = _text(_message(error))
    message = own or _joined([inner, *(_text(lowered.get(key)) for key in _BESIDE)])
    code = _code(error) if _code(error) is not None else _code(document)
    says_failure = _is_failure_word(lowered.get("status")) or lowered.get("success") is False
    return ErrorBody(message, code, of_api=says_failure and bool(own or inner))


def _text(value: Any) -> str:
    return value[:LONGEST_SEARCHED].strip() if isinstance(value, str) else ""


def _joined(texts: list[str]) -> str:
    """The texts in one line, none twice."""
    different = dict.fromkeys(filter(None, texts))
    return "; ".join(different).replace(".; ", "; ")[:LONGEST_SEARCHED]


def _is_of_api(entry: Any) -> bool:
    lowered = _lowered(entry) if isinstance(entry, dict) else {}
    return any(isinstance(text, str) and text.strip() for text in (lowered.get("msg"), lowered.get("message")))


def _is_failure_word(status: Any) -> bool:
    return isinstance(status, str) and status.strip().lower() in ("error", "failure", "failed")


def _lowered(document: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in islice(document.items(), MOST_ERRORS * 1000)}


def _message(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        lowered = _lowered(error)
        for key in ("msg", "message", "error", "code"):
            if isinstance(lowered.get(key), str):
                return str(lowered[key])
    return ""


def _code(error: Any) -> Any:
    """The code of an error; some gateways name the HTTP status `statusCode`, `httpStatus` or `status`."""
    if not isinstance(error, dict):
        return None
    named = _whole(error.get("code"))
    if isinstance(named, int | str):
        return named
    statuses = (_whole(error.get(key)) for key in ("statusCode", "httpStatus", "status"))
    return next((status for status in statuses if _is_status(status)), None)


def _whole(number: Any) -> Any:
    """A whole number that is written with a point as what it is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _is_status(status: Any) -> bool:
    if isinstance(status, str):
        return re.fullmatch(r"[1-9]\d\d", status) is not None
    return isinstance(status, int) and not isinstance(status, bool)
