"""How many examples a property is tried on."""

from __future__ import annotations

from hypothesis import settings


def examples(times: int) -> int:
    """So many times as many as the profile that is loaded says."""
    assert settings.default is not None
    return times * settings.default.max_examples
