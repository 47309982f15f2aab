"""The journal: every good answer is in here before it counts as done.

One SQLite file per account in the work folder. A writer thread commits what has come in the meantime, as one
transaction that is on disk (`synchronous=FULL`) before any of it is told as done. So answers are durable one by
one, and yet the disk is never the wall.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import queue
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pyarrow as pa

from exporter import steps
from exporter.clock import Clock
from exporter.errors import InputError, StorageFailed
from exporter.events import Emit, Warned
from exporter.ids import CampaignIds
from exporter.model import Counts, Failure, Identity, ListedCampaign, Response
from exporter.storage.private import NotPrivate, open_private

BLOCK_ROWS = 512
BLOCK_BYTES = 32 * 2**20
"""A block of answers on its way to the files has at most so many rows and about so many bytes of bodies. So few rows
that their parsed answers stay in the processor's cache: larger blocks take half as long again."""

PAGE = 1000
"""IDs that are read from the journal at once."""

BACKLOG = 2000
BACKLOG_BYTES = 64 * 2**20
"""Answers, and bytes of their bodies, that may wait for their commit before the workers wait for the disk."""

CROWD = 24
LINGER = 0.01
"""Where so many answers came during one commit, the next waits so many seconds for more: a commit costs as much as
dozens of answers. Under a limit of 60 a minute that never happens."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wanted (position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS answers (
    campaign_id TEXT NOT NULL UNIQUE, fetched_at INTEGER NOT NULL, journaled_at INTEGER NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL, attempts INTEGER NOT NULL,
    carried_from TEXT);
CREATE TABLE IF NOT EXISTS failures (
    campaign_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, http_status INTEGER, attempts INTEGER NOT NULL,
    error TEXT NOT NULL, body_start TEXT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (
    position INTEGER PRIMARY KEY, campaign_id TEXT NOT NULL UNIQUE, list_type TEXT NOT NULL, item TEXT NOT NULL);
"""

Outcome = Response | Failure

_LIST_SUM = "list checksum"
"""The key of a sum over what the list pass found: answers have one each."""


class Journal:
    """What is wanted and what is there. Use `JournalWriter` to add outcomes while requests run."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    @classmethod
    def open(cls, work_dir: Path, identity: Identity, *, clock: Clock, emit: Emit) -> Self:
        """Open or make the journal of an account. One that is damaged is set aside, told, and begun anew.

        Raises `StorageFailed` when the disk refuses, `DestinationError` when something else stands there.
        """
        path = journal_path(work_dir, identity)
        try:
            try:
                return cls(path, connect(path, check=True))
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                aside = path.with_name(f"{path.name}.damaged-{int(clock.now())}")
                for suffix in ("-wal", "-shm", ""):
                    with suppress(FileNotFoundError):
                        path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
                emit(Warned(f"the journal {path} was damaged ({error}); it is set aside as {aside.name}, and the run "
                            "starts over"))  # fmt: skip
                return cls(path, connect(path, check=True))
        except NotPrivate as error:
            raise not_writable(path, error) from None
        except (sqlite3.Error, OSError) as error:
            raise storage_failed(path, error) from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # What is wanted, what is there

    def get_meta(self, key: str) -> str | None:
        """The text under `key`, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Keep `value` under `key`, durably. Raises `StorageFailed`."""
        with self._changing():
            self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def clear(self) -> None:
        """Forget everything."""
        with self._changing():
            for table in ("meta", "wanted", "answers", "failures", "listed"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
        with suppress(sqlite3.Error):  # only to give the room back to the disk
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def forget_older(self, cutoff: int) -> None:
        """Drop what was journaled before `cutoff` (milliseconds since 1970), and all failures but `not_found`."""
        with self._changing():
            self._db.execute("DELETE FROM answers WHERE journaled_at < ?", (cutoff,))
            self._db.execute("DELETE FROM failures WHERE last_at < ? OR outcome <> 'not_found'", (cutoff,))

    def forget_carried(self, base: str | None) -> None:
        """Drop what was carried over from another snapshot than `base`."""
        with self._changing():
            self._db.execute(
                "DELETE FROM answers WHERE carried_from IS NOT NULL AND carried_from <> ?",
                (base or "",),
            )

    def want(self, ids: pa.Array | pa.ChunkedArray | Iterable[str]) -> None:
        """What this run is about, in this order. Raises `StorageFailed`."""
        with self._changing():
            self._db.execute("DELETE FROM wanted")
            chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
            for chunk in chunks:
                for start in range(0, len(chunk), 50_000) if isinstance(chunk, pa.Array) else (0,):
                    part = chunk[start : start + 50_000].to_pylist() if isinstance(chunk, pa.Array) else chunk
                    self._db.executemany(
                        "INSERT OR IGNORE INTO wanted (campaign_id) VALUES (?)", ((one,) for one in part)
                    )

    def wanted_count(self) -> int:
        """How many IDs are wanted."""
        return int(self._db.execute("SELECT count(*) FROM wanted").fetchone()[0])

    def pending_count(self) -> int:
        """How many wanted IDs have no outcome yet."""
        return int(self._db.execute(f"SELECT count(*) FROM wanted w WHERE {_PENDING}").fetchone()[0])  # noqa: S608

    def pending(self) -> Iterator[str]:
        """The wanted IDs without an outcome, in order, read a page at a time."""
        last = 0
        while True:
            page = self._db.execute(
                f"SELECT position, campaign_id FROM wanted w WHERE position > ? AND {_PENDING} "  # noqa: S608
                "ORDER BY position LIMIT ?",
                (last, PAGE),
            ).fetchall()
            if not page:
                return
            last = page[-1][0]
            yield from (campaign_id for _, campaign_id in page)

    def known_good(self) -> str | None:
        """An ID that was fetched, if there is one."""
        row = self._db.execute("SELECT campaign_id FROM answers ORDER BY rowid DESC LIMIT 1").fetchone()
        return row[0] if row else None

    def fetched_ids(self) -> Iterator[str]:
        """The wanted IDs that have an answer."""
        for (one,) in self._db.execute("SELECT w.campaign_id FROM wanted w JOIN answers a USING (campaign_id)"):
            yield one

    def counts(self, *, given: int, repeats: int, gone: int) -> Counts:
        """Where every wanted ID ended."""
        unique = self.wanted_count()
        ok, carried = self._db.execute(
            "SELECT count(*), count(a.carried_from) FROM wanted w JOIN answers a USING (campaign_id)"
        ).fetchone()
        failed = dict(
            self._db.execute(
                "SELECT f.outcome, count(*) FROM wanted w JOIN failures f USING (campaign_id) "
                "WHERE NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) GROUP BY 1"
            ).fetchall()
        )
        return Counts(
            given=given,
            unique=unique,
            repeats=repeats,
            ok=ok,
            carried_over=carried,
            not_found=failed.get("not_found", 0),
            invalid=failed.get("invalid", 0),
            failed=failed.get("failed", 0),
            gone=gone,
        )

    def list_item(self, campaign_id: str) -> tuple[str, str] | None:
        """(type asked for, item) of a campaign that the list pass found."""
        row = self._db.execute("SELECT list_type, item FROM listed WHERE campaign_id = ?", (campaign_id,)).fetchone()
        return (row[0], row[1]) if row else None

    def set_listed(self, campaigns: Iterable[ListedCampaign]) -> None:
        """What the list pass found, oldest first. Raises `StorageFailed`."""
        with self._changing():
            self._db.execute("DELETE FROM listed")
            self._db.executemany(
                "INSERT OR IGNORE INTO listed (campaign_id, list_type, item) VALUES (?, ?, ?)", campaigns
            )
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LIST_SUM, str(self._list_checksum())))

    def forget_outdated(self, unchanged: Callable[[Response, str], bool]) -> None:
        """Drop the outcomes that the list pass, made after them, shows to be no longer true.

        `unchanged`: whether an answer is still that of the campaign, by its item of the list. Raises `StorageFailed`.
        """
        rows = self._db.execute(
            "SELECT a.campaign_id, a.fetched_at, a.status, a.body, l.item "
            "FROM listed l JOIN answers a USING (campaign_id)"
        )
        outdated = [row[:1] for row in rows if not unchanged(Response(*row[:4]), row[4])]
        with self._changing():
            self._db.executemany("DELETE FROM answers WHERE campaign_id = ?", outdated)
            self._db.execute("DELETE FROM failures WHERE campaign_id IN (SELECT campaign_id FROM listed)")

    def list_is_sound(self) -> bool:
        """Whether what the list pass found is still what was put in."""
        return self.get_meta(_LIST_SUM) == str(self._list_checksum())

    def _list_checksum(self) -> int:
        found = 0
        for one in self.listed():
            found = zlib.crc32("\n".join(one).encode(), found)
        return found

    def listed(self) -> Iterator[ListedCampaign]:
        """What the list pass found, in its order."""
        for row in self._db.execute("SELECT campaign_id, list_type, item FROM listed ORDER BY position"):
            yield ListedCampaign(*row)

    def add(self, outcomes: Sequence[tuple[Outcome, int, int]]) -> None:
        """Journal (outcome, attempts, now in milliseconds) together, durably. Raises `StorageFailed`."""
        with self._changing():
            write_outcomes(self._db, outcomes)

    # Out again, in the order of the wanted IDs

    def responses(self, *, rows: int = BLOCK_ROWS, bytes_: int = BLOCK_BYTES) -> Iterator[list[Response]]:
        """The answers in blocks of bounded size. Raises `StorageFailed` for one that was damaged on disk."""
        block: list[Response] = []
        size = 0
        for row in self._db.execute(
            "SELECT w.campaign_id, a.fetched_at, a.status, a.body, l.item, l.list_type, a.carried_from, a.checksum "
            "FROM wanted w JOIN answers a USING (campaign_id) LEFT JOIN listed l USING (campaign_id) "
            "ORDER BY w.position"
        ):
            response = Response(*row[:7])
            if _checksum(response) != row[7]:
                self._refetch(response.campaign_id)
            block.append(response)
            size += len(response.body) + len(response.list_item or "")
            if len(block) >= rows or size >= bytes_:
                yield block
                block, size = [], 0
        if block:
            yield block

    def failures(self) -> Iterator[Failure]:
        """The IDs that gave no campaign."""
        for row in self._db.execute(
            "SELECT f.* FROM wanted w JOIN failures f USING (campaign_id) "
            "WHERE NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) ORDER BY w.position"
        ):
            yield Failure(*row)

    def drop_damaged(self) -> list[str]:
        """Drop the answers that are not what was put in; their IDs. Raises `StorageFailed`."""
        damaged = [
            (row, one.campaign_id)
            for row, checksum, *fields, carried_from in self._db.execute(
                "SELECT rowid, checksum, campaign_id, fetched_at, status, body, carried_from FROM answers"
            )
            if _checksum(one := Response(*fields)._replace(carried_from=carried_from)) != checksum
        ]
        if damaged:
            with self._changing():
                self._db.executemany("DELETE FROM answers WHERE rowid = ?", ((row,) for row, _ in damaged))
        return [campaign_id for _, campaign_id in damaged]

    def _refetch(self, campaign_id: str) -> None:
        number = 0
        with suppress(sqlite3.Error, StorageFailed):
            number = len(self.drop_damaged())
        others = f" and for {number - 1:,} more" if number > 1 else ""
        raise StorageFailed(
            f"the journal {self.path} holds a damaged answer for {campaign_id!r}{others}. That is dropped: run the "
            "same command again, and only what is missing is fetched. Check the disk."
        )

    def _changing(self) -> _Transaction:
        return _Transaction(self._db, self.path)


_PENDING = (
    "NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) "
    "AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.campaign_id = w.campaign_id)"
)


def fetched_before(work_dir: Path, identity: Identity, ids: CampaignIds, within: float) -> set[str]:
    """Which of `ids` a run would not fetch again: journaled in the last `within` seconds. Only looks."""
    path = journal_path(work_dir, identity)
    if not path.is_file():
        return set()
    cutoff = int((time.time() - within) * 1000)
    try:
        with closing(sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)) as db:
            there = {one for (one,) in db.execute("SELECT campaign_id FROM answers WHERE journaled_at >= ?", (cutoff,))}
            there.update(
                one
                for (one,) in db.execute(
                    "SELECT campaign_id FROM failures WHERE outcome = 'not_found' AND last_at >= ?", (cutoff,)
                )
            )
    except sqlite3.Error:
        return set()  # a damaged journal is begun anew by the run itself, and told there
    return there.intersection(ids.ids.to_pylist())


class JournalWriter:
    """Adds outcomes from a thread of its own, committing together what came in the meantime.

    `settled` is called in the event loop for each outcome that is durably in the journal.
    """

    def __init__(self, journal: Journal, *, clock: Clock, settled: Callable[[Outcome, int], None]) -> None:
        self._path = journal.path
        self._clock = clock
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[Outcome, int, int] | None] = queue.SimpleQueue()
        self._error: StorageFailed | None = None
        self._backlog = self._backlog_bytes = 0
        self._last_batch = 0
        self._room = asyncio.Event()
        self._room.set()
        self.failed: asyncio.Future[StorageFailed] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def put(self, outcome: Outcome, attempts: int) -> None:
        """Hand over an outcome; it is done when `settled` is called. Raises `StorageFailed`."""
        if self._error is not None:
            raise self._error
        self._queue.put((outcome, attempts, int(self._clock.now() * 1000)))
        self._backlog += 1
        self._backlog_bytes += _size(outcome)
        if self._is_full():
            self._room.clear()
            await self._room.wait()
            if self._error is not None:
                raise self._error

    async def close(self) -> None:
        """Commit what is left. Raises `StorageFailed`."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # let the last call-backs run
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            db = connect(self._path)
            try:
                while (batch := self._batch()) is not None:
                    with _Transaction(db, self._path):
                        write_outcomes(db, batch)
                        steps.reached("journal.before_commit")
                    steps.reached("journal.after_commit")
                    self._loop.call_soon_threadsafe(self._committed, batch)
            finally:
                db.close()
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must end the run
            failed = error if isinstance(error, StorageFailed) else storage_failed(self._path, error)
            self._loop.call_soon_threadsafe(self._fail, failed)

    def _batch(self) -> list[tuple[Outcome, int, int]] | None:
        first = self._queue.get()
        if first is None:
            return None
        if self._last_batch >= CROWD:
            time.sleep(LINGER)
        batch = [first]
        while len(batch) < BACKLOG:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)
                break
            batch.append(entry)
        self._last_batch = len(batch)
        return batch

    def _committed(self, batch: list[tuple[Outcome, int, int]]) -> None:
        self._backlog -= len(batch)
        self._backlog_bytes -= sum(_size(outcome) for outcome, _, _ in batch)
        if not self._is_full():
            self._room.set()
        for outcome, attempts, _ in batch:
            self._settled(outcome, attempts)

    def _is_full(self) -> bool:
        return self._backlog >= BACKLOG or self._backlog_bytes >= BACKLOG_BYTES

    def _fail(self, error: StorageFailed) -> None:
        self._error = error
        self._room.set()
        if not self.failed.done():
            self.failed.set_result(error)


def _size(outcome: Outcome) -> int:
    return len(outcome.body) if isinstance(outcome, Response) else 0


class _Transaction:
    """One transaction; what the disk refuses comes out as `StorageFailed`."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise storage_failed(self._path, error) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._db.execute("ROLLBACK" if kind is not None and self._db.in_transaction else "COMMIT")
        except sqlite3.Error as failed:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if kind is None:
                raise storage_failed(self._path, failed) from None
        if isinstance(error, sqlite3.Error):
            raise storage_failed(self._path, error) from None


def journal_path(work_dir: Path, identity: Identity) -> Path:
    """The journal of an account in a work folder."""
    name = hashlib.sha256("\n".join(astuple(identity)).encode()).hexdigest()[:16]
    return work_dir / f"journal-{name}.sqlite"


def connect(path: Path, *, check: bool = False) -> sqlite3.Connection:
    """Open the file with what durability needs. Raises `sqlite3.Error`, `OSError`."""
    if check and path.is_file() and path.stat().st_size == 0 and not path.is_symlink():
        raise sqlite3.DatabaseError("the file is empty")  # SQLite would take it for a new one
    os.close(open_private(path))
    db = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
    # A byte that rotted must not end the reading: the checksum tells of it where it matters.
    db.text_factory = _text
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -16000")
        if check:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"check: {found.splitlines()[0]}")
            db.executescript(_SCHEMA)
            if _expected_tables() - _tables(db):
                raise sqlite3.DatabaseError("its tables are not those of a journal")
    except BaseException:
        db.close()
        raise
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _tables(db: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@cache
def _expected_tables() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _tables(db)


def write_outcomes(db: sqlite3.Connection, outcomes: Sequence[tuple[Outcome, int, int]]) -> None:
    """Insert outcomes; the caller holds the transaction."""
    answers = [
        (o.campaign_id, o.fetched_at, now, o.http_status, o.body, _checksum(o), attempts, o.carried_from)
        for o, attempts, now in outcomes
        if isinstance(o, Response)
    ]
    if answers:
        db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", answers)
        db.executemany("DELETE FROM failures WHERE campaign_id = ?", [row[:1] for row in answers])
    failures = [o for o, _, _ in outcomes if isinstance(o, Failure)]
    if failures:
        db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", failures)


def _checksum(answer: Response) -> int:
    """Of all that the journal keeps of an answer."""
    rest = f"{answer.campaign_id}\n{answer.fetched_at}\n{answer.http_status}\n{answer.carried_from}"
    return zlib.crc32(answer.body.encode(), zlib.crc32(rest.encode()))


def storage_failed(path: Path | str, error: Exception) -> StorageFailed:
    """What to tell when a disk refuses."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    advice = "Free some room" if "full" in text or "space" in text.lower() else "Check the disk"
    return StorageFailed(f"{path} cannot be written: {text}. {advice}, then run the same command again: it resumes.")


def not_writable(path: Path | str, error: OSError) -> InputError:
    """What to tell when a folder was never writable."""
    from exporter.errors import DestinationError

    return DestinationError(f"{path} cannot be written: {error.strerror or error}.")
