"""Journals: a file with anything in it is read, or set aside and told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from exporter.errors import DestinationError, StorageFailed
from exporter.events import Event, Warned
from exporter.journal import database
from exporter.journal.journal import Journal
from exporter.journal.journal_file import journal_path
from exporter.journal.run_checkpoint import Checkpoint
from exporter.model import CampaignResponse, Failure, ListedCampaign
from tests.fuzz.promises import assert_one_line, check_error
from tests.fuzz.sqlite_files import write_sqlite
from tests.fuzz.target import Target
from tests.fuzz.workplace import empty_folder
from tests.support.journals import IDENTITY, NOW, answer, failure, list_in

_COLUMNS = {
    "checkpoint": "id, value",
    "wanted": "position, campaign_id",
    "answers": "campaign_id, fetched_at, status, body, carried_from, journaled_at, attempts",
    "failures": "campaign_id, outcome, http_status, attempts, error, body_start, first_at, last_at",
    "listed": "position, campaign_id, list_type, item",
}
_UNPROVEN = ("wanted",)


class Used(NamedTuple):
    """What was read from a journal, what it told, and what it raised."""

    events: list[Event]
    responses: list[CampaignResponse]
    failures: list[Failure]
    errors: list[StorageFailed | DestinationError]


def read(data: bytes) -> Used:
    """A file's bytes; or JSON, table -> rows, which are put into a sound file with their checksums."""
    used = Used([], [], [], [])
    with empty_folder() as folder:
        path = journal_path(folder, IDENTITY)
        write_sqlite(path, data, schema=database._SCHEMA, tables=_COLUMNS, insert=_insert)
        looked = Journal.look(folder, IDENTITY, emit=used.events.append)
        if looked is not None:
            _use(looked, used, _looks(looked, used))
        try:
            journal = Journal.open(folder, IDENTITY, emit=used.events.append)
        except (StorageFailed, DestinationError) as error:
            used.errors.append(error)
        else:
            _use(journal, used, [*_looks(journal, used), *_changes(journal), *_looks(journal, used)])
    return used


def _use(journal: Journal, used: Used, calls: list[Callable[[], Any]]) -> None:
    try:
        for call in calls:
            call()
    except StorageFailed as error:
        used.errors.append(error)
    journal.close()


def _looks(journal: Journal, used: Used) -> list[Callable[[], Any]]:
    return [
        journal.checkpoint, journal.wanted_count, journal.pending_count, lambda: list(journal.pending()),
        lambda: journal.reusable_count(None, since=NOW), lambda: journal.reusable_count(["cd-1"], since=NOW),
        journal.canary, lambda: journal.new_answers(since=0), lambda: list(journal.fetched_ids()), journal.counts,
        lambda: list(journal.listed()),
        lambda: used.responses.extend(response for block in journal.responses() for response in block),
        lambda: used.failures.extend(journal.failures()),
    ]  # fmt: skip


def _changes(journal: Journal) -> list[Callable[[], Any]]:
    return [
        lambda: list_in(journal, [ListedCampaign("cd-1", "sms", "{}")]), lambda: journal.forget_older(1),
        lambda: journal.want(["cd-1", "cd-2"]),
        lambda: journal.add([(answer("cd-1"), 1, NOW), (failure("cd-2"), 5, NOW)]),
        lambda: journal.save(Checkpoint("20261123T020000Z", NOW)),
    ]  # fmt: skip


def _insert(db: sqlite3.Connection, table: str, values: list[Any]) -> None:
    columns = _COLUMNS[table].split(", ")
    row = values[: len(columns)]
    if table not in _UNPROVEN:
        row, columns = [*row, 0], [*columns, "checksum"]
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(row))})", row)
    if table not in _UNPROVEN:
        proven = db.execute(f"SELECT {database._PROVEN[table]} FROM {table} WHERE checksum = 0").fetchone()
        db.execute(f"UPDATE {table} SET checksum = ? WHERE checksum = 0", (database.checksum(proven),))


def check(data: bytes, used: Used) -> None:
    """All that goes wrong is told in one line."""
    for event in used.events:
        assert isinstance(event, Warned)
        assert_one_line(event.message)
    for error in used.errors:
        check_error(error)
    assert all(isinstance(response.body, str) for response in used.responses)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "checkpoint", "wanted", "answers", "failures", "listed", "cd-1", "cd-2", "not_found", "failed", "sms",
        "SQLite format 3", '{"snapshot_id":"20261123T020000Z","started_at":1780000000000}', "20261123T020000Z",
        "1780000000000", "CREATE TABLE",
    ),
)  # fmt: skip
