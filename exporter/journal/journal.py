"""The journal, every question to it in one file: an answer is in here before it counts as done.

One SQLite file per account in the work folder (`journal_file`): what is wanted, what is there, what failed, what the
list pass found. While requests run, `journal_writer` adds to it.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pyarrow as pa

from exporter.clock import Clock
from exporter.errors import InputError, StorageFailed
from exporter.events import Emit, Warned
from exporter.files import NotPrivate, storage_failed
from exporter.journal.database import Outcome, Transaction, checksum, connect, journal_path, write_outcomes
from exporter.model import CampaignResponse, Counts, Failure, Identity, ListedCampaign
from exporter.tables.flatten import BLOCK_ROWS

BLOCK_BYTES = 32 * 2**20
"""A block of answers on its way to the files has about so many bytes of bodies at most."""

PAGE = 1000
"""IDs that are read from the journal at once."""


_LIST_SUM = "list checksum"
"""The key of a sum over what the list pass found: answers have one each."""


class Journal:
    """What is wanted and what is there. Use `BatchWriter` to add outcomes while requests run."""

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

    @classmethod
    def look(cls, work_dir: Path, identity: Identity) -> Self | None:
        """The journal of an account only to be read; None: there is none, or none that can be read."""
        path = journal_path(work_dir, identity)
        if not path.is_file():
            return None
        try:
            db = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)
            try:
                db.execute("SELECT 1 FROM meta, answers, failures LIMIT 1")
            except BaseException:
                db.close()
                raise
        except sqlite3.Error:
            return None  # a damaged journal is begun anew by the run itself, and told there
        return cls(path, db)

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

    def canary(self) -> str | None:
        """An ID that was fetched, if there is one."""
        row = self._db.execute("SELECT campaign_id FROM answers ORDER BY rowid DESC LIMIT 1").fetchone()
        return row[0] if row else None

    def fetched_since(self, cutoff: int) -> set[str]:
        """The IDs that need not be asked for again: journaled since `cutoff` (milliseconds since 1970)."""
        rows = self._db.execute(
            "SELECT campaign_id FROM answers WHERE journaled_at >= ? "
            "UNION SELECT campaign_id FROM failures WHERE outcome = 'not_found' AND last_at >= ?",
            (cutoff, cutoff),
        )
        return {campaign_id for (campaign_id,) in rows}

    def fetched_ids(self) -> Iterator[str]:
        """The wanted IDs that have an answer."""
        for (one,) in self._db.execute("SELECT w.campaign_id FROM wanted w JOIN answers a USING (campaign_id)"):
            yield one

    def counts(self) -> Counts:
        """Where every wanted ID ended."""
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
            ok=ok,
            carried_over=carried,
            not_found=failed.get("not_found", 0),
            invalid=failed.get("invalid", 0),
            failed=failed.get("failed", 0),
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

    def forget_outdated(self, unchanged: Callable[[CampaignResponse, str], bool]) -> None:
        """Drop the outcomes that the list pass, made after them, shows to be no longer true.

        `unchanged`: whether an answer is still that of the campaign, by its item of the list. Raises `StorageFailed`.
        """
        rows = self._db.execute(
            "SELECT a.campaign_id, a.fetched_at, a.status, a.body, l.item "
            "FROM listed l JOIN answers a USING (campaign_id)"
        )
        outdated = [row[:1] for row in rows if not unchanged(CampaignResponse(*row[:4]), row[4])]
        with self._changing():
            self._db.executemany("DELETE FROM answers WHERE campaign_id = ?", outdated)
            self._db.execute("DELETE FROM failures WHERE campaign_id IN (SELECT campaign_id FROM listed)")

    def list_is_sound(self) -> bool:
        """Whether what the list pass found is still what was put in, and is found by its IDs."""
        return self.get_meta(_LIST_SUM) == str(self._list_checksum())

    def _list_checksum(self) -> int:
        """Of each campaign as the answers find it, by its ID: so it tells of a damaged index, too."""
        rows = self._db.execute(
            "SELECT a.campaign_id, b.list_type, b.item FROM listed a CROSS JOIN listed b USING (campaign_id) "
            "ORDER BY a.position"
        )
        found = 0
        for row in rows:
            found = zlib.crc32("\n".join(row).encode(), found)
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

    def responses(self, *, rows: int = BLOCK_ROWS, bytes_: int = BLOCK_BYTES) -> Iterator[list[CampaignResponse]]:
        """The answers in blocks of bounded size. Raises `StorageFailed` for one that was damaged on disk."""
        block: list[CampaignResponse] = []
        size = 0
        for row in self._db.execute(
            "SELECT w.campaign_id, a.fetched_at, a.status, a.body, l.item, l.list_type, a.carried_from, a.checksum "
            "FROM wanted w JOIN answers a USING (campaign_id) LEFT JOIN listed l USING (campaign_id) "
            "ORDER BY w.position"
        ):
            response = CampaignResponse(*row[:7])
            if checksum(response) != row[7]:
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
            for row, expected, *fields, carried_from in self._db.execute(
                "SELECT rowid, checksum, campaign_id, fetched_at, status, body, carried_from FROM answers"
            )
            if checksum(one := CampaignResponse(*fields)._replace(carried_from=carried_from)) != expected
        ]
        if damaged:
            with self._changing():
                self._db.executemany("DELETE FROM answers WHERE rowid = ?", ((row,) for row, _ in damaged))
        return [campaign_id for _, campaign_id in damaged]

    def _refetch(self, campaign_id: str) -> None:
        number, mended = 0, False
        with suppress(sqlite3.Error, StorageFailed):
            number = len(self.drop_damaged())
            if number == 0:
                # Every answer is what was put in, so the index led to another one's.
                with self._changing():
                    self._db.execute("REINDEX answers")
                mended = True
        others = f" and for {number - 1:,} more" if number > 1 else ""
        what = f"holds a damaged answer for {campaign_id!r}{others}. That is dropped"
        if mended:
            what = f"led to another answer for {campaign_id!r}: its index is damaged. No answer is lost"
        raise StorageFailed(
            f"the journal {self.path} {what}: run the same command again, and only what is missing is fetched. Check "
            "the disk."
        )

    def _changing(self) -> Transaction:
        return Transaction(self._db, self.path)


_PENDING = (
    "NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) "
    "AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.campaign_id = w.campaign_id)"
)


def not_writable(path: Path | str, error: OSError) -> InputError:
    """What to tell when a folder was never writable."""
    from exporter.errors import DestinationError

    return DestinationError(f"{path} cannot be written: {error.strerror or error}.")
