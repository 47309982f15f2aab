"""The printers of events: lines for people, JSON lines for machines. All of it goes to stderr.

Nothing here raises: a log that cannot be written never ends the work.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from exporter import events
from exporter.errors import ExportError, StoppedEarly
from exporter.options import FetchOptions
from exporter.ratelimit.estimate import shared
from exporter.text import hide_secrets, terminal_safe
from exporter.units import counted, format_duration
from jobs.support.lazy_imports import lazy_imports
from jobs.support.progress import WORTH_SHOWING, Bar, ProgressLines, Tally, clock_time

with lazy_imports(__name__):
    from exporter.pipeline.publish import SnapshotResult
    from jobs.support.summary import reading, summary_of

LOG_FORMATS = ("text", "json")


class Console:
    """Shows people, or their log collector, what happens. `verbosity`: -1 for errors only, 2 for every campaign."""

    def __init__(self, *, stream: TextIO, verbosity: int, as_json: bool) -> None:
        self._stream = stream
        self._verbosity = verbosity
        self.as_json = as_json
        self.is_terminal = stream.isatty() and not as_json
        self.tally = Tally()
        self._bar: Bar | None = None

    @contextmanager
    def tracking(self, fetch: FetchOptions, total: int | None = None) -> Iterator[None]:
        """Show within the block how far the run is: a bar on a terminal, else a line every half minute.

        `total`: campaigns to fetch, where that is known from the start. The terminal is left as it was.
        """
        self.tally = Tally(shared(fetch.rates, fetch.rate_share))
        if total is not None:
            self.tally.begin(total)
        if self._verbosity < 0:
            yield
            return
        with_bar = self.is_terminal and os.environ.get("TERM") != "dumb"
        shown = Bar(self.tally) if with_bar else ProgressLines(self.tally, self._say_progress)
        self._bar = shown if isinstance(shown, Bar) else None
        try:
            yield
        finally:
            self._bar = None
            shown.close()

    def _say_progress(self, tally: Tally) -> None:
        self.say(
            tally.line(utc=not self.is_terminal), event="progress", done=tally.done, total=tally.total,
            failed=tally.failed, not_found=tally.missing, listed=tally.listed,
            per_minute=round(tally.per_minute(), 1),
            seconds_left=tally.seconds_left(),
        )  # fmt: skip

    def emit(self, event: events.Event) -> None:
        """Show one event, if it is shown at this verbosity."""
        self.tally.note(event)
        if level_of(event) > self._verbosity:
            return
        if self.as_json:
            self._write_json(_severity(event), _name(event), _fields(event))
            return
        text = describe(event, utc=not self.is_terminal)
        if isinstance(event, events.Paused) and event.why == "rate_limit" and self.tally.refusals == 1:
            text += f"\n{SOMEBODY_ELSE}"
        self.say(text)

    def emit_for(self, account: str, event: events.Event) -> None:
        """Show an event of one of several accounts, if it concerns the account as a whole: not each campaign."""
        if level_of(event) <= self._verbosity and not isinstance(event, events.Settled | events.RetryPlanned):
            text = f"{account}: {describe(event, utc=not self.is_terminal)}"
            self._tell(_severity(event), _name(event), text, {"account": account, **_fields(event)})

    def say(self, text: str, *, event: str = "message", **fields: Any) -> None:
        """A line of information. `fields` are beside the text in JSON logs."""
        if self._verbosity >= 0:
            self._tell("info", event, text, fields)

    def notices(self, texts: Iterable[str]) -> None:
        """What is worth knowing about the snapshots that were read, a line each."""
        for text in texts:
            self.say(text, event="notice")

    def block(self, text: str, **fields: Any) -> None:
        """Lines to copy, without time stamps before them. `fields` are beside the text in JSON logs."""
        if self.as_json:
            self.say(text, **fields)
        elif self._verbosity >= 0:
            self._put(terminal_safe(text) + "\n")

    def trouble(self, text: str, *, event: str = "trouble", **fields: Any) -> None:
        """What went wrong with one item, shown in quiet, too. `fields` are beside the text in JSON logs."""
        self._tell("error", event, text, fields)

    def summarize(self, result: SnapshotResult) -> None:
        """The end of a run that published a snapshot. Commands to copy are for terminals."""
        if self._verbosity < 0:
            return
        if self.as_json:
            fields = result.manifest
            self._write_json(
                "info", "summary",
                {
                    "snapshot_id": fields.snapshot_id, "where": result.where, "mode": fields.mode,
                    **msgspec.structs.asdict(fields.counts),
                    "requests": fields.requests.total, "rate_limited": fields.requests.rate_limited,
                    "seconds": fields.seconds.total, "waiting_for_rate_seconds": fields.seconds.waiting_for_rate,
                    "paused_seconds": fields.seconds.paused, "warnings": fields.warnings,
                },
            )  # fmt: skip
        elif self.is_terminal:
            self.block("\n".join(["", *summary_of(result, self.tally.attempt), "", *reading(result)]))
        else:
            self.say("\n".join(summary_of(result, self.tally.attempt)))

    def fail(self, error: ExportError, code: int) -> None:
        """Why the command ends with `code`, and what is kept all the same."""
        text = str(error) or type(error).__name__
        if isinstance(error, StoppedEarly) and self.tally.snapshot_id:
            text += f"\n{self.tally.kept:,} of {self.tally.wanted:,} campaigns are kept."
        if self.as_json:
            self._write_json("error", "failed", {"message": text, "error": type(error).__name__, "exit_code": code})
            return
        first, *others = text.split("\n")
        self._write("\n".join([f"campaign-export: {first}", *(f"                 {line}" for line in others)]))

    def _tell(self, level: str, name: str, text: str, fields: dict[str, Any]) -> None:
        if self.as_json:
            self._write_json(level, name, {"message": text, **fields})
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        stamp = "" if self.is_terminal else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ ")
        self._put("".join(f"{stamp}{terminal_safe(line)}\n" for line in text.split("\n")))

    def _write_json(self, level: str, name: str, fields: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._put(json.dumps({"time": now, "level": level, "event": name, **fields}, default=str) + "\n")

    def _put(self, text: str) -> None:
        # A URL may stand where a file or an ID is expected, and is then shown as it was given.
        text = hide_secrets(text)
        try:
            if self._bar is not None:
                self._bar.print(text.rstrip("\n"))
                return
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a full disk, a pipe that nobody reads, a closed stream; the next line may be written again


SOMEBODY_ELSE = (
    "--rate was kept: another program uses the limit of this account, or the limit is lower than --rate. "
    "--rate-share leaves room for others."
)


def describe(event: events.Event, *, utc: bool = False) -> str:
    """An event in a sentence; times of day are local, or in UTC as the stamps of log lines."""
    if isinstance(event, events.Paused):
        return _paused(event, utc=utc)
    sentence = _SENTENCES.get(type(event))
    return sentence(event) if sentence is not None else _name(event)


def _name(event: events.Event) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def _severity(event: events.Event) -> str:
    """The level of an event in JSON logs."""
    return "warning" if isinstance(event, events.Warned) else "info"


def _fields(event: events.Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


_LEVELS: dict[type[events.Event], int] = {
    events.Settled: 2,
    events.WaitingForSlot: 2,
    events.RetryPlanned: 1,
    events.ListPageRead: 1,
    events.Probing: 1,
    events.Spent: 1,
}
"""Verbosity from which an event is shown; 0, where none is named."""


def level_of(event: events.Event) -> int:
    """The verbosity from which this event is shown; short pauses are details."""
    seconds = (
        event.seconds if isinstance(event, events.Paused)
        else event.paused if isinstance(event, events.Resumed)
        else WORTH_SHOWING
    )  # fmt: skip
    return 1 if seconds < WORTH_SHOWING else _LEVELS.get(type(event), 0)


def _started(event: events.RunStarted) -> str:
    resumed = event.already_fetched - event.carried_over
    parts = [
        f"{counted(event.wanted, 'campaign')} wanted",
        f"{event.carried_over:,} unchanged" if event.carried_over else "",
        f"{resumed:,} already there" if resumed else "",
        f"{event.to_fetch:,} to fetch ({event.mode})",
    ]
    return ", ".join(part for part in parts if part)


def _paused(event: events.Paused, *, utc: bool) -> str:
    why = "rate limit" if event.why == "rate_limit" else "the service is failing"
    return f"{why}: {format_duration(event.seconds)}, goes on at {clock_time(event.until, utc=utc)}" + (
        f" ({event.detail})" if event.detail else ""
    )


_SENTENCES: dict[type[events.Event], Callable[[Any], str]] = {
    events.RunStarted: _started,
    events.WaitingForSlot: lambda e: f"waiting {format_duration(e.seconds)} for the rate limit",
    events.Probing: lambda _: "one request goes first",
    events.Resumed: lambda e: f"going on after {format_duration(e.paused)}",
    events.PaceLowered: lambda e: (
        f"the service allows less than --rate: from {e.from_slots} to {e.to_slots} requests in "
        f"{format_duration(e.seconds)} from here on"
    ),
    events.PaceRaised: lambda e: (
        f"trying more again: from {e.from_slots} to {e.to_slots} requests in {format_duration(e.seconds)}"
    ),
    events.Warned: lambda e: f"warning: {e.message}",
    events.Settled: lambda e: f"{e.campaign_id}: {e.outcome}" + (f" ({e.error})" if e.error else ""),
    events.RetryPlanned: lambda e: (
        f"{e.campaign_id}: attempt {e.attempt} failed ({e.error}); again in {format_duration(e.delay)}"
    ),
    events.ListPageRead: lambda e: f"list call, {e.campaign_type}: page {e.page}, {counted(e.found, 'campaign')}",
    events.Stopping: lambda e: f"stopping ({e.why}): requests under way get {format_duration(e.grace)}",
    events.Writing: lambda e: f"writing {counted(e.rows, 'campaign')}",
    events.Spent: lambda e: (
        f"{counted(e.usage.requests.total, 'request')} so far, "
        f"{e.usage.requests.rate_limited:,} of them refused for the rate limit"
    ),
    events.Published: lambda e: f"published {e.where}",
}
