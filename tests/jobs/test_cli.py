"""`jobs.cli`: the program as a process."""

from __future__ import annotations

import os

import pytest

from jobs.cli import forget_empty_variables


def test_a_certificate_file_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", " ")
    monkeypatch.setenv("SSL_CERT_DIR", "/somewhere")
    forget_empty_variables()
    assert "SSL_CERT_FILE" not in os.environ
    assert os.environ["SSL_CERT_DIR"] == "/somewhere"
