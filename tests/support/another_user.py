"""A test that is another user for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


@contextmanager
def another_user(number: int = 4711) -> Iterator[None]:
    """Within the block files are opened as the user of that number."""
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
