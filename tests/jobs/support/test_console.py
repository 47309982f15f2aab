"""`jobs.support.console`: what a terminal would act on does not reach it."""

from __future__ import annotations

import io

from exporter.events import Settled
from jobs.support.console import Console


def test_a_name_makes_no_line_of_its_own() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        console = Console(stream=stream, verbosity=2, as_json=as_json)
        console.emit(Settled("a\r\u2028b\x85c", "failed", 1, "\x1b[2J\u2029fake"))
        assert len(stream.getvalue().splitlines()) == 1
