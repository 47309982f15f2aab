"""`exporter.journal.journal`: the moment of truth."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from exporter.clock import SystemClock
from exporter.errors import StorageFailed
from exporter.events import Event, Warned, ignore
from exporter.journal.batch_writer import BatchWriter
from exporter.journal.database import Outcome, journal_path
from exporter.journal.journal import Journal
from exporter.model import CampaignResponse, Failure, Identity, ListedCampaign

IDENTITY = Identity("https://h", "st-1", "acc", "v2")
NOW = 1_780_000_000_000


def answer(campaign_id: str, body: str = '{"data":{}}', carried_from: str | None = None) -> CampaignResponse:
    return CampaignResponse(campaign_id, NOW, 200, body, carried_from=carried_from)


def failure(campaign_id: str, outcome: str = "failed") -> Failure:
    return Failure(campaign_id, outcome, 500, 5, "HTTP 500", None, NOW, NOW)  # type: ignore[arg-type]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=ignore)


def test_what_is_pending_is_what_is_wanted_and_not_there(journal: Journal) -> None:
    journal.want(pa.array(["c", "a", "b", "d"]))
    journal.add([(answer("a"), 1, NOW), (failure("d", "not_found"), 1, NOW)])
    assert list(journal.pending()) == ["c", "b"]
    assert (journal.wanted_count(), journal.pending_count()) == (4, 2)


def test_answers_come_out_in_the_order_of_the_wanted_ids_and_joined_with_the_list(journal: Journal) -> None:
    journal.want(["b", "a"])
    journal.set_listed([ListedCampaign("a", "sms", '{"id":"a"}')])
    journal.add([(answer("a"), 1, NOW), (answer("b"), 1, NOW), (answer("other"), 1, NOW)])
    (block,) = journal.responses()
    assert [(r.campaign_id, r.list_item, r.list_type) for r in block] == [("b", None, None), ("a", '{"id":"a"}', "sms")]


def test_blocks_are_bounded_by_rows_and_by_bytes(journal: Journal) -> None:
    ids = [f"c{n:03}" for n in range(100)]
    journal.want(ids)
    journal.add([(answer(one, "x" * 1000), 1, NOW) for one in ids])
    assert [len(block) for block in journal.responses(rows=30)] == [30, 30, 30, 10]
    assert max(len(block) for block in journal.responses(bytes_=5000)) == 5
    assert [r.campaign_id for block in journal.responses(rows=7) for r in block] == ids


def test_counts_are_of_the_wanted_ids_only_and_reconcile(journal: Journal) -> None:
    journal.want(["a", "b", "c", "d"])
    outcomes: list[Outcome] = [
        answer("a"), answer("b", carried_from="x"), failure("c", "invalid"), failure("d", "not_found"), answer("z")
    ]  # fmt: skip
    journal.add([(outcome, 1, NOW) for outcome in outcomes])
    counts = journal.counts()
    assert counts.unique == journal.wanted_count()
    assert (counts.ok, counts.carried_over, counts.invalid, counts.not_found, counts.failed) == (2, 1, 1, 1, 0)


def test_failures_are_forgotten_at_a_new_start_but_not_those_known_not_to_exist(journal: Journal) -> None:
    journal.want(["a", "b", "c"])
    journal.add([(failure("a"), 5, NOW), (failure("b", "invalid"), 1, NOW), (failure("c", "not_found"), 1, NOW)])
    journal.forget_older(NOW - 1)
    assert list(journal.pending()) == ["a", "b"]
    journal.forget_older(NOW + 1)
    assert list(journal.pending()) == ["a", "b", "c"]


def test_a_later_answer_takes_the_place_of_a_failure(journal: Journal) -> None:
    journal.want(["a"])
    journal.add([(failure("a"), 5, NOW)])
    journal.add([(answer("a"), 1, NOW)])
    assert list(journal.failures()) == []


def test_journals_of_different_accounts_are_different_files(tmp_path: Path) -> None:
    names = {journal_path(tmp_path, Identity("https://h", s, a, "v2")).name for s in "12" for a in "34"}
    assert len(names) == 4


def test_the_file_is_for_its_user_only(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_journal_is_set_aside_told_and_begun_anew(tmp_path: Path, journal: Journal) -> None:
    journal.want([f"c{n}" for n in range(3000)])
    journal.close()
    data = bytearray(journal.path.read_bytes())
    for at in range(4096, len(data), 512):
        data[at] ^= 0xFF
    journal.path.write_bytes(data)
    events: list[Event] = []
    again = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=events.append)
    assert again.wanted_count() == 0
    assert [type(event) for event in events] == [Warned]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_byte_that_rots_in_an_answer_is_found_and_only_that_answer_is_dropped(journal: Journal) -> None:
    journal.want(["a", "b"])
    journal.add([(answer("a", "first body"), 1, NOW), (answer("b"), 1, NOW)])
    with sqlite3.connect(journal.path) as db:
        db.execute("UPDATE answers SET body = 'f1rst body' WHERE campaign_id = 'a'")
    with pytest.raises(StorageFailed, match="'a'"):
        list(journal.responses())
    assert list(journal.pending()) == ["a"]


def test_all_damaged_answers_are_dropped_together(journal: Journal) -> None:
    journal.want(["a", "b", "c"])
    journal.add([(answer(one), 1, NOW) for one in "abc"])
    with sqlite3.connect(journal.path) as db:
        db.execute("UPDATE answers SET body = 'rotten' WHERE campaign_id <> 'b'")
    assert journal.drop_damaged() == ["a", "c"]
    assert list(journal.pending()) == ["a", "c"]
    assert journal.drop_damaged() == []


@pytest.mark.parametrize("column", ["fetched_at", "status", "carried_from"])
def test_all_that_is_kept_of_an_answer_is_under_its_checksum(journal: Journal, column: str) -> None:
    journal.want(["a"])
    journal.add([(answer("a"), 1, NOW)])
    with sqlite3.connect(journal.path) as db:
        db.execute(f"UPDATE answers SET {column} = 7")
    with pytest.raises(StorageFailed, match="'a'"):
        list(journal.responses())


@pytest.mark.parametrize("seed", range(40))
def test_whatever_bytes_rot_no_answer_comes_out_other_than_it_went_in(tmp_path: Path, seed: int) -> None:
    """Damage is set aside at the opening, or told of the answer it is in; never an error of another kind."""
    wanted = [f"cd-{n}" for n in range(60)]
    answers = {one: answer(one, f'{{"data":{{"_id":"{one}","name":"{one * 20}"}}}}') for one in wanted}
    journal = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=ignore)
    journal.set_listed([ListedCampaign(one, "sms", f'{{"id":"{one}"}}') for one in wanted])
    journal.set_meta("run", '{"snapshot_id":"20261124T020000Z"}')
    journal.add([(one, 1, NOW) for one in answers.values()])
    journal.close()
    data = bytearray(journal.path.read_bytes())
    random = Random(seed)
    for _ in range(random.choice([1, 3, 30])):
        data[random.randrange(len(data))] ^= random.randrange(1, 256)
    journal.path.write_bytes(data)

    events: list[Event] = []
    again = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=events.append)
    again.want(wanted)
    sound = again.list_is_sound()
    found: list[CampaignResponse] = []
    told = bool(events)
    for _ in wanted:
        try:
            found = [one for block in again.responses() for one in block]
            break
        except StorageFailed:
            told = True  # that answer is dropped; the next run asks for it again
    assert told or len(found) == len(wanted) or list(again.pending())
    for one in found:
        expected = answers[one.campaign_id]
        assert one[:4] == expected[:4]
        if sound:
            assert one.list_item == f'{{"id":"{one.campaign_id}"}}'


def rot_index(journal: Path, table: str, sound: bytes, rotten: bytes) -> None:
    """Change an entry of the index by which `table` finds a campaign; its rows stay as they are."""
    data = journal.read_bytes()
    with sqlite3.connect(journal) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        root = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = db.execute(root, (f"sqlite_autoindex_{table}_1",)).fetchone()
    index = data[(page - 1) * size : page * size]
    assert sound in index
    journal.write_bytes(data[: (page - 1) * size] + index.replace(sound, rotten) + data[page * size :])


@pytest.mark.parametrize("rotten", [b"cd-X\x06", b"cd-5\x07"], ids=["another ID", "another campaign's row"])
def test_a_list_whose_index_has_rotted_is_not_sound(tmp_path: Path, rotten: bytes) -> None:
    """SQLite's quick check does not compare an index with its table, and the answers' items are found by it."""
    journal = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=ignore)
    journal.set_listed([ListedCampaign(f"cd-{n}", "sms", f'{{"id":"cd-{n}"}}') for n in range(9)])
    assert journal.list_is_sound()
    journal.close()
    rot_index(journal.path, "listed", b"cd-5\x06", rotten)  # the ID, and the position of its row
    events: list[Event] = []
    again = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=events.append)
    assert not events
    assert not again.list_is_sound()
    again.close()


def test_an_index_that_leads_to_another_answer_is_told_and_mended_and_no_answer_is_lost(tmp_path: Path) -> None:
    wanted = [f"cd-{n}" for n in range(9)]
    journal = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=ignore)
    journal.want(wanted)
    journal.add([(answer(one), 1, NOW) for one in wanted])
    journal.close()
    rot_index(journal.path, "answers", b"cd-5\x06", b"cd-5\x07")
    events: list[Event] = []
    again = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=events.append)
    assert not events
    with pytest.raises(StorageFailed, match=r"led to another answer for 'cd-5'.*No answer is lost"):
        list(again.responses())
    assert [one for block in again.responses() for one in block] == [answer(one) for one in wanted]
    again.close()


def test_a_journal_that_was_emptied_is_set_aside_with_its_log_and_told(tmp_path: Path, journal: Journal) -> None:
    journal.add([(answer("a"), 1, NOW)])
    log = journal.path.with_name(journal.path.name + "-wal")
    kept = log.read_bytes()
    journal.close()
    journal.path.write_bytes(b"")
    log.write_bytes(kept)
    events: list[Event] = []
    again = Journal.open(tmp_path, IDENTITY, clock=SystemClock(), emit=events.append)
    assert again.canary() is None
    assert [type(event) for event in events] == [Warned]
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.damaged-*")) == [b"", kept]


def test_meta_is_kept(journal: Journal) -> None:
    assert journal.get_meta("x") is None
    journal.set_meta("x", "1")
    assert journal.get_meta("x") == "1"
    journal.clear()
    assert journal.get_meta("x") is None


def test_who_only_looks_sees_what_is_there_and_makes_nothing(tmp_path: Path, journal: Journal) -> None:
    now = 1_780_000_000_000
    journal.add(
        [
            (answer("a"), 1, now),
            (answer("b"), 1, now - 10**9),
            (failure("c", "not_found")._replace(last_at=now), 1, now),
        ]
    )
    looked = Journal.look(tmp_path, IDENTITY)
    assert looked is not None
    assert looked.fetched_since(now - 1000) == {"a", "c"}
    with pytest.raises(StorageFailed):
        looked.set_meta("x", "1")
    looked.close()
    assert Journal.look(tmp_path / "nowhere", IDENTITY) is None
    assert not (tmp_path / "nowhere").exists()


def test_a_journal_that_cannot_be_read_is_none_to_who_only_looks(tmp_path: Path, journal: Journal) -> None:
    journal.close()
    journal.path.write_bytes(b"no database" * 100)
    assert Journal.look(tmp_path, IDENTITY) is None


async def test_the_writer_tells_an_outcome_only_when_it_is_durable(journal: Journal) -> None:
    settled: list[str] = []

    def note(outcome: Outcome, attempts: int) -> None:
        with sqlite3.connect(journal.path) as other:
            found = other.execute("SELECT 1 FROM answers WHERE campaign_id = ?", (outcome.campaign_id,)).fetchone()
        assert found is not None
        settled.append(outcome.campaign_id)

    writer = BatchWriter(journal, settled=note)
    for number in range(50):
        await writer.put(answer(f"c{number}"), 1)
    await writer.close()
    assert settled == [f"c{number}" for number in range(50)]


async def test_a_disk_that_refuses_ends_the_writer_with_what_to_do(journal: Journal) -> None:
    writer = BatchWriter(journal, settled=lambda *_: None)
    with sqlite3.connect(journal.path) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    await writer.put(answer("a"), 1)
    assert isinstance(await asyncio.wait_for(writer.failed, 5), StorageFailed)
    with pytest.raises(StorageFailed, match="disk is full"):
        await writer.put(answer("b"), 1)
