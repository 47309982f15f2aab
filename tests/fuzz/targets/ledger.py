"""Ledgers: a file with anything in it is used, or set aside and told; it never ends a run."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any, NamedTuple, get_args

from exporter.events import Event, Warned
from exporter.ratelimit import ledger_file
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Ending, Wait
from exporter.units import Limit
from tests.fuzz.promises import assert_one_line
from tests.fuzz.sqlite_files import write_sqlite
from tests.fuzz.target import Target
from tests.fuzz.workplace import empty_folder
from tests.support.virtual_time import ManualClock

LIMITS = (Limit(2, 60.0), Limit(30, 3600.0))
_WIDTHS = {"facts": 2, "slots": 7, "waiting": 2}


class Used(NamedTuple):
    """What the ledger gave, and what it told."""

    given: list[LedgerSlot | Wait | None]
    events: list[Event]


def read(data: bytes) -> Used:
    """A file's bytes; or JSON, table -> rows, which are put into a sound file with their checksums."""
    with empty_folder() as folder:
        path = folder / "ledger.sqlite"
        with suppress(FileNotFoundError):
            write_sqlite(path, data, schema=ledger_file._SCHEMA, tables=_WIDTHS, insert=_insert)
        events: list[Event] = []
        given: list[LedgerSlot | Wait | None] = []
        clock = ManualClock()
        for ending in get_args(Ending):
            ledger = Ledger(path, clock=clock, emit=events.append)
            ledger.open()
            for probe in (False, True):
                row = ledger.acquire(LIMITS, probe=probe)
                given.append(row)
                clock.time += 1.0
                if isinstance(row, LedgerSlot):
                    ledger.release(row, ending, clock.time)
            ledger.close()
            clock.time += 61.0
    return Used(given, events)


def _insert(db: sqlite3.Connection, table: str, values: list[Any]) -> None:
    row = values[: _WIDTHS[table]]
    marks = ", ".join("?" * (len(row) + 1))
    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*row, 0))
    stored = db.execute(f"SELECT * FROM {table} WHERE checksum = 0").fetchone()
    if stored is not None:
        db.execute(f"UPDATE {table} SET checksum = ? WHERE checksum = 0", (ledger_file.checksum(stored[:-1]),))


def check(data: bytes, used: Used) -> None:
    """Slots and waits are such as a limiter can use; all that goes wrong is told in one line."""
    for given in used.given:
        if isinstance(given, Wait):
            assert given.seconds > 0
        elif given is not None:
            assert given.released is None and given.given_up is None
    for event in used.events:
        assert isinstance(event, Warned)
        assert_one_line(event.message)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "facts", "slots", "waiting", "boot", "longest", "SQLite format 3", "pid:[1]/1/1/x", "lost", "CREATE TABLE",
        "4026531836", "1000.0",
    ),
)  # fmt: skip
