"""`exporter.user_path`: paths as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.user_path import user_path


def test_a_tilde_at_the_beginning_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path("~/ids.csv") == Path("/home/somebody/ids.csv")
    assert user_path("a/~/ids~.csv") == Path("a/~/ids~.csv")
    with pytest.raises(OSError, match="no home folder is known for ~"):
        user_path("~nobody-of-that-name/ids.csv")
