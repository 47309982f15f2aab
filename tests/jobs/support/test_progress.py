"""`jobs.support.progress`: how far a run is, in one line of any width."""

from __future__ import annotations

import io
import re
import threading
import time

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from exporter import events
from exporter.units import Limit
from jobs.support.progress import Bar, ProgressLines, Tally, bar_of, clock_time


class Clock:
    """Time as a test sets it."""

    now = 1_780_000_000.0

    def __call__(self) -> float:
        return self.now


def tally(*more: events.Event, done: int = 140, clock: Clock | None = None) -> Tally:
    """A run that has gone on for two minutes and 20 seconds."""
    clock = clock or Clock()
    began = clock.now
    found = Tally([Limit(60, 60.0)], now=clock, monotonic=clock)
    found.note(events.RunStarted("20261125T020000Z", "incremental", 5000, 1200, 3800, "/work", 45))
    for number in range(done):
        found.note(events.Settled(f"cd-{number}", "ok", 1))
    for event in more:
        found.note(event)
    clock.now = began + 140
    return found


PAUSED = events.Paused("rate_limit", 41.0, Clock.now + 140 + 41, "HTTP 429")
FAILED = events.Settled("cd-x", "failed", 5, "HTTP 500")
MISSING = events.Settled("cd-y", "not_found", 1, "HTTP 404")


def shown(one: Tally, width: int) -> str:
    """The line of the bar on a terminal of that width."""
    screen = RichConsole(width=width, file=io.StringIO(), color_system=None)
    screen.print(bar_of(one, screen.width))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().rstrip("\n")


def test_all_is_shown_where_there_is_room() -> None:
    line = shown(tally(FAILED, MISSING), 200)
    for part in ("142/3,800", "/min", " left", "45 unchanged", "1,155 resumed", "1 failed", "1 not found"):
        assert part in line


def test_a_pause_is_counted_down_with_the_time_at_which_it_goes_on() -> None:
    clock = Clock()
    found = tally(PAUSED, clock=clock)
    assert f"rate limit: 41 s, goes on at {clock_time(PAUSED.until, now=clock.now)}" in shown(found, 200)
    clock.now += 30
    assert "rate limit: 11 s" in shown(found, 200)
    clock.now += 11
    assert "rate limit: one request goes first" in shown(found, 200)
    found.note(events.Resumed("rate_limit", 41.0))
    assert "rate limit" not in shown(found, 200)


def test_a_wait_for_the_rate_limit_is_counted_down() -> None:
    clock = Clock()
    found = tally(clock=clock)
    found.note(events.WaitingForSlot(41.0, clock.now + 41))
    assert "waiting 41 s for the limit" in shown(found, 200)
    clock.now += 30
    assert "waiting 11 s for the limit" in found.line()
    clock.now += 10.5
    assert "waiting" not in found.line()


@pytest.mark.parametrize("width", range(24, 160, 4))
def test_the_line_fits_every_terminal_and_the_count_comes_first(width: int) -> None:
    line = shown(tally(FAILED, MISSING, PAUSED), width)
    assert cell_len(line) <= width
    assert len(line.splitlines()) == 1
    assert "142/3,800" in line


def test_what_is_kept_is_all_that_need_not_be_asked_for_again() -> None:
    assert tally(FAILED, MISSING).kept == 1200 + 141


def test_what_is_left_is_what_the_limit_allows() -> None:
    left = tally(done=140).seconds_left()
    assert left is not None
    # 3,800 in windows of 60 take 63 minutes, of which two and a bit have passed.
    assert left == pytest.approx(63 * 60 - 140, abs=60)
    assert "60/min" in shown(tally(), 200)


def test_times_of_day_are_in_utc_where_log_lines_are() -> None:
    assert clock_time(0, utc=True, now=0) == "00:00:00Z"
    assert f"goes on at {clock_time(PAUSED.until, utc=True, now=Clock.now)}" in tally(PAUSED).line(utc=True)


def tallied(*more: events.Event) -> Tally:
    found = Tally([Limit(60, 60.0)])
    for event in more:
        found.note(event)
    return found


def test_the_list_pass_is_reported_too() -> None:
    pages = [events.ListPageRead("sms", 1, 50, 50, 200), events.ListPageRead("sms", 2, 50, 49, 200)]
    assert tallied(*pages).line() == "list call: 99 campaigns in 2 pages"


def test_a_list_call_that_fails_is_no_silent_beginning() -> None:
    found = tallied(events.RetryPlanned("list call, sms", 2, 1.0, "no complete answer within 30 s (--timeout)"))
    assert found.line() == "starting, attempt 2 failed (no complete answer within 30 s (--timeout))"
    found.note(events.ListPageRead("sms", 1, 50, 50, 200))
    assert found.line() == "list call: 50 campaigns in 1 page"


def test_a_pause_is_reported_whatever_is_under_way() -> None:
    pause = events.Paused("rate_limit", 41.0, 4_000_000_000.0, "")
    assert "starting, rate limit: " in tallied(pause).line()


def test_a_pause_that_ends_on_another_day_is_reported_with_its_date() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock_time(time.time() + 60))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", clock_time(time.time() + 86_400))


def test_campaigns_are_counted_against_what_is_to_be_fetched() -> None:
    started = events.RunStarted("20261124T020000Z", "full", 100, 40, 60, "/work")
    settled = [
        events.Settled("cd-1", "ok", 1),
        events.Settled("cd-2", "failed", 5, "HTTP 500"),
        events.Settled("cd-3", "not_found", 1),
    ]
    line = tallied(started, *settled).line()
    assert line.startswith("3/60 campaigns, ")
    assert line.endswith("1 not found, 40 resumed")
    assert ", 1 failed, " in line


def test_writing_is_reported() -> None:
    assert tallied(events.RunStarted("x", "full", 1, 0, 1, "/w"), events.Writing(1_000_000)).line() == "writing files"


def test_a_line_comes_now_and_then_until_it_is_closed() -> None:
    said = threading.Semaphore(0)
    others = set(threading.enumerate())
    lines = ProgressLines(tallied(), lambda _: said.release(), every=0.01)
    (thread,) = set(threading.enumerate()) - others
    for _ in range(3):
        assert said.acquire(timeout=30)
    lines.close()
    thread.join(30)
    assert not thread.is_alive()


def test_a_line_above_the_bar_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(tally())
    bar.print(":smile: [/x] [bold]cd-1: failed")
    bar.close()
    assert ":smile: [/x] [bold]cd-1: failed\n" in capsys.readouterr().err
