"""How far a run is: counted once from its events, shown as a bar or as a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from exporter import events
from exporter.model import Usage
from exporter.ratelimit.estimate import seconds_for
from exporter.units import Limit, counted, format_duration
from jobs.support.lazy_imports import lazy_imports

with lazy_imports(__name__):
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""

REDRAWS = 4.0
"""Redraws of the bar a second, however fast campaigns come."""

BAR_WIDTH = 20
"""Characters of the bar, where the line leaves room for it."""

WORTH_SHOWING = 1.0
"""Seconds; shorter pauses and waits are not shown."""


class Tally(msgspec.Struct):
    """What has happened so far. Times are monotonic seconds, but `paused_until` and `slot_at`, which are wall time.

    `usage`: what all attempts have spent, the last `attempt` included.
    """

    limits: Sequence[Limit] = ()
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    snapshot_id: str = ""
    wanted: int = 0
    total: int = 0
    unchanged: int = 0
    resumed: int = 0
    done: int = 0
    failed: int = 0
    missing: int = 0
    pages: int = 0
    listed: int = 0
    refusals: int = 0
    usage: Usage = Usage()
    attempt: Usage = Usage()
    began: float | None = None
    paused_why: str = ""
    paused_until: float = 0.0
    trouble: str = ""
    slot_at: float = 0.0
    writing: bool = False

    def begin(self, total: int) -> None:
        """`total` campaigns are fetched from now on."""
        self.total, self.began = total, self.monotonic()

    def note(self, event: events.Event) -> None:
        """Count one event."""
        if isinstance(event, events.Settled):
            self.done += 1
            self.failed += event.outcome in ("failed", "invalid")
            self.missing += event.outcome == "not_found"
        elif isinstance(event, events.WaitingForSlot):
            self.slot_at = event.until
        elif isinstance(event, events.RunStarted):
            self.snapshot_id, self.wanted = event.snapshot_id, event.wanted
            self.unchanged, self.resumed = event.carried_over, event.already_fetched - event.carried_over
            self.begin(event.to_fetch)
        elif isinstance(event, events.RetryPlanned):
            self.trouble = f"attempt {event.attempt} failed ({event.error})"
        elif isinstance(event, events.Paused):
            self.refusals += event.why == "rate_limit"
            self.paused_why = "rate limit" if event.why == "rate_limit" else "service failing"
            self.paused_until = event.until
        elif isinstance(event, events.Resumed):
            self.paused_why = ""
        elif isinstance(event, events.PaceLowered | events.PaceRaised):
            learned = Limit(event.to_slots, event.seconds)
            self.limits = [learned if limit.seconds == event.seconds else limit for limit in self.limits]
        elif isinstance(event, events.ListPageRead):
            self.trouble = ""
            self.pages += 1
            self.listed += event.new
        elif isinstance(event, events.Writing):
            self.writing = True
        elif isinstance(event, events.Spent):
            self.usage, self.attempt = event.usage, event.attempt

    @property
    def kept(self) -> int:
        """Campaigns that need not be asked for again, whatever happens now."""
        return self.wanted - self.total + self.done - self.failed

    def per_minute(self) -> float:
        """Campaigns a minute so far."""
        elapsed = self.monotonic() - self.began if self.began is not None else 0.0
        return self.done / elapsed * 60 if elapsed > 0 else 0.0

    def seconds_left(self) -> float | None:
        """What the rest will take: no less than the limit allows, no less than the pace so far says."""
        if self.began is None or self.done >= self.total:
            return None
        elapsed = self.monotonic() - self.began
        by_pace = (self.total - self.done) * elapsed / self.done if self.done else 0.0
        by_limit = max(0.0, seconds_for(self.total, self.limits) - elapsed)
        burst = max((limit.slots for limit in self.limits), default=0)
        # Within the first burst the pace says nothing about what follows it.
        left = by_limit if self.done <= burst else max(by_limit, min(by_pace, by_limit * 1.5 or by_pace))
        return left or by_pace or None

    def wait(self, *, utc: bool = False) -> str:
        """`rate limit: 41 s, goes on at 02:14:07` in a pause, `waiting 41 s for the limit`, or nothing.

        After the pause one request goes first, and may be long under way.
        """
        now = self.now()
        if self.paused_why:
            if self.paused_until <= now:
                return f"{self.paused_why}: one request goes first"
            at = clock_time(self.paused_until, utc=utc, now=now)
            return f"{self.paused_why}: {self.paused_until - now:.0f} s, goes on at {at}"
        left = self.slot_at - now
        return f"waiting {left:.0f} s for the limit" if left >= WORTH_SHOWING else ""

    def parts(self, *, utc: bool = False) -> list[tuple[str, str]]:
        """What is worth showing, as (text, style), the most telling first."""
        wait = (self.wait(utc=utc), "yellow")
        if self.writing or self.began is None:
            beginning = "starting"
            if self.pages:
                beginning = f"list call: {counted(self.listed, 'campaign')} in {counted(self.pages, 'page')}"
            trouble = "" if self.writing or self.paused_why else self.trouble
            shown = [("writing files" if self.writing else beginning, ""), (trouble, "yellow"), wait]
        else:
            left = self.seconds_left()
            shown = [
                (f"{self.done:,}/{self.total:,}", ""),
                (f"{format_duration(left)} left" if left is not None else "", ""),
                wait,
                (f"{self.failed:,} failed" if self.failed else "", "red"),
                (f"{self.per_minute():,.0f}/min", ""),
                (f"{self.missing:,} not found" if self.missing else "", "yellow"),
                (f"{self.unchanged:,} unchanged" if self.unchanged else "", "dim"),
                (f"{self.resumed:,} resumed" if self.resumed else "", "dim"),
            ]
        return [part for part in shown if part[0]]

    def line(self, *, utc: bool = False) -> str:
        """All of it in one line."""
        first, *others = (text for text, _ in self.parts(utc=utc))
        counted = self.began is not None and not self.writing
        return ", ".join([f"{first} campaigns" if counted else first, *others])


def clock_time(moment: float, *, utc: bool = False, now: float | None = None) -> str:
    """Local wall time `02:14:07`, with its date when that is half a day away; in UTC it ends in `Z`, as the stamps of
    log lines do.
    """
    away = abs(moment - (time.time() if now is None else now))
    form = ("%H:%M:%S" if away < 12 * 3600 else "%Y-%m-%d %H:%M:%S") + ("Z" if utc else "")
    return time.strftime(form, time.gmtime(moment) if utc else time.localtime(moment))


class ProgressLines:
    """A line every half minute, from a thread, so that a pause is shown as well."""

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
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=lambda: bar_of(tally, self._console.width),
            refresh_per_second=REDRAWS,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        # Whatever ends the program, a second Ctrl-C or kill -9, the terminal keeps its cursor.
        self._console.show_cursor(True)

    def print(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()


def bar_of(tally: Tally, width: int) -> Table:
    """The bar, where there is room for one, and the line beside it, which is cut where it must be."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    line = Text("  ").join(Text(text, style) for text, style in tally.parts())
    line.no_wrap, line.overflow = True, "ellipsis"
    if tally.began is not None and width > 3 * BAR_WIDTH:
        grid.add_column(width=BAR_WIDTH)
        grid.add_row(ProgressBar(total=max(tally.total, 1), completed=tally.done, width=BAR_WIDTH), line)
    else:
        grid.add_row(line)
    return grid
