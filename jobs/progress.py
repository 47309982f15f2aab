"""How far a run is: counted once from its events, shown as a bar or as a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exporter import events
from exporter.plan import seconds_for
from exporter.units import Limit, format_duration

if TYPE_CHECKING:
    from rich.progress import Progress, Task
    from rich.text import Text

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""

REDRAWS = 4.0
"""Redraws of the bar a second, however fast campaigns come."""


class Tally:
    """What has happened so far. Times are monotonic seconds, but `paused_until`, which is wall time."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = limits
        self.total = 0
        self.resumed = 0
        self.done = 0
        self.failed = 0
        self.missing = 0
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
            self.began = time.monotonic()
        elif isinstance(event, events.Paused):
            self.paused_why = "rate limit" if event.why == "rate_limit" else "service failing"
            self.paused_until = event.until
        elif isinstance(event, events.Resumed):
            self.paused_why = ""
        elif isinstance(event, events.PaceLowered | events.PaceRaised):
            lowered = Limit(event.to_places, event.seconds)
            self.limits = [lowered if limit.seconds == event.seconds else limit for limit in self.limits]
        elif isinstance(event, events.Writing):
            self.writing = True

    def per_minute(self) -> float:
        """Campaigns a minute so far."""
        elapsed = time.monotonic() - self.began if self.began is not None else 0.0
        return self.done / elapsed * 60 if elapsed > 0 else 0.0

    def seconds_left(self) -> float | None:
        """What the rest will take: no less than the limit allows, no less than the pace so far says."""
        if self.began is None or self.done >= self.total:
            return None
        elapsed = time.monotonic() - self.began
        by_pace = (self.total - self.done) * elapsed / self.done if self.done else 0.0
        by_limit = max(0.0, seconds_for(self.total, self.limits) - elapsed)
        burst = max((limit.places for limit in self.limits), default=0)
        # Within the first burst the pace says nothing about what follows it.
        left = by_limit if self.done <= burst else max(by_limit, min(by_pace, by_limit * 1.5 or by_pace))
        return left or by_pace or None

    def pause(self) -> str:
        """`rate limit: 41 s, goes on at 02:14:07`, or nothing."""
        if not self.paused_why:
            return ""
        left = max(0.0, self.paused_until - time.time())
        at = time.strftime("%H:%M:%S", time.localtime(self.paused_until))
        return f"{self.paused_why}: {left:.0f} s, goes on at {at}"

    def line(self) -> str:
        """All of it in one line."""
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
        return ", ".join(parts) + (f"; {self.pause()}" if self.paused_why else "")


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
            if self._tally.began is not None and not self._tally.writing:
                self._say(self._tally)

    def close(self) -> None:
        """No more lines."""
        self._ended.set()


class Bar:
    """The bar on a terminal. rich draws it from the tally, a few times a second."""

    def __init__(self, tally: Tally) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, ProgressColumn
        from rich.text import Text

        class Status(ProgressColumn):
            def render(self, task: Task) -> Text:
                return _status(tally)

        class Count(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text(f"{tally.done:,}/{tally.total:,}")

        self._tally = tally
        self.console = RichConsole(stderr=True, highlight=False)
        self._progress: Progress = Progress(
            BarColumn(bar_width=None if self.console.width < 80 else 30),
            Count(),
            Status(),
            console=self.console,
            refresh_per_second=REDRAWS,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._drawn = 0.0
        self._progress.start()

    def update(self) -> None:
        """Take over the tally; drawing is rich's, at its own pace."""
        now = time.monotonic()
        if now - self._drawn > 1 / REDRAWS or self._tally.done >= self._tally.total:
            self._drawn = now
            self._progress.update(self._task, total=self._tally.total or None, completed=self._tally.done)

    def print(self, text: str) -> None:
        """A line above the bar."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()


def _status(tally: Tally) -> Text:
    from rich.text import Text

    if tally.writing:
        return Text("writing files")
    if tally.began is None:
        return Text("starting")
    text = Text(f"{tally.per_minute():,.0f}/min")
    left = tally.seconds_left()
    if left is not None:
        text.append(f"  {format_duration(left)} left")
    if tally.failed:
        text.append(f"  {tally.failed:,} failed", "red")
    if tally.missing:
        text.append(f"  {tally.missing:,} not found", "yellow")
    if tally.paused_why:
        text.append(f"  {tally.pause()}", "yellow")
    return text
