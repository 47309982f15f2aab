"""`jobs.support.event_console`: what a terminal would act on does not reach it."""

from __future__ import annotations

import io
import json

import pytest

from exporter.errors import InputError, Interrupted
from exporter.events import Event, Paused, Resumed, RunStarted, Settled, Warned
from jobs.support.event_console import Console


def test_line_breaks_and_control_characters_of_a_name_stay_in_its_line() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        console = Console(stream=stream, verbosity=2, as_json=as_json)
        console.emit(Settled("a\r\u2028b\x85c", "failed", 1, "\x1b[2J\u2029fake"))
        assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_the_secret_of_a_url_that_is_given_in_a_wrong_place_is_not_shown(as_json: bool) -> None:
    stream = io.StringIO()
    console = Console(stream=stream, verbosity=2, as_json=as_json)
    url = "s3://AKIA:hu/sh@bucket/x"
    console.fail(InputError(f"-o: {url} names no file."), 2)
    console.say(f"'{url}' is no folder", event="x", place=url)
    console.block(f"cat {url}")
    console.emit(Settled(url, "not_found", 1, "HTTP 404"))
    assert "hu/sh" not in stream.getvalue()
    lines = stream.getvalue().splitlines()
    assert all("s3://[hidden]@bucket/x" in line for line in lines)
    assert len([json.loads(line) for line in lines] if as_json else lines) == 4


def shown(*emitted: Event, verbosity: int = 0) -> str:
    stream = io.StringIO()
    console = Console(stream=stream, verbosity=verbosity, as_json=False)
    for event in emitted:
        console.emit(event)
    return stream.getvalue()


def test_a_pause_of_less_than_a_second_is_a_detail() -> None:
    pause = (Paused("rate_limit", 0.4, 1e9, "HTTP 429"), Resumed("rate_limit", 0.4))
    assert shown(*pause) == ""
    assert "rate limit: 0.4 s" in shown(*pause, verbosity=1)
    assert "rate limit: 4.0 s" in shown(Paused("rate_limit", 4.0, 1e9, "HTTP 429"))


def test_the_first_refusal_says_that_somebody_else_uses_the_limit() -> None:
    pause = Paused("rate_limit", 4.0, 1e9, "HTTP 429")
    text = shown(pause, Resumed("rate_limit", 4.0), pause)
    assert text.count("another program uses the limit of this account") == 1
    assert "another program" not in shown(Paused("outage", 4.0, 1e9, "HTTP 503"))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_stop_says_how_many_campaigns_are_kept(as_json: bool) -> None:
    stream = io.StringIO()
    console = Console(stream=stream, verbosity=-1, as_json=as_json)
    console.emit(RunStarted("20261124T020000Z", "full", 1000, 40, 960, "/work"))
    for outcome in ("ok", "ok", "not_found", "failed"):
        console.emit(Settled("cd", outcome, 1))
    console.fail(Interrupted("stopped by Ctrl-C.", signal_number=2), 130)
    assert "43 of 1,000 campaigns are kept." in stream.getvalue()


def test_a_warning_has_its_level_in_json_logs_whether_of_one_account_or_of_several() -> None:
    stream = io.StringIO()
    console = Console(stream=stream, verbosity=0, as_json=True)
    for event in (Warned("the clock is off"), RunStarted("20261124T020000Z", "full", 1000, 40, 960, "/work")):
        console.emit(event)
        console.emit_for("north", event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line.get("account")) for line in lines] == [
        ("warning", None), ("warning", "north"), ("info", None), ("info", "north"),
    ]  # fmt: skip


class Broken(io.StringIO):
    """A stream that cannot be written."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), BrokenPipeError(), ValueError("closed"), OSError(5, "EIO")]
)
def test_a_stream_that_cannot_be_written_never_ends_the_work(error: Exception) -> None:
    for as_json in (False, True):
        console = Console(stream=Broken(error), verbosity=2, as_json=as_json)
        console.emit(Warned("something"))
        console.say("something")
        console.trouble("something")
        console.fail(Interrupted("stopped", signal_number=2), 130)
