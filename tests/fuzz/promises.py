"""Promises that hold for more than one reader."""

from __future__ import annotations

import math

from exporter.api.verdict import Verdict
from exporter.errors import ExportError, InputError
from exporter.text import has_control, has_surrogate

MARKER = "s3cr3t-m4rk3r"
"""In the place of a secret: no error may show it."""


def check_error(error: ExportError, *, secret: str = MARKER) -> None:
    """An error's lines are short, fit for a terminal, and show no secret."""
    lines = error.problems if isinstance(error, InputError) else str(error).splitlines()
    assert lines, "an error without a text"
    for line in lines:
        assert_one_line(line)
        assert secret not in line, "a secret in an error"


def assert_one_line(text: str, longest: int = 4000) -> None:
    """`text` is one line of bounded length that a terminal and a file can show."""
    assert text, "an empty text"
    assert not has_control(text), f"a control character in {text!r}"
    assert not has_surrogate(text), f"half a pair in {text!r}"
    assert len(text) <= longest, f"{len(text)} characters"


def check_verdict(verdict: Verdict) -> None:
    """What every verdict on a response keeps to."""
    assert verdict.kind == "good" or verdict.error
    if verdict.error:
        assert_one_line(verdict.error, 500)
    wait = verdict.retry_after
    assert wait is None or (wait >= 0 and math.isfinite(wait))
