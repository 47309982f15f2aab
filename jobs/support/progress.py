"""How far a run is: counted once from its events, shown as a bar or as a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exporter import events
from exporter.ratelimit.estimate import seconds_for
from exporter.units import Limit, format_duration

if TYPE_CHECKING:
    from rich.table import Table

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""

REDRAWS = 4.0
"""Redraws of the bar a second, however fast campaigns come."""

NARROWEST_BAR, WIDEST_BAR = 8, 30
"""Characters of the bar; without room for the narrowest there is none, and the line tells all."""


class Tally:
    """What has happened so far. Times are monotonic seconds, but `paused_until`, which is wall time."""

    def __init__(
        self,
        limits: Sequence[Limit],
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self.limits = limits
        self.total = 0
        self.resumed = 0
        self.done = 0
        self.failed = 0
        self.missing = 0
        self.pages = self.listed = 0
        self.began: float | None = None
        self.paused_why = ""
        self.paused_until = 0.0
        self.writing = False

    def note(self, event: events.Event) -> None:
        """Count one event."""
        if isinstance(event, events.Settled):
            self.done += 1
            self.failed += event.outcome in ("failed", "invalid")
            self.missing += event.outcome == "not_found"
        elif isinstance(event, events.RunStarted):
            self.total, self.resumed = event.to_fetch, event.already_fetched
            self.began = self._monotonic()
        elif isinstance(event, events.Paused):
            self.paused_why = "rate limit" if event.why == "rate_limit" else "service failing"
            self.paused_until = event.until
        elif isinstance(event, events.Resumed):
            self.paused_why = ""
        elif isinstance(event, events.PaceLowered | events.PaceRaised):
            lowered = Limit(event.to_slots, event.seconds)
            self.limits = [lowered if limit.seconds == event.seconds else limit for limit in self.limits]
        elif isinstance(event, events.ListPageRead):
            self.pages += 1
            self.listed += event.found
        elif isinstance(event, events.Writing):
            self.writing = True

    def per_minute(self) -> float:
        """Campaigns a minute so far."""
        elapsed = self._monotonic() - self.began if self.began is not None else 0.0
        return self.done / elapsed * 60 if elapsed > 0 else 0.0

    def seconds_left(self) -> float | None:
        """What the rest will take: no less than the limit allows, no less than the pace so far says."""
        if self.began is None or self.done >= self.total:
            return None
        elapsed = self._monotonic() - self.began
        by_pace = (self.total - self.done) * elapsed / self.done if self.done else 0.0
        by_limit = max(0.0, seconds_for(self.total, self.limits) - elapsed)
        burst = max((limit.slots for limit in self.limits), default=0)
        # Within the first burst the pace says nothing about what follows it.
        left = by_limit if self.done <= burst else max(by_limit, min(by_pace, by_limit * 1.5 or by_pace))
        return left or by_pace or None

    def pause(self, *, utc: bool = False) -> str:
        """`rate limit: 41 s, goes on at 02:14:07`, or nothing."""
        if not self.paused_why:
            return ""
        left = max(0.0, self.paused_until - self._now())
        at = clock_time(self.paused_until, utc=utc, now=self._now())
        return f"{self.paused_why}: {left:.0f} s, goes on at {at}"

    def stage(self) -> str:
        """What is done before the first campaign is asked for, and after the last."""
        if self.writing:
            return "writing files"
        return f"list call: {self.listed:,} campaigns in {self.pages:,} pages" if self.pages else "starting"

    def line(self, *, utc: bool = False) -> str:
        """All of it in one line."""
        if self.writing or self.began is None:
            return self.stage() + (f"; {self.pause(utc=utc)}" if self.paused_why else "")
        parts = [f"{self.done:,} of {self.total:,} campaigns", f"{self.per_minute():,.0f} a minute"]
        left = self.seconds_left()
        if left is not None:
            parts.append(f"{format_duration(left)} left")
        if self.resumed:
            parts.append(f"{self.resumed:,} were there")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.missing:
            parts.append(f"{self.missing:,} not found")
        return ", ".join(parts) + (f"; {self.pause(utc=utc)}" if self.paused_why else "")


def clock_time(moment: float, *, utc: bool = False, now: float | None = None) -> str:
    """Local wall time `02:14:07`, with its date when that is half a day away; in UTC it ends in `Z`, as the stamps of
    log lines do.
    """
    away = abs(moment - (time.time() if now is None else now))
    form = ("%H:%M:%S" if away < 12 * 3600 else "%Y-%m-%d %H:%M:%S") + ("Z" if utc else "")
    return time.strftime(form, time.gmtime(moment) if utc else time.localtime(moment))


class Lines:
    """A line every half minute, from a thread, so that a pause is told as well."""

    def __init__(self, tally: Tally, say: Callable[[Tally], None], every: float = LINE_EVERY) -> None:
        self._tally = tally
        self._say = say
        self._every = every
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="progress lines", daemon=True).start()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            self._say(self._tally)

    def close(self) -> None:
        """No more lines."""
        self._ended.set()


class Bar:
    """The bar on a terminal, one line whatever its width. rich draws it from the tally, a few times a second."""

    def __init__(self, tally: Tally) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self._tally = tally
        self.console = RichConsole(stderr=True, highlight=False)
        self._live = Live(
            console=self.console,
            get_renderable=self._render,
            refresh_per_second=REDRAWS,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        # Whatever ends the program, a second Ctrl-C or kill -9, the terminal keeps its cursor.
        self.console.show_cursor(True)

    def _render(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width = self.console.width
        parts = fitting(self._tally, width)
        line = Text("  ", no_wrap=True, overflow="crop").join(Text(text, style) for text, style in parts)
        grid = Table.grid(padding=(0, 1, 0, 0))
        room = min(width - line.cell_len - 2, WIDEST_BAR)
        if room < NARROWEST_BAR or self._tally.began is None:
            grid.add_row(line)
        else:
            grid.add_row(ProgressBar(total=max(self._tally.total, 1), completed=self._tally.done, width=room), line)
        return grid

    def print(self, text: str) -> None:
        """A line above the bar."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()


def fitting(tally: Tally, width: int) -> list[tuple[str, str]]:
    """What the line beside the bar says, as (text, style): the more telling parts first where not all have room."""
    if tally.began is None or tally.writing:
        return [(tally.stage(), ""), *([(tally.pause(), "yellow")] if tally.paused_why else [])]
    left = tally.seconds_left()
    # In the order in which they are shown; the number says who gives way first.
    parts = [
        (f"{tally.done:,}/{tally.total:,}", "", 0),
        (f"{tally.per_minute():,.0f}/min", "", 4),
        (f"{format_duration(left)} left" if left is not None else "", "", 3),
        (f"{tally.resumed:,} resumed" if tally.resumed else "", "dim", 6),
        (f"{tally.failed:,} failed" if tally.failed else "", "red", 2),
        (f"{tally.missing:,} not found" if tally.missing else "", "yellow", 5),
        (tally.pause(), "yellow", 1),
    ]
    parts = [part for part in parts if part[0]]
    while _length(parts) >= width and len(parts) > 1:
        last = max(parts, key=lambda part: part[2])
        if last[2] == 1:
            # Better a pause without its end than none.
            short = last[0].partition(",")[0]
            if short != last[0]:
                parts[parts.index(last)] = (short, last[1], 1)
                continue
        parts.remove(last)
    return [(text, style) for text, style, _ in parts]


def _length(parts: list[tuple[str, str, int]]) -> int:
    return sum(len(text) + 2 for text, _, _ in parts)
