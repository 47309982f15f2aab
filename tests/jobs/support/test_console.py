"""`jobs.support.console`: what a terminal would act on does not reach it."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from exporter.events import Settled
from jobs.support.console import Console, safe

MARKS = "\x1b\x9b\x07\r\x7f\u061c\u200e\u200f\u2028\u2029\u202e\u2066\u2069\ud800"


@given(st.text(st.sampled_from(MARKS + "ab\n\t") | st.characters()))
def test_no_text_keeps_a_sign_that_a_terminal_would_act_on(text: str) -> None:
    assert not set(safe(text)) & set(MARKS)
    assert safe("Äö 日本 👩‍👧 \t\n") == "Äö 日本 👩‍👧 \t\n"


def test_a_name_makes_no_line_of_its_own() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        console = Console(stream=stream, verbosity=2, as_json=as_json)
        console.emit(Settled("a\r\u2028b\x85c", "failed", 1, "\x1b[2J\u2029fake"))
        assert len(stream.getvalue().splitlines()) == 1
