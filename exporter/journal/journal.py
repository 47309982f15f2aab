"""The journal: what is wanted, what was fetched, what failed, what the list pass found.

One SQLite file per account in the work folder. An answer is in it before it counts as done. Every row that decides
something has a checksum. A file with a row that does not match is set aside, with a warning, and a new one is begun.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, starmap
from typing import get_args

import msgspec

from exporter.journal import run_checkpoint as checkpoints
from exporter.journal.batch_writer import write_checkpoint, write_outcomes
from exporter.journal.database import Outcome, checksum, with_checksum
from exporter.journal.journal_file import JournalFile
from exporter.journal.run_checkpoint import Checkpoint
from exporter.model import CampaignResponse, Counts, Failure, FailureOutcome, ListedCampaign
from exporter.tables.flatten import BLOCK_ROWS

BLOCK_BYTES = 32 * 2**20
"""Bytes of bodies from which a block of answers is handed on."""

OUTCOMES = get_args(FailureOutcome)

LOOKED_UP = 10_000
"""IDs that are looked up in one statement."""

_PENDING = (
    "NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) "
    "AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.campaign_id = w.campaign_id)"
)

_USED = "journaled_at >= :since AND (:carried OR carried_from IS NULL)"
_REUSABLE = (
    f"SELECT (SELECT count(*) FROM answers WHERE {_USED}) + "  # noqa: S608 - from the line above
    "(SELECT count(*) FROM failures f WHERE outcome = :outcome AND last_at >= :since AND NOT EXISTS "
    f"(SELECT 1 FROM answers a WHERE a.campaign_id = f.campaign_id AND {_USED}))"
)
"""Not with UNION: that would hold all IDs in memory once more."""
_REUSABLE_OF = (
    "SELECT count(*) FROM json_each(:ids) AS w "  # noqa: S608 - as above
    f"WHERE EXISTS (SELECT 1 FROM answers WHERE campaign_id = w.value AND {_USED}) OR EXISTS "
    "(SELECT 1 FROM failures WHERE campaign_id = w.value AND outcome = :outcome AND last_at >= :since)"
)


class Journal(JournalFile):
    """What is wanted and what is there. Use `BatchWriter` to add outcomes while requests run.

    Every method raises `StorageFailed` when the disk refuses, or when the file turns out to be damaged.
    """

    # The checkpoint

    def checkpoint(self) -> Checkpoint | None:
        """The run that the journal remembers; None when there is none, or none that this version can read."""
        rows = self._all("SELECT value FROM checkpoint")
        return checkpoints.decode(rows[0][0]) if rows else None

    def save(self, checkpoint: Checkpoint) -> None:
        """Remember a run, durably."""
        with self._changing():
            write_checkpoint(self._db, checkpoint)

    # Forgetting

    def clear(self) -> None:
        """Forget everything."""
        with self._changing():
            for table in ("checkpoint", "wanted", "answers", "failures", "listed"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
        with suppress(sqlite3.Error):  # only to give the room back to the disk
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def forget_older(self, cutoff: int, *, keep_not_found: bool = True) -> None:
        """Drop what was journaled before `cutoff` (milliseconds since 1970), and all failures but `not_found`."""
        outcome = "not_found" if keep_not_found else ""
        with self._changing():
            self._db.execute("DELETE FROM answers WHERE journaled_at < ?", (cutoff,))
            self._db.execute("DELETE FROM failures WHERE last_at < ? OR outcome <> ?", (cutoff, outcome))

    def forget_carried(self, *, but_from: str | None) -> None:
        """Drop what was carried over from another snapshot than `but_from`."""
        with self._changing():
            self._db.execute(
                "DELETE FROM answers WHERE carried_from IS NOT NULL AND carried_from <> ?", (but_from or "",)
            )

    def forget_list(self) -> None:
        """Drop what a list pass found, and the checkpoint's word that it is there: its run may yet be resumed."""
        checkpoint = self.checkpoint()
        with self._changing():
            self._db.execute("DELETE FROM listed")
            if checkpoint is not None:
                write_checkpoint(self._db, msgspec.structs.replace(checkpoint, listed_at=None))

    # What is wanted, what is there

    def want(self, campaign_ids: Iterable[str]) -> None:
        """The IDs that this run is about, in this order."""
        with self._changing():
            self._db.execute("DELETE FROM wanted")
            self._db.executemany(
                "INSERT OR IGNORE INTO wanted (campaign_id) VALUES (?)",
                ((campaign_id,) for campaign_id in campaign_ids),
            )

    def wanted_count(self) -> int:
        """How many IDs are wanted."""
        return int(self._one("SELECT count(*) FROM wanted"))

    def pending_count(self) -> int:
        """How many wanted IDs have no outcome yet."""
        return int(self._one(f"SELECT count(*) FROM wanted w WHERE {_PENDING}"))  # noqa: S608

    def pending(self) -> Iterator[str]:
        """The wanted IDs without an outcome, in order."""
        for (campaign_id,) in self._rows(
            f"SELECT campaign_id FROM wanted w WHERE {_PENDING} ORDER BY position"  # noqa: S608
        ):
            yield campaign_id

    def canary(self) -> str | None:
        """An ID that was fetched, if there is one."""
        rows = self._all("SELECT campaign_id FROM answers ORDER BY rowid DESC LIMIT 1")
        return rows[0][0] if rows else None

    def reusable_count(
        self, campaign_ids: Iterable[str] | None, *, since: int, keep_not_found: bool = True, carried: bool = True
    ) -> int:
        """How many of the IDs (None: of all) have an outcome that is used again.

        That is an answer, `carried` over or fetched, or proof that the campaign does not exist, journaled `since`
        (milliseconds since 1970).
        """
        values = {"since": since, "outcome": "not_found" if keep_not_found else "", "carried": carried}
        total = int(self._one(_REUSABLE, values))
        if campaign_ids is None or total == 0:
            return total
        rest, count = iter(campaign_ids), 0
        while some := list(islice(rest, LOOKED_UP)):
            count += int(self._one(_REUSABLE_OF, {**values, "ids": json.dumps(some)}))
        return count

    def new_answers(self, *, since: int) -> int:
        """How many wanted campaigns were fetched, not carried over, `since` (milliseconds since 1970)."""
        return int(
            self._one(
                "SELECT count(*) FROM wanted w JOIN answers a USING (campaign_id) "
                "WHERE a.carried_from IS NULL AND a.journaled_at >= ?",
                (since,),
            )
        )

    def fetched_ids(self) -> Iterator[str]:
        """The wanted IDs that have an answer."""
        for (campaign_id,) in self._rows("SELECT w.campaign_id FROM wanted w JOIN answers a USING (campaign_id)"):
            yield campaign_id

    def counts(self) -> Counts:
        """Where every wanted ID ended."""
        ((ok, carried),) = self._all(
            "SELECT count(*), count(a.carried_from) FROM wanted w JOIN answers a USING (campaign_id)"
        )
        failed = dict(
            self._rows(
                "SELECT f.outcome, count(*) FROM wanted w JOIN failures f USING (campaign_id) "
                "WHERE NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) GROUP BY 1"
            )
        )
        return Counts(ok=ok, carried_over=carried, **{outcome: failed.get(outcome, 0) for outcome in OUTCOMES})

    def set_listed(
        self, campaigns: Sequence[ListedCampaign], *, unchanged: Callable[[CampaignResponse, str], bool]
    ) -> None:
        """What a list pass found, oldest first, in place of what the one before did.

        The outcomes that it shows to be no longer true are dropped. `unchanged`: whether an answer is still that of the
        campaign, by its item of today; it comes with the item of the list before, which is no younger than the answer,
        or has been compared with it in the same way.
        """
        items = {campaign.campaign_id: campaign.item for campaign in campaigns}
        rows = self._rows(
            "SELECT a.campaign_id, a.fetched_at, a.status, a.body, l.item "
            "FROM answers a LEFT JOIN listed l USING (campaign_id)"
        )
        outdated = [
            (response.campaign_id,)
            for response in starmap(CampaignResponse, rows)
            if (item := items.get(response.campaign_id)) is not None and not unchanged(response, item)
        ]
        with self._changing():  # together: after a kill between the two the list would vouch for what it has not seen
            self._db.executemany("DELETE FROM answers WHERE campaign_id = ?", outdated)
            self._db.execute("DELETE FROM listed")
            self._db.executemany(
                "INSERT OR IGNORE INTO listed (campaign_id, list_type, item, checksum) VALUES (?, ?, ?, ?)",
                (with_checksum(*campaign) for campaign in campaigns),
            )
            self._db.execute("DELETE FROM failures WHERE campaign_id IN (SELECT campaign_id FROM listed)")

    def listed(self) -> Iterator[ListedCampaign]:
        """What the list pass found, in its order."""
        return starmap(ListedCampaign, self._rows("SELECT campaign_id, list_type, item FROM listed ORDER BY position"))

    def add(self, outcomes: Sequence[tuple[Outcome, int, int]]) -> None:
        """Journal (outcome, attempts, now in milliseconds) together, durably."""
        with self._changing():
            write_outcomes(self._db, outcomes)

    # Out again, in the order of the wanted IDs

    def responses(self, *, rows: int = BLOCK_ROWS, bytes_: int = BLOCK_BYTES) -> Iterator[list[CampaignResponse]]:
        """The answers in blocks of bounded size, each proven by its checksum."""
        block: list[CampaignResponse] = []
        size = 0
        # Under the wanted ID, so that an index that leads astray is found too.
        for *answer, expected, list_type, item, item_expected in self._rows(
            "SELECT w.campaign_id, a.fetched_at, a.status, a.body, a.carried_from, a.journaled_at, a.attempts, "
            "a.checksum, l.list_type, l.item, l.checksum "
            "FROM wanted w JOIN answers a USING (campaign_id) LEFT JOIN listed l USING (campaign_id) "
            "ORDER BY w.position"
        ):
            campaign_id, fetched_at, status, body, carried_from, *_ = answer
            is_listed = list_type is not None
            if checksum(answer) != expected or (
                is_listed and checksum((campaign_id, list_type, item)) != item_expected
            ):
                raise self._damaged(f"the row of {campaign_id!r} is not what was written")
            block.append(CampaignResponse(campaign_id, fetched_at, status, body, item, list_type, carried_from))
            size += len(body) + len(item or "")
            if len(block) >= rows or size >= bytes_:
                yield block
                block, size = [], 0
        if block:
            yield block

    def failures(self) -> Iterator[Failure]:
        """The IDs that gave no campaign."""
        for row in self._rows(
            "SELECT f.* FROM wanted w JOIN failures f USING (campaign_id) "
            "WHERE NOT EXISTS (SELECT 1 FROM answers a WHERE a.campaign_id = w.campaign_id) ORDER BY w.position"
        ):
            yield Failure(*row[:-1])
