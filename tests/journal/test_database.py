"""`exporter.journal.database`: what rotted is never taken for what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from exporter.errors import StorageFailed
from exporter.events import Event, Warned
from exporter.journal.journal import Journal
from exporter.journal.run_checkpoint import Checkpoint
from exporter.model import ListedCampaign
from tests.support.journals import IDENTITY, NOW, answer, failure, list_in, open_journal

CHECKPOINT = Checkpoint("20261123T020000Z", NOW)


def fill(folder: Path, number: int = 9) -> Path:
    """A journal with something in every table; returns its path."""
    journal = open_journal(folder)
    journal.want(f"cd-{n}" for n in range(number))
    list_in(journal, [ListedCampaign(f"cd-{n}", "sms", f'{{"id":"cd-{n}"}}') for n in range(number)])
    journal.add([(answer(f"cd-{n}", f'{{"n":{n}}}'), 1, NOW) for n in range(number)])
    journal.add([(failure("cd-nowhere", "not_found"), 1, NOW)])
    journal.save(CHECKPOINT)
    journal.close()
    return journal.path


def change(path: Path, sql: str) -> None:
    """Change the file behind the program's back."""
    with sqlite3.connect(path) as db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE answers SET body = '{\"n\":7}' WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET fetched_at = fetched_at + 1 WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET journaled_at = journaled_at + 1 WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET status = 201 WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET carried_from = 'x' WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET campaign_id = 'cd-X' WHERE campaign_id = 'cd-3'",
        "UPDATE answers SET body = CAST(x'ff' AS TEXT) WHERE campaign_id = 'cd-3'",
        "UPDATE failures SET outcome = 'failed'",
        "UPDATE failures SET campaign_id = 'cd-nowhera'",
        "UPDATE listed SET item = '{}' WHERE campaign_id = 'cd-3'",
        "UPDATE checkpoint SET value = replace(value, '20261123', '20261223')",
        "DROP TABLE failures",
        "ALTER TABLE listed ADD COLUMN more TEXT",
    ],
)
def test_one_changed_row_sets_the_journal_aside_with_a_warning(tmp_path: Path, sql: str) -> None:
    path = fill(tmp_path)
    change(path, sql)
    looked: list[Event] = []
    assert Journal.look(tmp_path, IDENTITY, emit=looked.append) is None
    assert [type(event) for event in looked] == [Warned]
    events: list[Event] = []
    journal = open_journal(tmp_path, events.append)
    assert [type(event) for event in events] == [Warned]
    assert "set aside as" in str(events[0])
    assert (journal.checkpoint(), journal.canary()) == (None, None)
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    journal.close()


def test_a_sound_journal_is_opened_without_a_word(tmp_path: Path) -> None:
    fill(tmp_path)
    events: list[Event] = []
    journal = open_journal(tmp_path, events.append)
    assert not events
    assert journal.checkpoint() == CHECKPOINT
    journal.close()


def test_each_damaged_journal_is_set_aside_under_a_name_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        change(fill(tmp_path), "UPDATE checkpoint SET checksum = 0")
        open_journal(tmp_path).close()
        assert len(list(tmp_path.glob("*.damaged-*"))) == number


def test_a_row_that_rots_while_the_run_is_at_work_ends_it_once_and_the_next_starts_over(tmp_path: Path) -> None:
    fill(tmp_path)
    journal = open_journal(tmp_path)
    change(journal.path, "UPDATE answers SET body = 'rotten' WHERE campaign_id = 'cd-3'")
    with pytest.raises(StorageFailed, match=r"'cd-3'.*set aside as .*damaged-1.*starts over"):
        list(journal.responses())
    events: list[Event] = []
    again = open_journal(tmp_path, events.append)
    assert not events, "the damaged file was met again"
    assert again.canary() is None
    again.close()


def rot_index(journal: Path, table: str, sound: bytes, rotten: bytes) -> None:
    """Change an entry of the index by which `table` finds a campaign; its rows stay as they are."""
    data = journal.read_bytes()
    with sqlite3.connect(journal) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        root = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = db.execute(root, (f"sqlite_autoindex_{table}_1",)).fetchone()
    db.close()
    index = data[(page - 1) * size : page * size]
    assert sound in index
    journal.write_bytes(data[: (page - 1) * size] + index.replace(sound, rotten) + data[page * size :])


@pytest.mark.parametrize("table", ["answers", "listed"])
def test_an_index_that_leads_to_another_campaign_is_damage_too(tmp_path: Path, table: str) -> None:
    """SQLite's quick check does not compare an index with its table."""
    path = fill(tmp_path)
    rot_index(path, table, b"cd-5\x06", b"cd-5\x07")  # the ID, and the position of its row
    journal = open_journal(tmp_path)
    with pytest.raises(StorageFailed, match="'cd-5'"):
        list(journal.responses())
    assert list(tmp_path.glob("*.damaged-1"))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_bytes_rot_no_answer_comes_out_other_than_it_went_in(tmp_path: Path, seed: int) -> None:
    """Damage is set aside, at the opening or when it is met; never an error of another kind, never twice."""
    path = fill(tmp_path, 60)
    data = bytearray(path.read_bytes())
    random = Random(seed)
    most = 100 if seed % 2 else len(data)  # every other time in SQLite's header
    for _ in range(random.choice([1, 3, 30])):
        data[random.randrange(most)] ^= random.randrange(1, 256)
    path.write_bytes(data)
    events: list[Event] = []
    for _ in range(3):
        journal = open_journal(tmp_path, events.append)
        try:
            assert journal.checkpoint() in (None, CHECKPOINT)
            journal.want(f"cd-{n}" for n in range(60))
            for block in journal.responses():
                for response in block:
                    number = response.campaign_id.removeprefix("cd-")
                    assert response[:4] == (response.campaign_id, NOW, 200, f'{{"n":{number}}}')
                    assert response.list_item in (None, f'{{"id":"{response.campaign_id}"}}')
            break
        except StorageFailed:
            continue
        finally:
            journal.close()
    else:
        pytest.fail("the damage was met again and again")


def test_a_journal_that_was_emptied_is_set_aside_with_its_log(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.add([(answer("a"), 1, NOW)])
    log = journal.path.with_name(journal.path.name + "-wal")
    kept = log.read_bytes()
    journal.close()
    journal.path.write_bytes(b"")
    log.write_bytes(kept)
    events: list[Event] = []
    again = open_journal(tmp_path, events.append)
    assert again.canary() is None
    assert [type(event) for event in events] == [Warned]
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.damaged-*")) == [b"", kept]
    again.close()


def lose_log(log: Path) -> None:
    log.unlink()


def rot_log(log: Path) -> None:
    log.write_bytes(Random(1).randbytes(log.stat().st_size))


def cut_log(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:20_000])


@pytest.mark.parametrize("damage", [lose_log, rot_log, cut_log])
def test_after_a_kill_a_journal_whose_log_is_lost_is_told_and_begun_anew(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The log alone has the tables; what is left is a database without any."""
    journal = open_journal(tmp_path)
    journal.add([(answer("a"), 1, NOW)])
    log = journal.path.with_name(journal.path.name + "-wal")
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in (journal.path, log):
        (killed / path.name).write_bytes(path.read_bytes())
    journal.close()
    damage(killed / log.name)
    events: list[Event] = []
    again = open_journal(killed, events.append)
    assert again.canary() is None
    assert [type(event) for event in events] == [Warned]
    again.close()


def test_a_disk_that_cannot_be_read_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill(tmp_path)
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def refuse(db: sqlite3.Connection) -> None:
        raise busy

    monkeypatch.setattr("exporter.journal.database.prove", refuse)
    with pytest.raises(StorageFailed, match="another program holds it"):
        open_journal(tmp_path)
    assert path.exists()
