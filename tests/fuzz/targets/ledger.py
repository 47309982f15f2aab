"""Ledgers: a file with anything in it is used, or set aside and told; it never ends a run."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args

from exporter.events import Event, Warned
from exporter.ratelimit import ledger_file
from exporter.ratelimit.ledger import Ledger
from exporter.ratelimit.ledger_file import LedgerSlot
from exporter.ratelimit.sliding_window import Ending, Wait
from exporter.units import Limit
from tests.fuzz.promises import assert_one_line
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
            _fill(path, data)
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


def _fill(path: Path, data: bytes) -> None:
    try:
        tables = json.loads(data)
    except (ValueError, RecursionError):
        path.write_bytes(data)
        return
    with closing(sqlite3.connect(path)) as db:
        db.executescript(ledger_file._SCHEMA)
        for table, rows in tables.items() if isinstance(tables, dict) else ():
            for row in rows if table in _WIDTHS and isinstance(rows, list) else ():
                _insert(db, table, row if isinstance(row, list) else [row])
        db.commit()


def _insert(db: sqlite3.Connection, table: str, values: list[Any]) -> None:
    row = [_bindable(value) for value in [*values, *[None] * 8][: _WIDTHS[table]]]
    marks = ", ".join("?" * (len(row) + 1))
    with suppress(sqlite3.Error):
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*row, 0))
        stored = db.execute(f"SELECT * FROM {table} WHERE checksum = 0").fetchone()
        if stored is not None:
            db.execute(f"UPDATE {table} SET checksum = ? WHERE checksum = 0", (ledger_file.checksum(stored[:-1]),))


def _bindable(value: Any) -> Any:
    """A value that SQLite takes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


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
