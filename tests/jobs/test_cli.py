"""`jobs.cli`: the program as a process."""

from __future__ import annotations

import os
import resource

import pytest

from jobs.cli import OPEN_FILES, allow_many_files, forget_empty_variables


def test_a_certificate_file_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", " ")
    monkeypatch.setenv("SSL_CERT_DIR", "/somewhere")
    forget_empty_variables()
    assert "SSL_CERT_FILE" not in os.environ
    assert os.environ["SSL_CERT_DIR"] == "/somewhere"


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (256, resource.RLIM_INFINITY, (OPEN_FILES, resource.RLIM_INFINITY)),
        (256, 1024, (1024, 1024)),
        (1024, 1024, None),
        (65536, 65536, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_as_many_files_may_be_open_as_the_user_may_have(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: tuple[int, int] | None
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: made.append(limits))
    allow_many_files()
    assert made == ([wanted] if wanted is not None else [])
